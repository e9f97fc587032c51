package demo

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// spans are lengths of time, in their order, each without its end. The last may
// still be open.
type spans []span

type span struct{ from, to time.Duration }

const forever = time.Duration(math.MaxInt64)

func (s *spans) open(at time.Duration) { *s = append(*s, span{at, forever}) }

// close ends the open span, if there is one, and reports whether there was.
func (s spans) close(at time.Duration) bool {
	if len(s) == 0 || s[len(s)-1].to != forever {
		return false
	}
	s[len(s)-1].to = at
	return true
}

// at reports whether one of the spans includes the given time.
func (s spans) at(t time.Duration) bool { return s.touch(t, t+1) }

// touch reports whether one of the spans includes a time from the first of the
// two given to before the second.
func (s spans) touch(from, to time.Duration) bool {
	// The last one that began before to: those before it ended sooner.
	n, _ := slices.BinarySearchFunc(s, to, func(s span, to time.Duration) int { return cmp.Compare(s.from, to) })
	return from < to && n > 0 && s[n-1].to > from
}
