package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/redlatch/redlatch/bench/internal/measure"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// A target is a figure to reach.
type target struct {
	section string
	what    string
	limit   float64
	least   bool   // the figure has to be the limit or more; else the limit or less
	unit    string // after the figures
	value   func(set) float64
}

// met reports whether a figure reaches the target.
func (t target) met(v float64) bool {
	if t.least {
		return v >= t.limit
	}
	return v <= t.limit
}

// set is a result.Set with shorter ways to its figures.
type set struct{ *result.Set }

func (s set) cell(section, name, who string) *result.Cell {
	return s.Find(result.Key{Section: section, Case: name, Who: who})
}

// oneServer is the only case of the section uncontended, manyNames that of names.
const (
	oneServer = "one server, Unix socket"
	manyNames = "64 goroutines, TCP"
)

// ratio returns the figure of a metric of redlatch in a case for each one of base's.
func ratio(section, name, metric, who, base string) func(set) float64 {
	return func(s set) float64 { return s.cell(section, name, who).Ratio(metric, s.cell(section, name, base)) }
}

// median returns the median of a metric of who.
func median(section, name, metric, who string) func(set) float64 {
	return func(s set) float64 { return s.cell(section, name, who).Median(metric) }
}

// worst returns the greatest of figures; of those that were measured.
func worst(values ...func(set) float64) func(set) float64 { return most(1, values) }

// lowest is worst of what has to be high.
func lowest(values ...func(set) float64) func(set) float64 { return most(-1, values) }

// most returns the figure that is the greatest when multiplied by sign; of none, NaN.
func most(sign float64, values []func(set) float64) func(set) float64 {
	return func(s set) float64 {
		w := math.NaN()
		for _, value := range values {
			if v := value(s); math.IsNaN(w) || sign*v > sign*w {
				w = v
			}
		}
		return w
	}
}

