package child

import (
	"time"

	"golang.org/x/sys/unix"
)

// originHere and originShared are one moment, by Go's clock and by the one that all
// processes of a machine share: they run alike.
var originHere, originShared = origin()

// attempts is how often origin looks.
const attempts = 100

// origin reads both clocks, so often that once at least nothing has come in between: a
// process that is stopped between the two readings would be ahead of all others.
func origin() (here time.Time, shared time.Duration) {
	best := time.Hour
	for range attempts {
		before := time.Now()
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			panic(err) // there is no system without it
		}
		if took := time.Since(before); took < best {
			best, here, shared = took, before.Add(took/2), time.Duration(now.Nano())
		}
	}
	return here, shared
}

// Clock reads CLOCK_MONOTONIC, which all processes of a machine share.
func Clock() time.Duration { return originShared + time.Since(originHere) }

// SleepUntil returns when Clock reads at or more.
func SleepUntil(at time.Duration) { time.Sleep(at - Clock()) }
