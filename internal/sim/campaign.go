package sim

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A campaign is many scenarios, as many at once as there are processors.
type campaign struct {
	seeds func() (seed uint64, more bool) // called by several goroutines at once
	every time.Duration                   // how often it says how far it is; 0: never
	out   io.Writer

	running []running // by goroutine
	mu      sync.Mutex
	sum     sum      // guarded by mu
	failed  []failed // guarded by mu
}

// A running scenario is one that has begun and not ended.
type running struct{ seed, since atomic.Int64 }

// A failed scenario broke a rule.
type failed struct {
	seed uint64
	rule string // the first that was broken, and how
}

// A sum is what all of them amount to.
type sum struct {
	scenarios, messages       int
	granted, extended, failed int
	asked                     int // at most, at once, by one client of one node
	real, virtual             time.Duration
	faults                    [kinds]int
}

// stuckAfter is how long a scenario takes that will never end: thousands of times as
// long as others.
const stuckAfter = time.Minute

// run plays scenarios until there are no more seeds, or one has failed.
func (c *campaign) run(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // most of what a world makes lives as long as it does
	begun := time.Now()
	c.running = make([]running, runtime.GOMAXPROCS(0))
	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { c.watch(begun, over) })
	var group sync.WaitGroup
	for i := range c.running {
		group.Go(func() {
			for c.ok() {
				seed, more := c.seeds()
				if !more {
					return
				}
				c.running[i].seed.Store(int64(seed))
				c.running[i].since.Store(int64(time.Since(begun)) + 1)
				c.enter(seed, play(t, generate(seed), nil))
				c.running[i].since.Store(0)
			}
		})
	}
	group.Wait()
	close(over)
	watch.Wait()
	c.sum.real = time.Since(begun)
	slices.SortFunc(c.failed, func(a, b failed) int { return int(int64(a.seed) - int64(b.seed)) })
}

// watch says how far the campaign is, and ends the program if it will not end.
func (c *campaign) watch(begun time.Time, over chan struct{}) {
	said := begun
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Second):
		}
		now := time.Since(begun)
		for i := range c.running {
			if since := c.running[i].since.Load(); since > 0 && now-time.Duration(since) > stuckAfter {
				stacks := make([]byte, 1<<20)
				fmt.Fprintf(c.out, "%s\nseed %d never ends: for %v there has always been something to do\n",
					stacks[:runtime.Stack(stacks, true)], c.running[i].seed.Load(), stuckAfter)
				os.Exit(1)
			}
		}
		if c.every > 0 && time.Since(said) >= c.every {
			said = time.Now()
			c.mu.Lock()
			sum := c.sum
			c.mu.Unlock()
			sum.real = now
			fmt.Fprintln(c.out, sum.line())
		}
	}
}

func (c *campaign) ok() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.failed) == 0
}

// enter adds what came of a scenario.
func (c *campaign) enter(seed uint64, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(o.violations) > 0 {
		c.failed = append(c.failed, failed{seed, o.violations[0]})
	}
	c.sum.scenarios++
	if w := o.world; w != nil {
		c.sum.messages += w.delivered
		c.sum.granted += w.judge.granted
		c.sum.extended += w.judge.extended
		c.sum.failed += w.judge.failed
		c.sum.asked = max(c.sum.asked, w.judge.mostAsked)
		c.sum.virtual += o.virtual
		for k, n := range w.faults {
			c.sum.faults[k] += n
		}
	}
}

// line returns the sum in a line.
func (s *sum) line() string {
	seconds := s.real.Seconds()
	return fmt.Sprintf("%7.0f s  %9d schedules, %5.0f/s  %6.2f virtual hours/s  %9d locks granted", seconds, s.scenarios, float64(s.scenarios)/seconds,
		s.virtual.Hours()/seconds, s.granted)
}

// String returns the sum as a table.
func (s *sum) String() string {
	var b strings.Builder
	seconds := s.real.Seconds()
	row := func(what, format string, args ...any) {
		fmt.Fprintf(&b, "%-20s %s\n", what, fmt.Sprintf(format, args...))
	}
	row("schedules", "%d in %.1f s, %.0f/s", s.scenarios, seconds, float64(s.scenarios)/seconds)
	row("virtual time", "%.0f h, %.2f h/s", s.virtual.Hours(), s.virtual.Hours()/seconds)
	row("replies", "%d, %.0f/s", s.messages, float64(s.messages)/seconds)
	row("locks granted", "%d", s.granted)
	row("locks extended", "%d", s.extended)
	row("calls that failed", "%d", s.failed)
	row("asked at once", "%d at most of one node by one client, besides its calls", s.asked)
	row("faults", "")
	for k, n := range s.faults {
		row("  "+kind(k).String(), "%d", n)
	}
	return b.String()
}
