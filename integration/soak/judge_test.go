package soak

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/redlatch/redlatch/internal/history"
)

// call returns a call about a's or b's lock, as that client sees it.
func call(client string, op history.Op, start, end time.Duration) history.Call {
	return history.Call{Client: client, Name: "lock", Value: client + "'s value", Op: op, OK: true, Start: start, End: end}
}

func locks(client string, start, end, until time.Duration) history.Call {
	c := call(client, history.Lock, start, end)
	c.Until = until
	return c
}

func extends(client string, start, end, until time.Duration) history.Call {
	c := call(client, history.Extend, start, end)
	c.Until = until
	return c
}

func valid(client string, start, end time.Duration) history.Call {
	return call(client, history.Valid, start, end)
}

func unlocks(client string, start, end time.Duration) history.Call {
	return call(client, history.Unlock, start, end)
}

func fails(c history.Call) history.Call {
	c.OK, c.Until = false, 0
	if c.Op == history.Lock {
		c.Value = ""
	}
	return c
}

func elsewhere(c history.Call) history.Call {
	c.Name = "another"
	return c
}

// Each judge finds what is wrong, and nothing in what is right.
func TestJudge(t *testing.T) {
	const ok, illegal = porcupine.Ok, porcupine.Illegal
	a := locks("a", 10, 20, 100) // what most begin with
	for _, c := range []struct {
		name     string
		calls    []history.Call
		overlaps int
		order    porcupine.CheckResult
	}{
		{"nothing", nil, 0, ok},
		{"a Lock", []history.Call{a}, 0, ok},
		{"two locks", []history.Call{a, elsewhere(locks("b", 10, 20, 100))}, 0, ok},
		{"two Locks at once", []history.Call{a, locks("b", 10, 20, 100)}, 1, illegal},
		{"a Lock before Until", []history.Call{a, locks("b", 30, 99, 200)}, 1, illegal},
		{"a Lock after Until", []history.Call{a, locks("b", 30, 101, 200)}, 0, ok},
		{"a Lock that failed", []history.Call{a, fails(locks("b", 30, 50, 0))}, 0, ok},
		{"two Locks after one Until", []history.Call{a, locks("b", 30, 101, 200), locks("c", 30, 102, 200)}, 1, illegal},

		{"a Lock before Unlock was called", []history.Call{a, unlocks("a", 50, 60), locks("b", 30, 49, 200)}, 1, illegal},
		{"a Lock while Unlock is under way", []history.Call{a, unlocks("a", 50, 60), locks("b", 30, 51, 200)}, 0, ok},
		{"a Lock after Unlock", []history.Call{a, unlocks("a", 50, 60), locks("b", 70, 80, 200)}, 0, ok},
		{"a Lock while Unlock fails", []history.Call{a, fails(unlocks("a", 50, 60)), locks("b", 30, 51, 200)}, 0, ok},
		{"a Lock before Unlock fails", []history.Call{a, fails(unlocks("a", 50, 60)), locks("b", 30, 49, 200)}, 1, illegal},
		{"a Lock long after Unlock failed", []history.Call{a, fails(unlocks("a", 50, 60)), locks("b", 70, 80, 200)}, 0, ok},
		{"a Lock after Until, before Unlock fails", []history.Call{a, locks("b", 30, 101, 200), fails(unlocks("a", 150, 160))}, 0, ok},
		{"an Unlock after another's Lock", []history.Call{a, locks("b", 101, 110, 200), unlocks("a", 120, 130)}, 0, illegal},
		{"an Unlock under way at another's Lock", []history.Call{a, locks("b", 101, 110, 200), unlocks("a", 109, 130)}, 0, ok},
		{"an Unlock after Until", []history.Call{a, unlocks("a", 120, 130)}, 0, ok},
		{"an Unlock that failed, and again", []history.Call{a, fails(unlocks("a", 50, 60)), locks("b", 55, 58, 200), unlocks("a", 70, 80)}, 0, ok},

		{"an Extend", []history.Call{a, extends("a", 50, 60, 150), locks("b", 140, 151, 200)}, 0, ok},
		{"a Lock before the new Until", []history.Call{a, extends("a", 50, 60, 150), locks("b", 140, 149, 200)}, 1, illegal},
		{"an Extend that failed", []history.Call{a, fails(extends("a", 50, 60, 0)), locks("b", 90, 101, 200)}, 0, ok},
		{"an Extend to less", []history.Call{a, extends("a", 50, 60, 80), locks("b", 70, 81, 200)}, 0, ok},
		{"an Extend after another's Lock", []history.Call{a, locks("b", 101, 110, 200), extends("a", 120, 130, 220)}, 1, illegal},
		{"an Extend after another's Unlock", []history.Call{a, locks("b", 101, 110, 200), unlocks("b", 111, 115), extends("a", 120, 130, 220)}, 0, illegal},
		{"an Extend after one's own Unlock", []history.Call{a, unlocks("a", 50, 60), extends("a", 70, 80, 170)}, 0, illegal},

		{"a Valid", []history.Call{a, valid("a", 50, 60)}, 0, ok},
		{"a Valid after Until", []history.Call{a, valid("a", 120, 130)}, 0, ok},
		{"a Valid of what was never locked", []history.Call{valid("a", 50, 60)}, 0, illegal},
		{"a Valid after another's Lock", []history.Call{a, locks("b", 101, 110, 200), valid("a", 120, 130)}, 0, illegal},
		{"a Valid under way at another's Lock", []history.Call{a, locks("b", 101, 110, 200), valid("a", 109, 130)}, 0, ok},
		{"a Valid after one's own Unlock", []history.Call{a, unlocks("a", 50, 60), valid("a", 70, 80)}, 0, illegal},
		{"a Valid that failed", []history.Call{a, unlocks("a", 50, 60), fails(valid("a", 70, 80))}, 0, ok},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Judge(c.calls, time.Minute)
			if len(v.Overlaps) != c.overlaps || v.Order != c.order {
				t.Errorf("got %d overlaps and order %s, want %d and %s", len(v.Overlaps), v.Order, c.overlaps, c.order)
			}
			if good := c.overlaps == 0 && c.order == ok; (v.Err() == nil) != good {
				t.Errorf("got %v", v.Err())
			}
			if _, found := v.stuck(); found != (c.order == illegal) {
				t.Errorf("got %v that something fits nowhere, with order %s", found, c.order)
			}
		})
	}
}

