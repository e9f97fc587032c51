package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A referee knows who is inside, from what the replicas say and from nothing
// else: it does not ask the lock. A replica says that it enters when it has the
// lock already, and that it leaves while it has it still, and goes on only when
// that was noted. So two are never inside at once, unless two hold the lock.
//
// It is not safe for concurrent use. Times are since the start; what its methods
// return is what there is to tell about it.
type referee struct {
	seats    []seat // one for each replica
	overlaps int    // how often one entered while another was inside
}

// A seat is one replica as the referee sees it.
type seat struct {
	waiting bool
	inside  bool
	ended   bool
	since   time.Duration   // of the wait or the turn that is under way
	until   time.Duration   // when the lock of the turn that is under way is over
	waits   []time.Duration // one for each turn, also for that under way
	vain    time.Duration   // the wait that the end cut short
	lost    int             // turns whose lock was over before they were
	why     string          // why the last try to get in failed
	trouble string          // what went wrong first, if anything did
}

func newReferee(replicas int) *referee { return &referee{seats: make([]seat, replicas)} }

// wait notes that a replica asks for the lock.
func (r *referee) wait(replica int, now time.Duration) []event {
	s := &r.seats[replica-1]
	s.waiting, s.since = true, now
	return []event{{kind: waiting, at: now, replica: replica}}
}

// enter notes that a replica goes in, with a lock that lasts for valid at most.
func (r *referee) enter(replica int, now, valid time.Duration) []event {
	events := r.expire(now)
	s := &r.seats[replica-1]
	others := r.insiders()
	waited := now - s.since
	s.waits = append(s.waits, waited)
	s.waiting, s.inside, s.since, s.until = false, true, now, now+valid
	events = append(events, event{kind: entered, at: now, replica: replica, lasted: waited})
	if len(others) > 0 {
		r.overlaps++
		events = append(events, event{kind: overlapped, at: now, replica: replica, text: strings.Join(others, " and ")})
	}
	return events
}

// leave notes that a replica is done, or that it had to be: its lock is lost.
func (r *referee) leave(replica int, now time.Duration, lockLost bool) []event {
	events := r.expire(now)
	s := &r.seats[replica-1]
	switch {
	case !s.inside: // its lock's end was noted before
	case lockLost:
		events = append(events, r.lose(replica, now))
	default:
		s.inside = false
		events = append(events, event{kind: left, at: now, replica: replica, lasted: now - s.since})
	}
	return events
}

// end notes that a replica takes no further turn: of its own accord, or, if
// trouble is not "", because of that. Without trouble the second time is none.
func (r *referee) end(replica int, now time.Duration, trouble string) []event {
	events := r.expire(now)
	s := &r.seats[replica-1]
	if trouble != "" {
		if s.inside {
			trouble += ", with the lock, which the others get when it expires"
		}
		events = append(events, r.fail(replica, now, trouble))
	}
	if s.ended {
		return events
	}
	if s.waiting {
		s.vain = now - s.since
	}
	s.waiting, s.inside, s.ended = false, false, true
	return append(events, event{kind: ended, at: now, replica: replica})
}

// over reports whether all replicas have ended.
func (r *referee) over() bool {
	return !slices.ContainsFunc(r.seats, func(s seat) bool { return !s.ended })
}

// fail notes that a replica met with trouble.
func (r *referee) fail(replica int, now time.Duration, trouble string) event {
	if s := &r.seats[replica-1]; s.trouble == "" {
		s.trouble = trouble
	}
	return event{kind: failed, at: now, replica: replica, text: trouble}
}

// expire notes the end of those inside whose lock is over: it may be another's
// by now, and that would be no overlap.
func (r *referee) expire(now time.Duration) []event {
	var events []event
	for i, s := range r.seats {
		if s.inside && now >= s.until {
			events = append(events, r.lose(i+1, s.until))
		}
	}
	return events
}

func (r *referee) lose(replica int, at time.Duration) event {
	s := &r.seats[replica-1]
	s.inside = false
	s.lost++
	return event{kind: lost, at: at, replica: replica}
}

func (r *referee) insiders() []string {
	var inside []string
	for i, s := range r.seats {
		if s.inside {
			inside = append(inside, fmt.Sprintf("replica %d", i+1))
		}
	}
	return inside
}