// targetTable is the table of all targets that something was measured for.
func targetTable(s set) string {
	var b strings.Builder
	b.WriteString("| section | target | measured | met |\n|---|---|--:|---|\n")
	met, all := 0, 0
	for _, t := range targets() {
		v := t.value(s)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		all++
		verdict := "**no**"
		if t.met(v) {
			met++
			verdict = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s: %s %s%s | %s%s | %s |\n", t.section, t.what, t.words(), figure(t.limit), t.unit, figure(v), t.unit, verdict)
	}
	if all == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d targets are met.\n\n%s\n", met, all, &b)
}

func (t target) words() string {
	if t.least {
		return "at least"
	}
	return "at most"
}

// targets returns all targets.
func targets() []target {
	all := uncontendedTargets()
	all = append(all, handoffTargets()...)
	all = append(all, goroutineTargets()...)
	all = append(all, mastersTargets()...)
	all = append(all, waitingTargets()...)
	return append(all, sizeTargets()...)
}

func uncontendedTargets() []target {
	const section = measure.Uncontended
	var ahead []func(set) float64
	for _, who := range []string{
		peer.Redsync, peer.RedsyncGoRedis, peer.RedsyncRueidis, peer.Redislock, peer.Rueidislock,
	} {
		ahead = append(ahead, ratio(section, oneServer, measure.TimeUS, peer.Redlatch, who))
	}
	return []target{
		{section, "time, for each of raw redigo's", 1.05, false, "", ratio(section, oneServer, measure.TimeUS, peer.Redlatch, peer.Raw)},
		{section, "client CPU, for each of raw redigo's", 1.1, false, "", ratio(section, oneServer, measure.CPUUS, peer.Redlatch, peer.Raw)},
		{section, "allocations", 12, false, "", median(section, oneServer, measure.Allocs, peer.Redlatch)},
		{section, "bytes", 400, false, "", median(section, oneServer, measure.Bytes, peer.Redlatch)},
		{section, "time, for each of the fastest peer's", 1, false, "", worst(ahead...)},
		{measure.Names, "commands", 2, false, "", median(measure.Names, manyNames, measure.Cmds, peer.Redlatch)},
		{measure.Names, "pairs/s, for each of redsync's", 3, true, "", ratio(measure.Names, manyNames, measure.PairsPS, peer.Redlatch, peer.Redsync)},
		{measure.Names, "pairs/s, for each of redigo's in batches", 0.8, true, "", ratio(measure.Names, manyNames, measure.PairsPS, peer.Redlatch, peer.RawBatches)},
		{measure.Names, "with rueidis: pairs/s, for each of raw rueidis's", 0.9, true, "", ratio(measure.Names, manyNames, measure.PairsPS, peer.RedlatchRueidis, peer.RawRueidis)},
	}
}

func handoffTargets() []target {
	const section, who = measure.Handoff, peer.Redlatch
	two, many := measure.HandoffCase(2), measure.HandoffCase(64)
	atTwo, atMany := median(section, two, measure.ClientCmds, who), median(section, many, measure.ClientCmds, who)
	fair := func(name string) func(set) float64 { return median(section, name, measure.Fair, who) }
	longest := func(name string) func(set) float64 { return median(section, name, measure.LongestFS, who) }
	return []target{
		{section, "handoff between 2 processes, median, in round trips", 3, false, "", median(section, two, measure.HandoffRT, who)},
		{section, "handoff between 2 processes, p99, in round trips", 8, false, "", func(s set) float64 { return p99RoundTrips(s.cell(section, two, who)) }},
		{section, "handoff among 64 processes, median, in round trips", 4, false, "", median(section, many, measure.HandoffRT, who)},
		{section, "clients' commands for each acquisition, at 2 and at 64", 3.5, false, "", worst(atTwo, atMany)},
		{section, "clients' commands at 64 for each one at 2", 1.1, false, "", func(s set) float64 { return atMany(s) / atTwo(s) }},
		{section, "the server's commands for each acquisition, at 2 and at 64", 14, false, "", worst(
			median(section, two, measure.ServerCmds, who), median(section, many, measure.ServerCmds, who))},
		{section, "least served / most served, of 16 and of 64", 0.95, true, "", lowest(
			fair(measure.BackAtOnce), fair(measure.BackAtOnceNoWork), fair(many))},
		{section, "longest wait, for each fair share, of 16 and of 64", 1.3, false, "", worst(
			longest(measure.BackAtOnce), longest(measure.BackAtOnceNoWork), longest(many))},
	}
}

// p99RoundTrips returns the p99 of all handoffs for each median PING.
func p99RoundTrips(c *result.Cell) float64 {
	return c.Quantile(measure.HandoffNS, 0.99) / c.Quantile(measure.PingNS, 0.5)
}

func goroutineTargets() []target {
	const section, who = measure.Goroutines, peer.RedlatchLocal
	return []target{
		{section, "with handover: acquisitions/s, for each of redsync's", 15, true, "", ratio(section, measure.SixteenGoroutines, measure.TurnsPS, who, peer.Redsync)},
		{section, "with handover: least served / most served", 0.95, true, "", median(section, measure.SixteenGoroutines, measure.Fair, who)},
		{section, "with handover: turns in a row while another process waits", 16, false, "", func(s set) float64 {
			return s.cell(section, measure.AndOneElsewhere, who).Max(measure.MostRun)
		}},
	}
}

func mastersTargets() []target {
	var all []target
	for _, t := range []struct {
		n      int
		allocs float64
	}{{3, 25}, {5, 40}} {
		const section, who = measure.Masters, peer.Redlatch
		name := measure.MastersCase(t.n)
		all = append(all,
			target{section, name + ": time, for each of raw redigo's", 1.05, false, "", ratio(section, name, measure.TimeUS, who, peer.Raw)},
			target{section, name + ": time, for each of redsync's", 0.9, false, "", ratio(section, name, measure.TimeUS, who, peer.Redsync)},
			target{section, name + ": client CPU, for each of raw redigo's", 1.2, false, "", ratio(section, name, measure.CPUUS, who, peer.Raw)},
			target{section, name + ": allocations", t.allocs, false, "", median(section, name, measure.Allocs, who)},
		)
		for _, call := range measure.Calls {
			all = append(all, target{measure.Hung, name + ": " + call + " with one hung, for each with all well", 1.5, false, "",
				median(measure.Hung, name, measure.HungRatio(call), who)})
		}
		all = append(all,
			target{measure.Hung, name + ": goroutines more, as calls go on", 1, false, "", median(measure.Hung, name, measure.GoroutinesGrowth, who)},
			target{measure.Hung, name + ": connections more, as calls go on", 1, false, "", median(measure.Hung, name, measure.OpenGrowth, who)},
		)
	}
	return all
}

func waitingTargets() []target {
	of := func(metric string) func(set) float64 {
		var each []func(set) float64
		for _, name := range measure.WaitCases {
			each = append(each, median(measure.Waiting, name, metric, peer.Redlatch))
		}
		return worst(each...)
	}
	all := []target{
		{measure.Waiting, "commands of 50 waiters", 10, false, "/s", of(measure.ClientPS)},
		{measure.Waiting, "releases among them", 0, false, "/s", of(measure.ReleasesPS)},
	}
	for _, others := range measure.Others {
		name := measure.TakeoverCase(others)
		all = append(all, target{measure.Takeover, name + ": from the end of the key", 5, false, " ms", func(s set) float64 {
			return s.cell(measure.Takeover, name, peer.Redlatch).Quantile(measure.TakeoverMS, 0.5)
		}})
	}
	return all
}

func sizeTargets() []target {
	const section = measure.Size
	of := func(metric, who string) func(set) float64 { return median(section, measure.SizeCase, metric, who) }
	return []target{
		{section, "modules that are built in", 2, false, "", of(measure.Modules, peer.Redlatch)},
		{section, "more than with redigo alone", 300, false, " KB", func(s set) float64 {
			return of(measure.SizeKB, peer.Redlatch)(s) - of(measure.SizeKB, peer.Raw)(s)
		}},
	}
}
