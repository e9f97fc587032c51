package demo

import (
	"os"
	"os/signal"
	"syscall"
)

// LeaveSignalsToParent makes the process of a replica deaf to the signals that a
// terminal sends to all processes at once: it is its parent that tells it to
// end. A pipe that breaks because the parent is gone must not end it either, for
// it may have a lock to give back.
func LeaveSignalsToParent() {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
}
