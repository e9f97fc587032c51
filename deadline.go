package redlatch

import "time"

// A deadline is a point in time by both of the machine's clocks. The monotonic
// one stands still while a machine sleeps; the wall clock can be set back. By
// whichever is later, the deadline has passed.
type deadline struct {
	mono time.Time // with a monotonic reading
	wall time.Time // without
}

func newDeadline(t time.Time) deadline { return deadline{mono: t, wall: t.Round(0)} }

func (d deadline) isZero() bool { return d.mono.IsZero() }

func (d deadline) passed(now time.Time) bool {
	return !now.Before(d.mono) || !now.Round(0).Before(d.wall)
}
