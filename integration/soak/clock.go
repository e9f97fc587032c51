package soak

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock reads the clock that all processes of a machine share.
func clock() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err) // there is no system without it
	}
	return time.Duration(now.Nano())
}

// onClock converts a lock's Until: to the earlier of what the monotonic and the wall
// clock make of it, as the lock's holder has to.
func onClock(until time.Time) time.Duration {
	// In this order: a process that is stopped in between believes to hold the lock
	// for less long than it might, and is accused of nothing.
	at := clock()
	now := time.Now()
	return at + min(until.Sub(now), until.Round(0).Sub(now.Round(0)))
}
