package soak

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/redlatch/redlatch/internal/history"
)

// late is how much later than its bound a call may return: it is about calls that hang,
// and a machine may be busy.
const late = 3 * time.Second

// A log is what is known of a round, by times that count from its beginning. It may be
// used by several goroutines at once.
type log struct {
	start time.Duration // by the clock that all share

	mu         sync.Mutex
	calls      []history.Call  // guarded by mu
	events     []history.Event // what befell nodes and clients; guarded by mu
	violations []string        // guarded by mu
	stats      Stats           // guarded by mu
}

// Stats are the figures of one round, or of several.
type Stats struct {
	Rounds, Calls, Locks, Extensions, Failed int
	Handovers                                int // locks that were had after another had expired
	Longest                                  time.Duration
	LongestCall                              string
	Faults                                   map[string]int
	Verdicts                                 map[string]int
}

// Add returns the figures of both.
func (s Stats) Add(o Stats) Stats {
	s.Rounds += o.Rounds
	s.Calls += o.Calls
	s.Locks += o.Locks
	s.Extensions += o.Extensions
	s.Failed += o.Failed
	s.Handovers += o.Handovers
	if o.Longest > s.Longest {
		s.Longest, s.LongestCall = o.Longest, o.LongestCall
	}
	s.Faults, s.Verdicts = sum(s.Faults, o.Faults), sum(s.Verdicts, o.Verdicts)
	return s
}

func sum(a, b map[string]int) map[string]int {
	all := make(map[string]int)
	for _, m := range []map[string]int{a, b} {
		for key, n := range m {
			all[key] += n
		}
	}
	return all
}

func newLog() *log {
	return &log{start: clock(), stats: Stats{Rounds: 1, Faults: make(map[string]int), Verdicts: make(map[string]int)}}
}

// now returns the time.
func (l *log) now() time.Duration { return clock() - l.start }

// call notes a call, whose times are those of the clock.
func (l *log) call(c history.Call) {
	c.Start, c.End = c.Start-l.start, c.End-l.start
	if c.Until != 0 {
		c.Until -= l.start
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, c)
	l.stats.Calls++
	switch {
	case !c.OK:
		l.stats.Failed++
	case c.Op == history.Lock:
		l.stats.Locks++
	case c.Op == history.Extend:
		l.stats.Extensions++
	}
}

// took notes how long a call took, during which its process ran, and how long it may
// have taken.
func (l *log) took(c history.Call, took, bound time.Duration) {
	l.mu.Lock()
	if took > l.stats.Longest {
		l.stats.Longest, l.stats.LongestCall = took, c.Op.String()
	}
	l.mu.Unlock()
	if took > bound+late {
		l.violate("%s of %q by %s took %v, with a bound of %v: %s", c.Op, c.Name, c.Client, took, bound, c.Err)
	}
}

// fault notes that a fault of the kind begins, and how.
func (l *log) fault(kind, format string, args ...any) {
	l.mu.Lock()
	l.stats.Faults[kind]++
	l.mu.Unlock()
	l.event(format, args...)
}

// event notes what befalls nodes and clients, and comes to its end.
func (l *log) event(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, history.Event{At: l.now(), Column: faults, Text: fmt.Sprintf(format, args...)})
}

// violate notes that a rule was broken.
func (l *log) violate(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
}

// locksSince returns which of the workers have got a lock by a call since the given time.
func (l *log) locksSince(at time.Duration) map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	got := make(map[string]bool)
	for _, c := range l.calls {
		if c.OK && c.Op == history.Lock && c.Start >= at {
			got[c.Client] = true
		}
	}
	return got
}

// figures returns the figures so far.
func (l *log) figures() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Faults, s.Verdicts = maps.Clone(s.Faults), maps.Clone(s.Verdicts)
	return s
}
