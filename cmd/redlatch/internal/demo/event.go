package demo

import (
	"fmt"
	"time"
)

// An event is what those who watch the demo are told.
type event struct {
	kind    kind
	at      time.Duration // since the start
	replica int           // from 1; 0 if it is about none
	node    int           // from 1; 0 if it is about none
	lasted  time.Duration // of entered: the wait; of left: the turn
	text    string        // the rest, in words
}

type kind uint8

const (
	waiting    kind = iota + 1 // a replica asks for the lock
	entered                    // it has it
	left                       // it is done
	lost                       // its lock came to its end while it was inside
	overlapped                 // it entered while another was inside
	ended                      // it takes no further turn
	failed                     // something that must not be has happened to it
	unsure                     // nobody has confirmed that it gave the lock back
	said                       // it has written a line to its stderr
	nodeDown                   // a server was stopped
	nodeUp                     // it was started again
	noted                      // something else
)

// String returns the event in words, without its time.
func (e event) String() string {
	switch e.kind {
	case entered:
		return fmt.Sprintf("replica %d acquired (waited %s)", e.replica, milliseconds(e.lasted))
	case left:
		return fmt.Sprintf("replica %d released (held %s)", e.replica, milliseconds(e.lasted))
	case lost:
		return fmt.Sprintf("replica %d lost the lock: its time was over before it was done", e.replica)
	case overlapped:
		return fmt.Sprintf("OVERLAP: replica %d entered with %s inside", e.replica, e.text)
	case unsure:
		return fmt.Sprintf("replica %d does not know whether the lock was released: %s", e.replica, e.text)
	case failed, said:
		return fmt.Sprintf("replica %d: %s", e.replica, e.text)
	}
	return e.text
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
