package redlatch_test

import (
	"context"
	"errors"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// A process is another Locker on the nodes of a world, by links of its own that can have
// faults of their own.
type process struct {
	*redlatch.Locker
	links []*pooltest.Faulty
}

func (w *world) process() *process {
	p := &process{}
	var pools []pool.Pool
	for _, node := range w.nodes {
		link := pooltest.Wrap(node)
		p.links, pools = append(p.links, link), append(pools, link)
	}
	p.Locker = redlatch.New(pools...)
	return p
}

// meet has p get to know that the nodes keep lines: by waiting for another lock.
func (w *world) meet(p *process) {
	w.Helper()
	for _, node := range w.nodes {
		node.Ask(context.Background(), pool.Request{Op: pool.Acquire, Name: "another", Value: "another", Expiry: time.Hour})
	}
	w.wantErr(p.NewMutex("another", redlatch.WithTries(2)).Lock(), redlatch.ErrFailed)
	synctest.Wait()
	for _, link := range p.links {
		link.Forget()
	}
}

// die has the process listen and ask no more, from one moment to the other.
func (p *process) die() {
	for _, link := range p.links {
		link.Refuse(errDead)
		link.Deafen(errDead)
	}
}

// end has it end, and what it owes be paid.
func (p *process) end(w *world) {
	w.Helper()
	for _, link := range p.links {
		link.Refuse(nil)
		link.Deafen(nil)
		link.Thaw()
	}
	w.must(p.Close(context.Background()))
}

var errDead = errors.New("the process is gone")

// A waiting is a Lock in a goroutine of its own.
type waiting struct {
	*redlatch.Mutex
	started time.Time
	done    chan struct{} // closed when it has returned
	err     error         // what it returned, when it has
	took    time.Duration
}

// waits begins to lock m, and returns when that waits, or has ended.
func (w *world) waits(m *redlatch.Mutex) *waiting { return w.waitsFor(context.Background(), m) }

func (w *world) waitsFor(ctx context.Context, m *redlatch.Mutex) *waiting {
	synctest.Wait() // what was begun before comes first
	g := &waiting{Mutex: m, started: time.Now(), done: make(chan struct{})}
	go func() {
		defer close(g.done)
		g.err = m.LockContext(ctx)
		g.took = time.Since(g.started)
	}()
	synctest.Wait()
	return g
}

// isOver reports whether the Lock has returned.
func (g *waiting) isOver() bool {
	synctest.Wait()
	select {
	case <-g.done:
		return true
	default:
		return false
	}
}

// wantHolder checks which of those who waited has the lock, alone: none if it is -1. Those
// who had it before have been taken out.
func (w *world) wantHolder(all []*waiting, want int) {
	w.Helper()
	for i, g := range all {
		if over := g.isOver(); over != (i == want) || over && g.err != nil {
			w.Errorf("waiter %d has returned: %v, with %v", i, over, g.err)
		}
	}
}
