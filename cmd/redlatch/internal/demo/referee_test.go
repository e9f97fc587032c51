package demo

import (
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

// told returns events as they are printed, those that are drawn only left out.
func told(events []event) string {
	var told []string
	for _, e := range events {
		if e.kind != waiting && e.kind != ended {
			told = append(told, e.String())
		}
	}
	return strings.Join(told, "\n")
}

func TestRefereeSeesTurns(t *testing.T) {
	r := newReferee(2)
	var events []event
	add := func(e []event) { events = append(events, e...) }
	add(r.wait(1, 0))
	add(r.wait(2, 0))
	add(r.enter(1, 10*ms, time.Second))
	add(r.leave(1, 30*ms, false))
	add(r.enter(2, 30*ms, time.Second)) // at the very moment: no overlap
	add(r.leave(2, 75*ms, false))
	want := `replica 1 acquired (waited 10 ms)
replica 1 released (held 20 ms)
replica 2 acquired (waited 30 ms)
replica 2 released (held 45 ms)`
	if got := told(events); got != want || r.overlaps != 0 {
		t.Errorf("got %d overlaps and\n%s\nwant none and\n%s", r.overlaps, got, want)
	}
}

func TestRefereeSeesOverlap(t *testing.T) {
	r := newReferee(3)
	r.enter(1, 10*ms, time.Second)
	if got, want := told(r.enter(2, 20*ms, time.Second)), "replica 2 acquired (waited 20 ms)\nOVERLAP: replica 2 entered with replica 1 inside"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := told(r.enter(3, 30*ms, time.Second)), "OVERLAP: replica 3 entered with replica 1 and replica 2 inside"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
	if r.overlaps != 2 {
		t.Errorf("got %d overlaps, want 2", r.overlaps)
	}
	r.leave(1, 40*ms, false)
	r.leave(2, 40*ms, false)
	r.leave(3, 40*ms, false)
	if r.enter(1, 50*ms, time.Second); r.overlaps != 2 {
		t.Errorf("got %d overlaps after one by itself, want 2", r.overlaps)
	}
}

func TestRefereeTakesExpiredLockForLost(t *testing.T) {
	r := newReferee(2)
	r.enter(1, 10*ms, 100*ms)
	events := r.enter(2, 110*ms, time.Second)
	want := "replica 1 lost the lock: its time was over before it was done\nreplica 2 acquired (waited 110 ms)"
	if got := told(events); got != want || events[0].at != 110*ms {
		t.Errorf("got, the first at %v,\n%s\nwant at 110ms\n%s", events[0].at, got, want)
	}
	if got := told(r.leave(1, 120*ms, true)); got != "" { // it notices, too
		t.Errorf("got %q when it is noticed again, want nothing", got)
	}
	if r.overlaps != 0 || r.seats[0].lost != 1 {
		t.Errorf("got %d overlaps and %d lost, want 0 and 1", r.overlaps, r.seats[0].lost)
	}
}

func TestRefereeNotesLossThatTheReplicaNoticed(t *testing.T) {
	r := newReferee(1)
	r.enter(1, 10*ms, 100*ms)
	r.leave(1, 109*ms, true)
	if r.seats[0].lost != 1 {
		t.Errorf("got %d lost, want 1", r.seats[0].lost)
	}
}

func TestRefereeNotesCrashInside(t *testing.T) {
	r := newReferee(2)
	r.enter(1, 10*ms, time.Second)
	want := "replica 1: it died, with the lock, which the others get when it expires"
	if got := told(r.end(1, 20*ms, "it died")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if r.enter(2, 30*ms, time.Second); r.overlaps != 0 {
		t.Errorf("got an overlap with a replica that was gone")
	}
	if r.over() {
		t.Error("got over, but replica 2 is there")
	}
	r.end(2, 40*ms, "")
	if !r.over() {
		t.Error("got not over when all had ended")
	}
}
