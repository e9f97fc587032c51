package soak

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/internal/history"
)

// faults is the column of what befell nodes and clients.
const faults = "faults"

// conclude has the round judged. Its error says what was wrong.
func (l *log) conclude() (Stats, error) {
	l.mu.Lock()
	calls := slices.Clone(l.calls)
	l.mu.Unlock()
	v := Judge(calls, judging)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Handovers = handovers(calls)
	l.stats.Verdicts[string(v.Order)]++
	var wrong []string
	for _, violation := range l.violations {
		wrong = append(wrong, "- "+violation)
	}
	if err := v.Err(); err != nil {
		wrong = append(wrong, err.Error(), l.show(v))
	}
	if v.Order == porcupine.Illegal {
		wrong = append(wrong, v.draw())
	}
	if len(wrong) == 0 {
		return l.stats, nil
	}
	return l.stats, errors.New(strings.Join(wrong, "\n"))
}

// handovers returns how many locks were had after another that was not unlocked.
func handovers(calls []history.Call) int {
	byEnd := slices.Clone(calls)
	slices.SortStableFunc(byEnd, func(a, b history.Call) int { return int(a.End - b.End) })
	unlocked := make(map[string]bool) // by value
	for _, c := range byEnd {
		if c.Op == history.Unlock && c.OK {
			unlocked[c.Value] = true
		}
	}
	n := 0
	last := make(map[string]string) // by name: the value of who had it last
	for _, c := range byEnd {
		if c.Op == history.Lock && c.OK {
			if previous, found := last[c.Name]; found && !unlocked[previous] {
				n++
			}
			last[c.Name] = c.Value
		}
	}
	return n
}

// show returns the part of the history that v is about, as a table.
func (l *log) show(v Verdict) string {
	if len(v.Overlaps) > 0 {
		o := v.Overlaps[0]
		return l.table(o.First.Name, o.First.From, min(o.First.To, o.Second.To))
	}
	if op, found := v.stuck(); found {
		s := op.Input.(step)
		return fmt.Sprintf("this one fits nowhere: %s %s\n", s.call, shorten(s.value, 4)) +
			l.table(s.name, time.Duration(op.Call), min(time.Duration(op.Return), time.Duration(op.Call)+longestExpiry)+longestExpiry/2)
	}
	return ""
}

// table returns what was done about a lock from a while before until a moment after,
// and what befell nodes and clients meanwhile. Calls that got no lock are left out.
func (l *log) table(name string, from, to time.Duration) string {
	from, to = from-time.Second, to+100*time.Millisecond
	var events []history.Event
	var clients []string
	add := func(at time.Duration, column, format string, args ...any) {
		if at < from || at > to {
			return
		}
		events = append(events, history.Event{At: at, Column: column, Text: fmt.Sprintf(format, args...)})
		if column != faults && !slices.Contains(clients, column) {
			clients = append(clients, column)
		}
	}
	for _, c := range l.calls {
		if c.Name != name || c.Op == history.Lock && !c.OK {
			continue
		}
		value := shorten(c.Value, 4)
		add(c.Start, c.Client, "%s…", c.Op)
		switch {
		case !c.OK:
			add(c.End, c.Client, "%s %s: %s", c.Op, value, shorten(strings.TrimPrefix(c.Err, "redlatch: "), 30))
		case c.Until > 0:
			add(c.End, c.Client, "%s %s until %v", c.Op, value, c.Until.Round(time.Microsecond))
		default:
			add(c.End, c.Client, "%s %s", c.Op, value)
		}
	}
	for _, e := range l.events {
		add(e.At, faults, "%s", e.Text)
	}
	slices.Sort(clients)
	var b strings.Builder
	fmt.Fprintf(&b, "the lock %q:\n", name)
	history.Table(&b, append(clients, faults), events)
	return b.String()
}

// draw draws the calls, and how far they can be put in order, and returns where.
func (v Verdict) draw() string {
	file, err := os.CreateTemp("", "redlatch-soak-*.html")
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if err := porcupine.Visualize(model, v.info, file); err != nil {
		return err.Error()
	}
	return "drawn in " + file.Name()
}

// left returns which keys the nodes have.
func left(nodes []*servers.Server) string {
	var all []string
	for i, s := range nodes {
		names, err := redis.Strings(s.Do("KEYS", "*"))
		if err != nil {
			all = append(all, fmt.Sprintf("node #%d: %v", i, err))
		}
		for _, name := range names {
			value, _ := redis.String(s.Do("GET", name))
			ttl, _ := redis.Int(s.Do("PTTL", name))
			waiters, _ := redis.Strings(s.Do("ZRANGE", name, 0, -1))
			all = append(all, fmt.Sprintf("node #%d: %q is %q%q for %d ms", i, name, value, waiters, ttl))
		}
	}
	return strings.Join(all, "; ")
}

// fieldOf returns what follows the field's name in a line of text.
func fieldOf(text, name string) string {
	for line := range strings.Lines(text) {
		if value, found := strings.CutPrefix(line, name); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// String returns the figures as a table.
func (s Stats) String() string {
	var b strings.Builder
	row := func(what string, value any) { fmt.Fprintf(&b, "  %-28s %v\n", what, value) }
	row("rounds", s.Rounds)
	row("calls", s.Calls)
	row("locks granted", s.Locks)
	row("extensions", s.Extensions)
	row("calls failed", s.Failed)
	row("handovers after expiry", s.Handovers)
	row("longest call", fmt.Sprintf("%v (%s)", s.Longest.Round(time.Millisecond), s.LongestCall))
	row("is there an order", counts(s.Verdicts))
	for _, kind := range sorted(s.Faults) {
		row("fault: "+kind, s.Faults[kind])
	}
	return b.String()
}

// Line returns the figures in a line.
func (s Stats) Line() string {
	return fmt.Sprintf("%d calls, %d locks, faults: %s", s.Calls, s.Locks, counts(s.Faults))
}

func counts(m map[string]int) string {
	var all []string
	for _, key := range sorted(m) {
		all = append(all, fmt.Sprintf("%s %d", key, m[key]))
	}
	return strings.Join(all, ", ")
}

func sorted(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
