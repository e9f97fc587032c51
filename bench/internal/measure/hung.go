package measure

import (
	"context"
	"errors"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
	"github.com/redlatch/redlatch/bench/internal/stats"
)

// Calls is the calls that are measured with one node hung.
var Calls = []string{"Lock", "Unlock", "Extend"}

// WellUS is the metric of what a call takes with all nodes well; also of samples.
func WellUS(call string) string { return call + " us, all well" }

// HungUS is the metric of what it takes with one hung; also of samples.
func HungUS(call string) string { return call + " us, one hung" }

// HungRatio is the metric of the one for each of the other.
func HungRatio(call string) string { return call + " hung/well" }

// OverMS is the metric of how long a call was waited for that did not return.
func OverMS(call string) string { return call + " given up after ms" }

// The metrics of a process that goes on with one node hung.
const (
	GoroutinesGrowth = "goroutines, more"
	OpenGrowth       = "connections, more"
)

// hungOrders is how often all calls are made with one node hung, where that takes no
// longer than it may.
const hungOrders = 3

// hung: section 5, with one node hung.
func hung(ctx context.Context, b *Bench) error {
	var jobs []job
	for _, n := range []int{3, 5} {
		for _, who := range []string{
			peer.Redlatch, peer.RedlatchGoRedis, peer.RedlatchRueidis,
			peer.Redsync, peer.RedsyncGoRedis, peer.RedsyncRueidis,
		} {
			key := result.Key{Section: Hung, Case: MastersCase(n), Who: who}
			jobs = append(jobs, job{key, func(ctx context.Context, c *result.Cell) error { return b.measureHung(ctx, n, c) }})
		}
	}
	return b.rounds(ctx, pick(b, 1, 5), jobs)
}

// measureHung measures a peer on n nodes once: first while all are well, and then with
// the last of them hung.
func (b *Bench) measureHung(ctx context.Context, n int, c *result.Cell) (err error) {
	if tooSlow(c) { // it was seen once, and takes as long each time
		c.Add(result.Metrics{})
		return nil
	}
	if err := b.flush(n); err != nil {
		return err
	}
	p, err := child.Start(ctx, "nodes", nodesTask{
		PeerTask{Peer: c.Who, Places: b.places(n), Count: true, Expiry: time.Minute}, pick(b, 30, 60),
	})
	if err != nil {
		return err
	}
	defer p.Kill()

	limit := pick(b, 500*time.Millisecond, 2*time.Second)
	ask := func(round int) (r nodesResult, err error) {
		return r, errors.Join(p.Ask(order{Round: round, Ahead: true}, new(nodesResult)), p.Ask(order{Round: round, Limit: limit}, &r))
	}
	if _, err := ask(0); err != nil { // to connect, and to know the servers
		return err
	}
	well, err := ask(1)
	if err != nil {
		return err
	}
	if err := p.Ask(order{Round: 2, Ahead: true}, new(nodesResult)); err != nil {
		return err
	}
	last := b.Servers[n-1]
	if err := last.Pause(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, last.Unpause()) }()
	var hung nodesResult
	if err := p.Ask(order{Round: 2, Limit: limit}, &hung); err != nil {
		return err
	}
	m := compare(well, hung, c)
	if !tooSlowIn(m) {
		if err := goOn(ask, hung, m); err != nil {
			return err
		}
	}
	c.Add(m)
	return nil
}

// goOn makes all calls again some times, and adds to m what they leave behind.
func goOn(ask func(round int) (nodesResult, error), first nodesResult, m result.Metrics) error {
	last := first
	for i := 1; i < hungOrders; i++ {
		var err error
		if last, err = ask(2 + i); err != nil {
			return err
		}
	}
	m[GoroutinesGrowth] = float64(last.Goroutines - first.Goroutines)
	m[OpenGrowth] = float64(last.Open - first.Open)
	return nil
}

// compare returns what the calls took, and adds the samples to c.
func compare(well, hung nodesResult, c *result.Cell) result.Metrics {
	m := make(result.Metrics)
	for _, call := range Calls {
		before, after := well.Calls[call], hung.Calls[call]
		c.Pool(WellUS(call), micros(before.Took))
		c.Pool(HungUS(call), micros(after.Took))
		m[WellUS(call)] = stats.Median(before.Took) / 1e3
		if after.Over > 0 {
			m[OverMS(call)] = float64(after.Over.Round(10*time.Millisecond)) / 1e6
		} else {
			m[HungUS(call)] = stats.Median(after.Took) / 1e3
			m[HungRatio(call)] = m[HungUS(call)] / m[WellUS(call)]
		}
		if after.Failed > 0 {
			c.Note("%s failed with one node hung: %s", call, firstLine(after.Why))
		}
	}
	return m
}

// tooSlow reports whether a call was given up in an earlier round.
func tooSlow(c *result.Cell) bool {
	for _, run := range c.Runs {
		if tooSlowIn(run) {
			return true
		}
	}
	return false
}

func tooSlowIn(m result.Metrics) bool {
	for _, call := range Calls {
		if _, ok := m[OverMS(call)]; ok {
			return true
		}
	}
	return false
}

// micros returns nanoseconds as microseconds.
func micros(ns []float64) []float64 {
	us := make([]float64, len(ns))
	for i, v := range ns {
		us[i] = v / 1e3
	}
	return us
}
