package measure

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/wire"
)

// A nodesTask is of a process that uses locks on several servers.
type nodesTask struct {
	PeerTask
	Times int // how often each call is made
}

// An order is one part of it.
type order struct {
	Round int
	Limit time.Duration // for all calls of one kind together: what takes longer is given up
	Ahead bool          // only get the locks that the next order needs
}

// A nodesResult is what the calls of an order took, by their names.
type nodesResult struct {
	Calls      map[string]timed
	Goroutines int   // after all of them
	Open       int64 // connections, then
}

// playNodes is the process of a nodesTask.
func playNodes(s *child.Session) error {
	var task nodesTask
	if err := s.Receive(&task); err != nil {
		return err
	}
	p, count, err := task.open()
	if err != nil {
		return err
	}
	n := &nodes{task: task, peer: p, count: count}
	for {
		var o order
		if err := s.Receive(&o); err != nil {
			return err
		}
		r, err := n.follow(o)
		if err != nil {
			return err
		}
		if err := s.Send(r); err != nil {
			return err
		}
	}
}

type nodes struct {
	task  nodesTask
	peer  peer.Peer
	count *wire.Count
	held  []peer.Lock // got by the last order that was Ahead
}

// follow makes the calls of an order: it extends and unlocks what is held, and locks
// other names.
func (n *nodes) follow(o order) (nodesResult, error) {
	ctx := context.Background()
	if o.Ahead {
		return nodesResult{}, n.ahead(ctx, o.Round)
	}
	var r nodesResult
	r.Calls = map[string]timed{
		"Extend": within(o.Limit, n.task.Times, func(i int) error { return n.held[i].Extend(ctx) }),
		"Unlock": within(o.Limit, n.task.Times, func(i int) error { return n.held[i].Unlock(ctx) }),
		"Lock": within(o.Limit, n.task.Times, func(i int) error {
			_, err := n.peer.Lock(ctx, fmt.Sprintf("lock-%d-%d", o.Round, i))
			return err
		}),
	}
	r.Goroutines, r.Open = runtime.NumGoroutine(), n.count.Open.Load()
	return r, nil
}

// ahead gets the locks that the next order extends and unlocks.
func (n *nodes) ahead(ctx context.Context, round int) error {
	n.held = nil
	for i := range n.task.Times {
		l, err := n.peer.Lock(ctx, fmt.Sprintf("ahead-%d-%d", round, i))
		if err != nil {
			return err
		}
		n.held = append(n.held, l)
	}
	return nil
}
