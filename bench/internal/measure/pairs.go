package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
	"github.com/redlatch/redlatch/bench/internal/wire"
)

// The metrics of pairs, each of them for one pair.
const (
	TimeUS  = "time us"
	CPUUS   = "client CPU us"
	Allocs  = "allocations"
	Bytes   = "bytes"
	Writes  = "writes"
	Cmds    = "commands"
	PairsPS = "pairs/s"
	PairNS  = "pair ns" // samples
)

// pairs is a case of pairs.
type pairs struct {
	section, name string
	places        []wire.Place
	goroutines    int
	batch         int // pairs of each goroutine
	batches       int
	count         bool // writes, too
	oneCore       bool // everybody on the same core
	whos          []string
}

// measurePairs measures a case: a process for each peer, all of them at the ready all
// the time, of which one after the other does a batch. So what slows the machine down
// for a moment slows down all of them.
func measurePairs(ctx context.Context, b *Bench, p pairs) error {
	if err := b.flush(len(p.places)); err != nil {
		return err
	}
	var jobs []job
	for _, who := range p.whos {
		process, err := p.start(ctx, who)
		if err != nil {
			return err
		}
		defer func() { // that of the last start
			if process != nil {
				process.Stop()
			}
		}()
		key := result.Key{Section: p.section, Case: p.name, Who: who}
		jobs = append(jobs, job{key, func(ctx context.Context, c *result.Cell) error {
			var r batchResult
			if err := process.Ask(batch{p.batch}, &r); err != nil {
				if errors.Is(err, child.ErrOverdue) {
					var startErr error
					process, startErr = p.start(ctx, who)
					err = cmp.Or(startErr, err)
				}
				return err
			}
			c.Add(r.metrics(p.count))
			if !withoutTimes[who] {
				c.Pool(PairNS, r.Each)
			}
			return nil
		}})
	}
	return b.rounds(ctx, p.batches, jobs)
}

// start starts the process of a peer, and returns when it has its connections and
// knows the servers.
func (p pairs) start(ctx context.Context, who string) (*child.Process, error) {
	start := child.Start
	if p.oneCore {
		start = child.StartOnOneCore
	}
	process, err := start(ctx, "pairs", pairsTask{PeerTask{Peer: who, Places: p.places, Count: p.count}, p.goroutines})
	if err != nil {
		return nil, err
	}
	for range 2 { // the first connects; by the second the servers are known
		if err := process.Ask(batch{p.batch/4 + 1}, new(batchResult)); err != nil {
			return nil, fmt.Errorf("%s: %w", who, err)
		}
	}
	return process, nil
}

// withoutTimes is the peers whose pairs have no times of their own.
var withoutTimes = map[string]bool{peer.RawBatches: true}

// metrics are for one pair.
func (r batchResult) metrics(counted bool) result.Metrics {
	n := float64(r.Pairs)
	m := result.Metrics{
		TimeUS:  float64(r.Elapsed) / 1e3 / n,
		CPUUS:   float64(r.CPU) / 1e3 / n,
		Allocs:  float64(r.Mallocs) / n,
		Bytes:   float64(r.Bytes) / n,
		PairsPS: n / r.Elapsed.Seconds(),
	}
	if counted {
		m[Writes] = float64(r.Writes) / n
		m[Cmds] = float64(r.Commands) / n
	}
	return m
}

// uncontended: section 1. Client and server share a core. On two, a wait ends when a
// core that has nothing to do has woken up, which takes several times what is to be
// measured, one time, and nothing another time.
func uncontended(ctx context.Context, b *Bench) (err error) {
	if err := b.Servers[0].Confine(child.Core); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Servers[0].Confine("")) }()
	return measurePairs(ctx, b, pairs{
		section: Uncontended, name: "one server, Unix socket",
		places: b.socket(), goroutines: 1, batch: 200, batches: pick(b, 25, 100), oneCore: true,
		whos: []string{
			peer.Raw, peer.Redlatch, peer.RedlatchGoRedis, peer.RedlatchRueidis,
			peer.Redsync, peer.RedsyncGoRedis, peer.RedsyncRueidis, peer.Redislock, peer.Rueidislock,
		},
	})
}

// names: section 4.
func names(ctx context.Context, b *Bench) error {
	return measurePairs(ctx, b, pairs{
		section: Names, name: "64 goroutines, TCP",
		places: b.places(1), goroutines: 64, batch: pick(b, 30, 60), batches: pick(b, 6, 20), count: true,
		whos: []string{
			peer.Raw, peer.RawBatches, peer.RawRueidis, peer.Redlatch, peer.RedlatchGoRedis, peer.RedlatchRueidis,
			peer.Redsync, peer.RedsyncGoRedis, peer.RedsyncRueidis, peer.Redislock, peer.Rueidislock,
		},
	})
}

// masters: section 5, with all nodes well.
func masters(ctx context.Context, b *Bench) error {
	for _, n := range []int{3, 5} {
		err := measurePairs(ctx, b, pairs{
			section: Masters, name: MastersCase(n),
			places: b.places(n), goroutines: 1, batch: pick(b, 100, 200), batches: pick(b, 8, 25),
			whos: []string{
				peer.Raw, peer.Redlatch, peer.RedlatchGoRedis, peer.RedlatchRueidis,
				peer.Redsync, peer.RedsyncGoRedis, peer.RedsyncRueidis,
			},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// MastersCase names the case of n servers.
func MastersCase(n int) string { return fmt.Sprintf("N = %d", n) }
