package pooltest

import (
	"testing"

	"github.com/redlatch/redlatch/pool"
)

// RunLine is Run for how those stand in line who poll, at a node that keeps lines.
func RunLine(t *testing.T, p pool.Pool) {
	c := conformance{p}
	name := c.name(t, "holder", "a", "b", "c", "d")
	wait := func(value string) pool.Answer {
		t.Helper()
		return c.ask(t, pool.Request{Op: pool.Acquire, Name: name, Value: value, Wait: true, Again: true, TellNext: true})
	}
	hand := func(value, next, want string) {
		t.Helper()
		c.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: value, HandOver: true, Next: next})
		wantTTL(t, c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: want}), pool.Reservation)
	}
	c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "holder"})
	for i, value := range []string{"a", "b", "c", "d"} {
		a := wait(value)
		if a.State != pool.Other || a.Place != i+1 || a.Owner != "holder" {
			t.Fatalf("%q is told %+v, want that it is behind %d others, and holder", value, a, i)
		}
	}
	c.want(t, pool.Other, pool.Request{Op: pool.Release, Name: name, Value: "c", Again: true})
	hand("holder", " c", "a") // who is to be next has gone
	a := wait("a")
	if a.State != pool.Yes || a.Next != " b" {
		t.Fatalf("it is told %+v, want that it has the key, and b is next", a)
	}
	hand("a", " d", "d")
	hand("d", "", "b")
	c.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "b", HandOver: true})
	c.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "b"})
}
