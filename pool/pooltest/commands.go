package pooltest

import (
	"testing"

	"github.com/redlatch/redlatch/pool"
)

// RunCommands tests how many commands a driver sends to a server that knows the
// scripts: two of a pair of acquire and release, and one of a refused acquire. None
// of them counts as sent twice. Dial is as for [RunNetwork].
func RunCommands(t *testing.T, dial func(t testing.TB, addr string) pool.Pool) {
	s := NewServer(t)
	c := conformance{dial(t, s.Addr())}
	want := func(state pool.State, op pool.Op, value string) {
		t.Helper()
		if a := c.want(t, state, pool.Request{Op: op, Name: "n", Value: value}); a.Resent {
			t.Errorf("%v counts as sent twice", op)
		}
	}
	want(pool.Yes, pool.Acquire, "v")
	want(pool.Yes, pool.Release, "v")
	commands := map[string]int{"SET": 2, "EVALSHA": 1, "EVAL": 0, "COMMAND": 0}
	before := make(map[string]int)
	for name := range commands {
		before[name] = s.Count(name)
	}
	want(pool.Yes, pool.Acquire, "v")
	want(pool.Other, pool.Acquire, "w")
	want(pool.Yes, pool.Release, "v")
	for name, want := range commands {
		if got := s.Count(name) - before[name]; got != want {
			t.Errorf("%d times %s, want %d", got, name, want)
		}
	}
}