// A judge that has not come to an end has not acquitted.
func TestJudgeInTime(t *testing.T) {
	var calls []history.Call
	for i := range 60 { // all at once: in any order, until one finds that none will do
		client := string(rune('A' + i))
		calls = append(calls, locks(client, 10, 1000, 2000), unlocks(client, 11, 999))
	}
	calls = append(calls, valid("nobody", 1001, 1002))
	v := Judge(calls, time.Millisecond)
	if v.Order != porcupine.Unknown || v.Err() == nil {
		t.Errorf("got %s, %v, want that it is not known, and an error", v.Order, v.Err())
	}
}

// What went wrong is shown, with what befell whom meanwhile, and drawn.
func TestConclude(t *testing.T) {
	l := newLog()
	l.event("node #1: pause")
	l.call(locks("a", l.start+10, l.start+20, l.start+100))
	l.call(locks("b", l.start+30, l.start+50, l.start+200))
	_, err := l.conclude()
	if err == nil {
		t.Fatal("got no error")
	}
	text := err.Error()
	for _, want := range []string{"two holders", "no order", "Lock b's ", "node #1: pause", "faults"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s\nwhich lacks %q", text, want)
		}
	}
	_, file, _ := strings.Cut(text, "drawn in ")
	if drawn, err := os.ReadFile(file); err != nil || len(drawn) == 0 {
		t.Errorf("got a drawing of %d bytes, %v", len(drawn), err)
	}
	os.Remove(file)
}

// Other rules that are broken are told, too.
func TestConcludeViolations(t *testing.T) {
	l := newLog()
	if _, err := l.conclude(); err != nil {
		t.Errorf("got %v of nothing", err)
	}
	l.took(locks("a", 0, 0, 0), late+10*time.Millisecond, 10*time.Millisecond)
	if _, err := l.conclude(); err != nil {
		t.Errorf("got %v of a call that took as long as it may", err)
	}
	l.took(locks("a", 0, 0, 0), late+11*time.Millisecond, 10*time.Millisecond)
	if _, err := l.conclude(); err == nil || !strings.Contains(err.Error(), "with a bound of 10ms") {
		t.Errorf("got %v of a call that took longer than it may", err)
	}
}

func TestHandovers(t *testing.T) {
	got := handovers([]history.Call{
		locks("a", 10, 20, 100),
		locks("b", 30, 101, 200), unlocks("b", 110, 120),
		locks("c", 130, 140, 200), fails(unlocks("c", 150, 160)),
		locks("d", 170, 210, 300), elsewhere(locks("e", 170, 210, 300)),
	})
	if got != 2 {
		t.Errorf("got %d handovers after a lock that was not unlocked, want 2", got)
	}
}
