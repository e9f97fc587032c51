package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redlatch/redlatch/integration/servers"
)

// faultLimit is how long a fault may take to begin or to end: longer means that the
// test's own machinery has failed.
const faultLimit = time.Minute

// A fault befalls a node or a process, and comes to an end.
type fault struct {
	kind       string
	begin, end func() error
	lasts      time.Duration

	// least is how long it lasts even if all faults are to end.
	least time.Duration
}

// An adversary has faults befall nodes and clients until it is told to stop.
type adversary struct {
	seed  uint64
	nodes []*servers.Server // the last is durable
	ways  [][]*way          // of each client to each node
	crew  *crew
	log   *log
	busy  []sync.Mutex // by node: a fault befalls it
}

// run returns when ctx has ended, and all faults have. As many nodes as a majority
// can do without suffer at a time, but at least one; and one of the clients.
func (a *adversary) run(ctx context.Context) {
	a.busy = make([]sync.Mutex, len(a.nodes))
	var group sync.WaitGroup
	for i := range max(1, (len(a.nodes)-1)/2) {
		r := rand.New(rand.NewPCG(a.seed, uint64(i)))
		group.Go(func() {
			for ctx.Err() == nil {
				pause(ctx, between(r, 0, 500*time.Millisecond))
				node := r.IntN(len(a.nodes))
				f := a.onNode(r, node)
				a.busy[node].Lock() // of several that suffer, each is another
				a.inflict(ctx, fmt.Sprintf("node #%d", node), f)
				a.busy[node].Unlock()
			}
		})
	}
	r := rand.New(rand.NewPCG(a.seed, 1<<32))
	group.Go(func() {
		for ctx.Err() == nil {
			pause(ctx, between(r, 100*time.Millisecond, 1500*time.Millisecond))
			slot := r.IntN(len(a.ways))
			a.inflict(ctx, fmt.Sprintf("client #%d", slot), a.onClient(r, slot))
		}
	})
	group.Wait()
}

// inflict has the fault befall somebody, unless ctx has ended.
func (a *adversary) inflict(ctx context.Context, whom string, f fault) {
	if ctx.Err() != nil {
		return
	}
	a.log.fault(f.kind, "%s: %s", whom, f.kind)
	if err := within(faultLimit, f.begin); err != nil {
		a.log.violate("the fault %q on %s did not begin: %v", f.kind, whom, err)
	}
	began := clock()
	pause(ctx, f.lasts)
	time.Sleep(f.least - (clock() - began))
	if f.end == nil {
		return
	}
	a.log.event("%s: %s ends", whom, f.kind)
	if err := within(faultLimit, f.end); err != nil {
		a.log.violate("the fault %q on %s did not end: %v", f.kind, whom, err)
	}
	a.log.event("%s: is well", whom)
}

// onNode returns a random fault of a node that a configuration survives.
func (a *adversary) onNode(r *rand.Rand, node int) fault {
	s := a.nodes[node]
	durable := node == len(a.nodes)-1
	f := fault{lasts: between(r, 50*time.Millisecond, 1200*time.Millisecond)}
	switch r.IntN(10) {
	case 0, 1:
		f.kind, f.begin, f.end = "pause", s.Pause, s.Unpause
	case 2:
		f.kind, f.begin, f.end = "disconnection", s.Disconnect, s.Connect
	case 3, 4:
		f.kind, f.begin, f.end = "restart with data", s.Kill, s.Start
		if !durable {
			// A node that has forgotten what it said must say nothing until everything
			// that it may have said is over (S12). What is extended meanwhile is
			// extended by others.
			f.kind, f.least = "restart without data", longestExpiry+100*time.Millisecond
		}
	case 5:
		ways := a.waysTo(r, node)
		f.kind, f.begin, f.end = "refusal", each(ways, (*way).refuse), each(ways, (*way).accept)
	default:
		ways := a.waysTo(r, node)
		kind, toxics := randomToxics(r)
		f.kind = kind
		f.begin = each(ways, func(w *way) error { return eachOf(toxics, w.add) })
		f.end = each(ways, func(w *way) error { return eachOf(toxics, w.remove) })
	}
	return f
}

// waysTo returns the ways of all clients to the node, or that of one.
func (a *adversary) waysTo(r *rand.Rand, node int) []*way {
	var ways []*way
	for _, w := range a.ways {
		ways = append(ways, w[node])
	}
	if r.IntN(3) == 0 {
		i := r.IntN(len(ways))
		return ways[i : i+1]
	}
	return ways
}

// onClient returns a random fault of a client's process.
func (a *adversary) onClient(r *rand.Rand, slot int) fault {
	if r.IntN(3) == 0 {
		return fault{kind: "client killed", begin: func() error { return a.crew.replace(slot) }}
	}
	return fault{
		kind:  "client stopped",
		begin: func() error { return a.crew.stop(slot) },
		end:   func() error { return a.crew.cont(slot) },
		lasts: between(r, 100*time.Millisecond, 2*longestExpiry), // half of them outlast any lock
	}
}

// each returns a function that does the same to all ways, one after the other.
func each(ways []*way, do func(*way) error) func() error {
	return func() error { return eachOf(ways, do) }
}

func eachOf[T any](all []T, do func(T) error) error {
	var errs []error
	for _, one := range all {
		errs = append(errs, do(one))
	}
	return errors.Join(errs...)
}

// within returns what do returns, or an error if that takes longer than limit.
func within(limit time.Duration, do func() error) error {
	done := make(chan error, 1) // if it comes too late nobody listens
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		return fmt.Errorf("not done after %v", limit)
	}
}

// pause waits for as long, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
