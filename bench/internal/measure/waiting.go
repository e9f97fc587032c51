package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// The metrics of waiting for a lock that is held, as the server's MONITOR shows it.
const (
	ClientPS   = "client commands/s"
	InsidePS   = "inside scripts/s"
	ReleasesPS = "releases/s"
)

// waiters is how many wait.
const waiters = 50

// The cases of waiting.
const (
	WaitGoroutines = "50 goroutines of one process"
	WaitProcesses  = "50 processes"
)

// WaitCases are all of them.
var WaitCases = []string{WaitGoroutines, WaitProcesses}

// waiting: section 6, what waiting costs.
func waiting(ctx context.Context, b *Bench) error {
	var jobs []job
	for _, name := range WaitCases {
		for _, who := range []string{peer.Redlatch, peer.RedlatchRueidis, peer.Redsync, peer.Redislock, peer.Rueidislock} {
			key := result.Key{Section: Waiting, Case: name, Who: who}
			jobs = append(jobs, job{key, b.measureWaiting})
		}
	}
	return b.rounds(ctx, pick(b, 1, 5), jobs)
}

// measureWaiting counts what the waiters of a case send.
func (b *Bench) measureWaiting(ctx context.Context, c *result.Cell) error {
	processes, err := b.startWaiters(ctx, c)
	defer func() {
		for _, p := range processes {
			p.Kill()
		}
	}()
	if err != nil {
		return err
	}
	if err := b.watch(ctx, c); err != nil {
		return err
	}
	for _, p := range processes {
		var r waitResult
		if err := p.Ask(true, &r); err != nil { // it has ended, and did not wait
			return err
		}
		if r.Number != nobody {
			return errors.New("a lock that is held was got")
		}
	}
	return nil
}

// startWaiters starts the process that holds the lock and those that wait for it; with
// an error it returns what it has started.
func (b *Bench) startWaiters(ctx context.Context, c *result.Cell) ([]*child.Process, error) {
	if err := b.flush(1); err != nil {
		return nil, err
	}
	task := waitTask{
		PeerTask: PeerTask{Peer: c.Who, Places: b.places(1), Expiry: time.Minute},
		Names:    []string{"held"},
	}
	holder, err := startWaiter(ctx, task)
	if err != nil {
		return nil, err
	}
	processes := []*child.Process{holder}
	if err := holder.Receive(new(waitResult)); err != nil {
		return processes, err
	}
	number := waiters
	if c.Case == WaitGoroutines {
		number = 1
		task.Names = slices.Repeat(task.Names, waiters)
	}
	for range number {
		p, err := startWaiter(ctx, task)
		if err != nil {
			return processes, err
		}
		processes = append(processes, p)
	}
	return processes, nil
}

// watch counts for a while what the server is sent.
func (b *Bench) watch(ctx context.Context, c *result.Cell) error {
	if err := sleep(ctx, 500*time.Millisecond); err != nil { // those who wait have settled
		return err
	}
	m, err := b.monitor(time.Second)
	if err != nil {
		return err
	}
	metrics := result.Metrics{ClientPS: m.client, InsidePS: m.inside}
	if isRelease := releases(c.Who); isRelease != nil {
		metrics[ReleasesPS] = m.rate(isRelease)
	}
	c.Add(metrics)
	c.Note("%s", m.commands())
	return nil
}

// startWaiter starts the process of a waitTask, and lets it begin.
func startWaiter(ctx context.Context, task waitTask) (*child.Process, error) {
	p, err := child.Start(ctx, "wait", task)
	if err != nil {
		return nil, err
	}
	if err := p.Ask(true, new(bool)); err != nil {
		return nil, err
	}
	return p, nil
}

// sleep waits, and returns early if ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting: %w", context.Cause(ctx))
	}
}
