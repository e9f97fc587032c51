// Package history is what clients saw of a lock, and the judge of it: whether two of
// them ever had it at once.
//
// It knows nothing of nodes, and so judges the simulator's clients and those of real
// servers alike.
package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// An Op is what a client calls.
type Op uint8

const (
	Lock Op = 1 + iota // Lock or TryLock
	Extend
	Unlock
	Valid
)

// String returns the name of the method.
func (op Op) String() string {
	switch op {
	case Lock:
		return "Lock"
	case Extend:
		return "Extend"
	case Unlock:
		return "Unlock"
	case Valid:
		return "Valid"
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// A Call is one call, as its caller saw it. All times are read from one monotonic
// clock, the same for all callers, and count from the same moment.
type Call struct {
	Client string
	Name   string // of the lock
	Value  string // whose lock the call is about: of a Lock that succeeded, its value
	Op     Op
	OK     bool

	// Start is read before the call, and End after it.
	Start, End time.Duration

	// Until is when the caller considers the lock lost, after a Lock or Extend that
	// succeeded.
	Until time.Duration

	Err string `json:",omitempty"`
}

// A Hold is a time in which a client considered a lock its own.
type Hold struct {
	Client, Name, Value string

	// From is when the call that brought it returned. To is Until, or when Unlock
	// was called; From at the least.
	From, To time.Duration
}

// String returns whose hold it is, and when.
func (h Hold) String() string {
	return fmt.Sprintf("%s held %q as %s from %v to %v", h.Client, h.Name, h.Value, h.From, h.To)
}

// Holds returns the holds that the calls amount to, by their beginning. A lock that
// was extended in time is one hold, however often; one that was extended after it had
// ended is two.
func Holds(calls []Call) []Hold {
	byEnd := slices.Clone(calls)
	slices.SortStableFunc(byEnd, func(a, b Call) int { return cmp.Compare(a.End, b.End) })
	unlocked := make(map[string]time.Duration) // by value: when Unlock was first called
	for _, c := range byEnd {
		if at, found := unlocked[c.Value]; c.Op == Unlock && (!found || c.Start < at) {
			unlocked[c.Value] = c.Start
		}
	}
	var holds []Hold
	last := make(map[string]int) // by value: its latest hold
	for _, c := range byEnd {
		if !c.OK || c.Op != Lock && c.Op != Extend {
			continue
		}
		to := c.Until
		if at, found := unlocked[c.Value]; found {
			to = min(to, at)
		}
		if i, found := last[c.Value]; found && c.End <= holds[i].To {
			holds[i].To = max(to, c.End) // a shorter one, too, from when the caller knows
			continue
		}
		last[c.Value] = len(holds)
		holds = append(holds, Hold{c.Client, c.Name, c.Value, c.End, max(to, c.End)})
	}
	return holds
}

// An Overlap is two holds of one lock at the same time.
type Overlap struct{ First, Second Hold }

// String tells both.
func (o Overlap) String() string {
	return fmt.Sprintf("two holders for %v:\n  %v\n  %v", min(o.First.To, o.Second.To)-o.Second.From, o.First, o.Second)
}

// Overlaps returns every two holds of one lock, by different values, that share a
// moment. Holds that only touch do not.
func Overlaps(holds []Hold) []Overlap {
	byFrom := slices.Clone(holds)
	slices.SortStableFunc(byFrom, func(a, b Hold) int { return cmp.Compare(a.From, b.From) })
	open := make(map[string][]Hold) // by name: those that may not be over
	var overlaps []Overlap
	for _, h := range byFrom {
		still := open[h.Name][:0]
		for _, o := range open[h.Name] {
			if o.To <= h.From {
				continue
			}
			still = append(still, o)
			if o.Value != h.Value && h.From < h.To {
				overlaps = append(overlaps, Overlap{o, h})
			}
		}
		open[h.Name] = append(still, h)
	}
	return overlaps
}
