package sim

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redlatch/redlatch/internal/history"
)

// without returns the scenario without some of its parts.
func (s *scenario) without(drop map[part]bool) *scenario {
	less := *s
	less.clients = slices.Clone(s.clients)
	for i := range less.clients {
		c := &less.clients[i]
		if drop[c.part] {
			c.workers = nil // and keeps its number
		}
		c.workers = slices.Clone(c.workers)
		for j := range c.workers {
			w := &c.workers[j]
			w.cycles = kept(w.cycles, drop, func(c *cycle) part { return c.part })
			for k := range w.cycles {
				w.cycles[k].hold = kept(w.cycles[k].hold, drop, func(a *action) part { return a.part })
			}
		}
	}
	less.faults = kept(s.faults, drop, func(f *fault) part { return f.part })
	return &less
}

func kept[T any](all []T, drop map[part]bool, number func(*T) part) []T {
	return slices.DeleteFunc(slices.Clone(all), func(t T) bool { return drop[number(&t)] })
}

// shrink returns the parts that a scenario fails without, in the same way: as many as
// can be found by leaving out one after the other.
func shrink(t *testing.T, s *scenario) map[part]bool {
	rule, _ := breaks(t, s)
	drop := make(map[part]bool)
	for size := max(1, int(s.parts)/2); ; {
		less := false
		for from := 0; from < int(s.parts); from += size {
			try := make(map[part]bool)
			for p := range drop {
				try[p] = true
			}
			for p := from; p < min(from+size, int(s.parts)); p++ {
				try[part(p)] = true
			}
			if len(try) == len(drop) {
				continue
			}
			if now, _ := breaks(t, s.without(try)); now == rule {
				drop, less = try, true
			}
		}
		switch {
		case size > 1:
			size /= 2
		case !less:
			return drop
		}
	}
}

// breaks returns the rule that a scenario breaks first, "" for none, and how.
func breaks(t *testing.T, s *scenario) (rule, how string) {
	o := play(t, s, nil)
	if len(o.violations) == 0 {
		return "", ""
	}
	rule, _, _ = strings.Cut(o.violations[0], ":")
	return rule, o.violations[0]
}

// parseParts reads what formatParts writes: "0-3,7".
func parseParts(text string) (map[part]bool, error) {
	parts := make(map[part]bool)
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		from, to, found := strings.Cut(item, "-")
		if !found {
			to = from
		}
		first, err := strconv.Atoi(from)
		if err != nil {
			return nil, err
		}
		last, err := strconv.Atoi(to)
		if err != nil {
			return nil, err
		}
		for p := first; p <= last; p++ {
			parts[part(p)] = true
		}
	}
	return parts, nil
}

func formatParts(parts map[part]bool, all part) string {
	var items []string
	for from := part(0); from < all; from++ {
		if !parts[from] {
			continue
		}
		to := from
		for parts[to+1] && to+1 < all {
			to++
		}
		if from == to {
			items = append(items, strconv.Itoa(int(from)))
		} else {
			items = append(items, fmt.Sprintf("%d-%d", from, to))
		}
		from = to
	}
	return strings.Join(items, ",")
}

// tell writes what a scenario is, and what happens in it.
func tell(t *testing.T, out io.Writer, s *scenario) {
	var log []history.Event
	o := play(t, s, &log)
	s.describe(out)
	for _, v := range o.violations {
		fmt.Fprintf(out, "\n%s\n", v)
	}
	if len(o.violations) == 0 {
		fmt.Fprint(out, "\nno rule is broken\n")
	}
	fmt.Fprintln(out)
	happens := make(map[string]bool)
	for _, e := range log {
		happens[e.Column] = true
	}
	columns := slices.DeleteFunc(s.columns(), func(c string) bool { return !happens[c] })
	history.Table(out, columns, log)
}

// describe writes what a scenario is.
func (s *scenario) describe(out io.Writer) {
	fmt.Fprintf(out, "%d nodes: ", len(s.nodes))
	if s.rolls {
		fmt.Fprintf(out, "clients move from New(%v) to NewJoint(%v, %v) to New(%v)\n", s.old, s.old, s.new, s.new)
	} else {
		fmt.Fprintf(out, "New(%v)\n", s.old)
	}
	for i, n := range s.nodes {
		fmt.Fprintf(out, "  node %d: its clock runs at %.4f", i, n.rate)
		if n.native {
			fmt.Fprint(out, ", native commands")
		}
		fmt.Fprintln(out)
	}
	for i := range s.clients {
		c := &s.clients[i]
		if len(c.workers) == 0 {
			continue
		}
		fmt.Fprintf(out, "  client %d: %s driver, expiry %v, drift %v, node timeout %v, %d tries, its clock runs at %.4f", i,
			driverNames[c.driver], c.expiry, c.drift, s.nodeTimeout(i), c.tries, c.rate)
		for _, option := range []struct {
			is   bool
			name string
		}{{c.setNX, "SetNXOnExtend"}, {c.shared, "its goroutines share a Mutex"}, {c.shuffle, "shuffled"}, {c.plain, "it knows no lines"}} {
			if option.is {
				fmt.Fprint(out, ", ", option.name)
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "%d faults\n", len(s.faults))
	for i := range s.faults {
		fmt.Fprintf(out, "  %v\n", &s.faults[i])
	}
}

var driverNames = [...]string{bounded: "bounded", punctual: "punctual", deaf: "deaf"}

// report writes about a scenario that failed: how to play it again, and a smaller one
// that fails in the same way.
func report(t *testing.T, out io.Writer, seed uint64) {
	s := generate(seed)
	begun := time.Now()
	drop := shrink(t, s)
	less := s.without(drop)
	fmt.Fprintf(out, "\nwithout %d of its %d parts it fails in the same way (found in %v):\n\n", len(drop), s.parts, time.Since(begun).Round(time.Millisecond))
	tell(t, out, less)
	fmt.Fprintf(out, "\nmake sim SIM_SEED=%d                # plays the whole again\nmake sim SIM_SEED=%d SIM_DROP=%s    # plays this\n", seed, seed, formatParts(drop, s.parts))
}
