// Package goredistest is what the tests of the drivers for go-redis have in
// common.
package goredistest

import (
	"context"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// A Kind returns a new client of one kind, for whoever listens at addr, and the
// node behind it. The client is closed when the test ends.
type Kind func(t testing.TB, addr string) pool.Pool

// RunKinds tests that each kind keeps the contract of package pool.
func RunKinds(t *testing.T, kinds map[string]Kind) {
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			pooltest.RunNetwork(t, pooltest.NewServer(t).Addr(), open)
		})
	}
}

// RunCommands tests how many commands a kind sends: of a pair of acquire and
// release, on a server that knows the scripts, two; of a refused acquire, one.
func RunCommands(t *testing.T, open Kind) {
	s := pooltest.NewServer(t)
	node := open(t, s.Addr())
	ask := func(op pool.Op, value string, want pool.State) {
		t.Helper()
		a, err := node.Ask(context.Background(), pool.Request{Op: op, Name: "n", Value: value, Expiry: time.Minute})
		if err != nil || a.State != want || a.Resent {
			t.Fatalf("%v: %+v, %v, want %v", op, a, err, want)
		}
	}
	ask(pool.Acquire, "v", pool.Yes)
	ask(pool.Release, "v", pool.Yes)
	names := []string{"SET", "EVALSHA", "EVAL", "COMMAND"}
	before := make(map[string]int)
	for _, name := range names {
		before[name] = s.Count(name)
	}
	ask(pool.Acquire, "v", pool.Yes)
	ask(pool.Acquire, "w", pool.Other)
	ask(pool.Release, "v", pool.Yes)
	for i, want := range []int{2, 1, 0, 0} {
		if got := s.Count(names[i]) - before[names[i]]; got != want {
			t.Errorf("%d times %s, want %d", got, names[i], want)
		}
	}
}
