package sim

import (
	"testing"
	"time"
)

// What a clock shows can be chosen for both readings.
func TestReadings(t *testing.T) {
	got := withReadings(origin.Add(time.Minute), origin.Add(-time.Hour))
	if d := got.Sub(origin); d != time.Minute {
		t.Errorf("by the monotonic clock it is %v later, want 1m", d)
	}
	if d := got.Round(0).Sub(origin.Round(0)); d != -time.Hour {
		t.Errorf("by the wall clock it is %v later, want -1h", d)
	}
}

func TestClock(t *testing.T) {
	c := newClock(1.5)
	c.suspend(10*time.Second, 4*time.Second)
	back := newClock(1)
	back.step(10*time.Second, -time.Minute)
	for _, x := range []struct {
		name       string
		clock      clock
		at         time.Duration
		mono, wall time.Duration
	}{
		{"before", c, 2 * time.Second, 3 * time.Second, 3 * time.Second},
		{"suspended", c, 12 * time.Second, 15 * time.Second, 18 * time.Second},
		{"after", c, 16 * time.Second, 18 * time.Second, 24 * time.Second},
		{"before it is set back", back, 9 * time.Second, 9 * time.Second, 9 * time.Second},
		{"set back", back, 11 * time.Second, 11 * time.Second, -49 * time.Second},
	} {
		got := x.clock.read(x.at)
		if d := got.Sub(origin); d != x.mono {
			t.Errorf("%s: the monotonic clock shows %v, want %v", x.name, d, x.mono)
		}
		if d := got.Round(0).Sub(origin.Round(0)); d != x.wall {
			t.Errorf("%s: the wall clock shows %v, want %v", x.name, d, x.wall)
		}
	}
}

func TestPasses(t *testing.T) {
	asleep, back, forward := newClock(1), newClock(1), newClock(2)
	asleep.suspend(2*time.Second, 4*time.Second)
	back.step(2*time.Second, -time.Minute)
	forward.step(2*time.Second, time.Minute)
	for _, x := range []struct {
		name  string
		clock clock
		now   time.Duration // when 3 s are added to what the clock shows
		want  time.Duration
	}{
		{"before the machine sleeps", asleep, time.Second, 4 * time.Second},
		{"after", asleep, 7 * time.Second, 10 * time.Second},
		{"before the clock is set back", back, time.Second, 4 * time.Second},
		{"after that", back, 3 * time.Second, 6 * time.Second},
		{"before the clock is set forward", forward, time.Second, 2 * time.Second},
		{"after that", forward, 4 * time.Second, 5500 * time.Millisecond},
	} {
		until := x.clock.read(x.now).Add(3 * time.Second)
		if got := x.clock.passes(x.now, until); got != x.want {
			t.Errorf("%s: got %v, want %v", x.name, got, x.want)
		}
	}
}
