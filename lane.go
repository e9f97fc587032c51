package redlatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A lane carries one mutex's commands to one node, one at a time and in the
// order in which they were issued: a release never overtakes the acquire that
// it undoes. A goroutine works it off; it starts with the first command and
// ends with the last.
type lane struct {
	mu    sync.Mutex
	busy  bool     // the goroutine runs; guarded by mu
	queue []*round // what it has yet to ask, in this order; guarded by mu

	// What became of the latest acquire that went this way, or did not; so
	// that nothing is released that cannot be there. Guarded by mu.
	value string
	fate  fate
}

// A fate is what became of an acquire on one node.
type fate uint8

const (
	fateUnknown fate = iota // it was not answered, or is still under way
	fateTaken               // the node said yes
	fateNothing             // the node said no, or was not even asked
)

var errNothingThere = pool.NotSent(errors.New("nothing to release: the lock was not acquired there"))

// send puts r's request to node i, after everything that was sent there before.
// The answer goes to r, and done is false; if it is plain already that nothing
// is to be sent, it is returned instead.
func (m *Mutex) send(i int, r *round) (err error, done bool) {
	l := &m.lanes[i]
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.busy || r.req.Op != pool.Release || l.fateOf(r.req.Value) == fateNothing {
		if err := m.unsent(i, r); err != nil {
			return err, true
		}
	}
	if l.busy { // a release waits even if the node does not answer: what it undoes is under way
		l.queue = append(l.queue, r)
		return nil, false
	}
	l.busy = true
	go m.work(i, r)
	return nil, false
}

// work asks node i what r asks, and then everything that has been queued in its
// lane meanwhile.
func (m *Mutex) work(i int, r *round) {
	l := &m.lanes[i]
	for {
		a, err := m.askInLane(i, r)
		r.answers <- answer{i, a, err}
		if err == nil && a.State == pool.Absent && r.req.Op == pool.Extend {
			m.topUp(i, r)
		}
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		r = l.queue[0]
		l.queue = append(l.queue[:0], l.queue[1:]...)
		l.mu.Unlock()
	}
}

// unsent returns nil if r is to be sent to node i, and else what to answer. The
// caller holds the lane's mu.
func (m *Mutex) unsent(i int, r *round) error {
	l, n := &m.lanes[i], m.locker.nodes[i]
	fate := l.fateOf(r.req.Value)
	if r.req.Op == pool.Release && fate == fateNothing {
		return errNothingThere
	}
	err := n.unwell()
	if err == nil && r.req.Op != pool.Release && time.Since(r.start) >= r.req.Timeout {
		err = pool.NotSent(pool.NoAnswer(r.req.Timeout)) // it waited in line for as long
	}
	if err == nil {
		return nil
	}
	switch r.req.Op {
	case pool.Acquire:
		l.value, l.fate = r.req.Value, fateNothing
	case pool.Release:
		n.owe(r.req, timesFor(fate), 0)
	}
	return err
}

// askInLane is one command of a lane.
func (m *Mutex) askInLane(i int, r *round) (pool.Answer, error) {
	l, n := &m.lanes[i], m.locker.nodes[i]
	l.mu.Lock()
	fate := l.fateOf(r.req.Value)
	if err := m.unsent(i, r); err != nil {
		l.mu.Unlock()
		return pool.Answer{}, err
	}
	if r.req.Op == pool.Acquire {
		l.value, l.fate = r.req.Value, fateUnknown
	}
	l.mu.Unlock()

	// However long it had to wait in line, the node gets its whole timeout: less
	// would say nothing about its health. The round keeps its own time.
	req := r.req
	a, err := m.put(r.ctx, n, req)
	switch req.Op {
	case pool.Acquire:
		l.settle(req.Value, a, err)
	case pool.Release:
		switch {
		case !delivered(err):
			n.owe(req, timesFor(fate), 0)
		case err == nil && a.State != pool.Yes && fate == fateUnknown:
			n.owe(req, 1, req.Timeout)
		}
	}
	return a, err
}

// topUp gives node i the key that it was found to lack when r extended the lock:
// if a quorum of others has extended it. That adds no vote to r, nor to any
// round before the next.
func (m *Mutex) topUp(i int, r *round) {
	<-r.over
	if !r.won || !m.holds(r.req.Value) {
		return
	}
	req := r.req
	req.Op = pool.Acquire
	l := &m.lanes[i]
	l.mu.Lock()
	l.value, l.fate = req.Value, fateUnknown
	l.mu.Unlock()
	a, err := m.locker.nodes[i].ask(r.ctx, req)
	l.settle(req.Value, a, err)
}

// fateOf returns what is known of the acquire of value. The caller holds mu.
func (l *lane) fateOf(value string) fate {
	if l.value == value {
		return l.fate
	}
	return fateTaken // of a value that came from elsewhere, or long ago
}

// settle notes how the acquire of value was answered.
func (l *lane) settle(value string, a pool.Answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.value != value {
		return
	}
	switch {
	case err == nil && a.State == pool.Yes:
		l.fate = fateTaken
	case err == nil, errors.Is(err, pool.ErrNotSent):
		l.fate = fateNothing
	}
}

// timesFor returns how often a release has to be answered: see debt.times.
func timesFor(acquire fate) int {
	if acquire == fateUnknown {
		return 2
	}
	return 1
}

// put puts a request to a node, and sees to two answers of Absent that are not
// the last word.
func (m *Mutex) put(ctx context.Context, n *node, req pool.Request) (pool.Answer, error) {
	start := time.Now()
	a, err := n.ask(ctx, req)
	switch {
	case err != nil || a.State != pool.Absent:
	case req.Op == pool.Release && a.Resent && m.valid(req.Value):
		// It has not expired: the sending whose reply was lost has released it.
		a.State = pool.Yes
	case req.Op == pool.Extend && m.setNXOnExtend && m.holds(req.Value):
		req.Op = pool.Acquire
		if n.alone { // and the caller waits for both commands
			req.Timeout = max(1, req.Timeout-time.Since(start))
		}
		a, err = n.ask(ctx, req)
		if !m.holds(req.Value) {
			// Unlocked meanwhile: the release may have come before the key.
			req.Op = pool.Release
			n.owe(req, 2, 0)
		}
	}
	return a, err
}
