package redlatch

import (
	"testing"
	"time"
)

// R11: a deadline has passed by whichever clock says so first: the monotonic
// one stands still while the machine is suspended, the wall clock is set back.
func TestDeadline(t *testing.T) {
	now := time.Now()
	past, future := now.Add(-time.Nanosecond), now.Add(time.Nanosecond)
	for _, test := range []struct {
		name string
		d    deadline
		want bool
	}{
		{"neither clock", deadline{mono: future, wall: future.Round(0)}, false},
		{"the monotonic clock", deadline{mono: past, wall: future.Round(0)}, true},
		{"the wall clock", deadline{mono: future, wall: past.Round(0)}, true},
		{"both clocks", deadline{mono: past, wall: past.Round(0)}, true},
		{"at the deadline", newDeadline(now), true},
		{"just before", newDeadline(future), false},
		{"the zero deadline", deadline{}, true},
	} {
		if got := test.d.passed(now); got != test.want {
			t.Errorf("%s: passed is %v, want %v", test.name, got, test.want)
		}
	}
}
