// Package machine is what a lock takes from the machine that it runs on: the time, and
// chance. The simulator has machines of its own.
package machine

import (
	"math/rand/v2"
	"time"
)

// A Machine may be used by several goroutines at once.
type Machine interface {
	// Now returns the time by both clocks, the monotonic and the wall clock, like
	// time.Now.
	Now() time.Time

	// N returns a random duration from 0 up to n, which is more than 0, and without n.
	N(n time.Duration) time.Duration
}

// An Option is an option of a mutex that says on which machine it runs, if that is
// not Real.
type Option interface{ Machine() Machine }

// Real is the machine that the program runs on.
type Real struct{}

var _ Machine = Real{}

// Now is time.Now.
func (Real) Now() time.Time { return time.Now() }

// N is rand.N.
func (Real) N(n time.Duration) time.Duration { return rand.N(n) }
