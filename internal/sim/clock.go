package sim

import (
	"time"
	"unsafe"
)

// A clock is a client's: two readings, as a machine has them, that run at a rate of
// their own, and that may jump. It is known in advance, for the whole of a world, so
// that it can be asked when it will show a time.
type clock []stretch // by their beginning; the first begins at 0

// origin is what every clock shows when a world begins. It has both readings, which
// times in a bubble have not.
var origin = time.Now()

// A stretch is a time in which a clock runs evenly.
type stretch struct {
	from       time.Duration // true time
	mono, wall time.Duration // what the clock shows then, since the world began
	monoRate   float64       // 0 while the machine is suspended
	wallRate   float64
}

func newClock(rate float64) clock { return clock{{monoRate: rate, wallRate: rate}} }

// suspend stops the monotonic clock for a while.
func (c *clock) suspend(at, d time.Duration) {
	rate := (*c)[0].wallRate
	s := c.at(at)
	s.monoRate = 0
	*c = append(*c, s)
	s = c.at(at + d)
	s.monoRate = rate
	*c = append(*c, s)
}

// step sets the wall clock forward, or back.
func (c *clock) step(at, by time.Duration) {
	s := c.at(at)
	s.wall += by
	*c = append(*c, s)
}

// at returns the stretch that t is in, as if it began at t.
func (c clock) at(t time.Duration) stretch {
	s := c[0]
	for _, next := range c[1:] {
		if next.from > t {
			break
		}
		s = next
	}
	d := float64(t - s.from)
	s.mono += time.Duration(d * s.monoRate)
	s.wall += time.Duration(d * s.wallRate)
	s.from = t
	return s
}

// read returns what time.Now would at the true time t.
func (c clock) read(t time.Duration) time.Time {
	s := c.at(t)
	return withReadings(origin.Add(s.mono), origin.Add(s.wall))
}

// withReadings returns the time with the monotonic reading of one time and the wall
// clock's reading of another. Only the runtime makes times of which the one can be
// chosen without the other.
func withReadings(mono, wall time.Time) time.Time {
	(*readings)(unsafe.Pointer(&wall)).mono = (*readings)(unsafe.Pointer(&mono)).mono
	return wall
}

// readings is how a time.Time with a monotonic reading is laid out. A test shows that
// it still is.
type readings struct {
	wall uint64
	mono int64
	_    *time.Location
}

// passes returns the true time, now or later, at which until will have passed by one
// of the two readings.
func (c clock) passes(now time.Duration, until time.Time) time.Duration {
	mono, wall := until.Sub(origin), until.Round(0).Sub(origin.Round(0))
	for i, s := range c {
		end := never
		if i+1 < len(c) {
			end = c[i+1].from
		}
		if end <= now {
			continue
		}
		passed := min(s.when(s.mono, s.monoRate, mono), s.when(s.wall, s.wallRate, wall))
		if passed < end {
			return max(now, passed)
		}
	}
	panic("sim: a clock that never gets there")
}

// when returns when a reading that runs at rate, and was at from when s began, gets
// to target; the end of time if it never does.
func (s stretch) when(from time.Duration, rate float64, target time.Duration) time.Duration {
	switch {
	case target <= from:
		return s.from
	case rate == 0:
		return never
	}
	return s.from + time.Duration(float64(target-from)/rate)
}
