package demo

import (
	"sync"
	"time"
)

// A stage is where the replicas are heard, each by a goroutine of its own, and
// what they did is taken from by the one that shows it. It is safe for concurrent
// use.
//
// Whoever shows it takes the events and the time in one step, so that all that
// had happened by then is known. It may be slow: no replica waits for it.
type stage struct {
	start time.Time // everything is told in time since then

	mu      sync.Mutex
	referee *referee      // guarded by mu
	events  []event       // not yet taken; guarded by mu
	over    time.Duration // when the last replica ended; 0 before; guarded by mu
}

func newStage(replicas int) *stage {
	return &stage{start: time.Now(), referee: newReferee(replicas)}
}

// hear notes what a replica says, and reports whether it waits for an answer.
func (s *stage) hear(replica int, m message) (answer bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Since(s.start) // under mu: time passes in the order of the events
	switch m.Say {
	case sayWait:
		s.add(s.referee.wait(replica, now)...)
	case sayEnter:
		s.add(s.referee.enter(replica, now, time.Duration(m.LeftMS)*time.Millisecond)...)
		return true
	case sayLeave, sayLost:
		s.add(s.referee.leave(replica, now, m.Say == sayLost)...)
		return true
	case sayUnsure:
		// No failure: with a server that has just gone there may be no majority
		// left to confirm it, and the next turn shows whether it is so.
		s.add(event{kind: unsure, at: now, replica: replica, text: m.Error})
	case sayDone:
		s.referee.seats[replica-1].why = m.Error
		s.end(replica, now, "")
	}
	return false
}

// gone notes that a replica's process has ended, and how if not well.
func (s *stage) gone(replica int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	s.end(replica, time.Since(s.start), trouble)
}

// end notes a replica's end. The caller holds mu.
func (s *stage) end(replica int, now time.Duration, trouble string) {
	s.add(s.referee.end(replica, now, trouble)...)
	if s.over == 0 && s.referee.over() {
		s.over = now
	}
}

// said notes a line of a replica's stderr.
func (s *stage) said(replica int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(event{kind: said, at: time.Since(s.start), replica: replica, text: text})
}

// note notes something that is about a node.
func (s *stage) note(k kind, node int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(event{kind: k, at: time.Since(s.start), node: node, text: text})
}

// add notes events. The caller holds mu.
func (s *stage) add(events ...event) { s.events = append(s.events, events...) }

// take returns what has happened since the last take, and up to what time that
// is. Time stands still when the last replica has ended.
func (s *stage) take() ([]event, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	if s.over > 0 {
		return events, s.over
	}
	return events, time.Since(s.start)
}

// summary returns what there is to sum up. It is for when all is over.
func (s *stage) summary() summary {
	s.mu.Lock()
	defer s.mu.Unlock()
	return summary{seats: s.referee.seats, overlaps: s.referee.overlaps, lasted: s.over}
}
