package redlatch

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A lane carries the commands about one value to one node, one at a time and in the
// order in which they were issued: a release never overtakes the acquire that it
// undoes. A goroutine works it off; it starts with the first command and ends with the
// last.
type lane struct {
	mu    sync.Mutex
	busy  bool   // the goroutine runs; guarded by mu
	queue []task // what it has yet to do, in this order; guarded by mu

	// What became of the latest acquire that went this way, or did not; so
	// that nothing is released that cannot be there. Guarded by mu.
	attempt uint64
	fate    fate

	waits bool // the value has been in the node's line, and may still be; guarded by mu
	has   bool // the node has last said that the key is the attempt's; guarded by mu
}

// A task is to ask a node what a round asks, or to top it up.
type task struct {
	*round
	topUp bool
}

// A fate is what became of an acquire on one node.
type fate uint8

const (
	fateTaken   fate = iota // it was answered, and may be there; or it was long ago, or elsewhere
	fateUnknown             // it was not answered, or is still under way
	fateNothing             // the node said no, or was not even asked
	fateRefused             // the node refused to, which a proxy may say of what its server did
)

var errNothingThere = pool.NotSent(errors.New("nothing to release: the lock was not acquired there"))

var errLate = pool.NotSent(errors.New("not asked, since it has not answered what it was asked before"))

// send puts r's request to node i, after everything that was sent there before.
// The answer goes to r, and done is false; if it is plain already that nothing
// is to be sent, it is returned instead.
func (m *Mutex) send(i int, r *round) (err error, done bool) {
	l := &r.attempt.lanes[i]
	l.mu.Lock()
	defer l.mu.Unlock()
	// A release waits in line even if the node does not answer: what it undoes is
	// under way.
	if !l.busy || r.req.Op != pool.Release || l.nothingFor(r) {
		if err := m.unsent(i, r); err != nil {
			return err, true
		}
	}
	m.enqueue(i, task{round: r})
	return nil, false
}

// topUp gives node i the key that it was found to lack when r extended the lock, and
// others did: after everything that was sent there before. That adds no vote to r,
// nor to any round before the next.
func (m *Mutex) topUp(i int, r *round) {
	l := &r.attempt.lanes[i]
	l.mu.Lock()
	defer l.mu.Unlock()
	m.enqueue(i, task{r, true})
}

// enqueue has node i's lane do t. The caller holds the lane's mu.
func (m *Mutex) enqueue(i int, t task) {
	l := &t.attempt.lanes[i]
	if n := len(l.queue); n > 0 && l.queue[n-1].repeatedBy(t) { // who waits does not wait for that answer any more
		l.queue[n-1] = t
		return
	}
	if l.busy {
		l.queue = append(l.queue, t)
		return
	}
	l.busy = true
	m.locker.background.begin()
	go m.work(i, t)
}

// repeatedBy reports whether a later task makes this one superfluous: both are looks of one
// who waits.
func (t task) repeatedBy(later task) bool {
	return t.req.Wait && later.req.Wait && t.attempt.id == later.attempt.id
}

// work does t, and then everything that has been queued in node i's lane meanwhile.
func (m *Mutex) work(i int, t task) {
	defer m.locker.background.end()
	l := &t.attempt.lanes[i]
	for {
		m.do(i, t)
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.busy = false
			l.mu.Unlock()
			return
		}
		t = l.queue[0]
		l.queue = slices.Delete(l.queue, 0, 1)
		l.mu.Unlock()
	}
}

// do is one task of node i's lane.
func (m *Mutex) do(i int, t task) {
	if t.topUp {
		m.give(i, t.round)
		return
	}
	a, err := m.askInLane(i, t.round)
	t.answers <- answer{i, a, err}
	if t.req.Op == pool.Extend && err == nil && a.State == pool.Absent && t.lacks(i) {
		m.give(i, t.round)
	}
}

// unsent returns nil if r is to be sent to node i, and else what to answer. The
// caller holds the lane's mu.
func (m *Mutex) unsent(i int, r *round) error {
	l, n := &r.attempt.lanes[i], m.locker.nodes[i]
	fate := l.fateOf(r.attempt)
	if r.req.Op == pool.Release && l.nothingFor(r) {
		return errNothingThere
	}
	err := n.unwell()
	if err == nil && r.late.Has(i) {
		err = errLate
	}
	if err == nil && r.req.Op != pool.Release && time.Since(r.start) >= r.req.Timeout {
		err = pool.NotSent(pool.NoAnswer(r.req.Timeout)) // it waited in line for as long
	}
	if err == nil {
		return nil
	}
	switch r.req.Op {
	case pool.Acquire:
		if l.attempt != r.attempt.id { // else what became of it is what became of the one before
			l.attempt, l.fate = r.attempt.id, fateNothing
		}
	case pool.Release:
		n.owe(r.req, timesFor(fate), 0)
	}
	return err
}

// askInLane is one command of a lane.
func (m *Mutex) askInLane(i int, r *round) (pool.Answer, error) {
	l, n := &r.attempt.lanes[i], m.locker.nodes[i]
	l.mu.Lock()
	fate := l.fateOf(r.attempt)
	if err := m.unsent(i, r); err != nil {
		l.mu.Unlock()
		return pool.Answer{}, err
	}
	before := fateNothing
	if r.req.Op == pool.Acquire {
		if l.attempt == r.attempt.id { // who waits asks again and again
			before = l.fate
		}
		l.attempt, l.fate = r.attempt.id, fateUnknown
		l.waits = l.waits || r.req.Wait && n.lines.Load() != noLines
	}
	l.mu.Unlock()
	req := r.req
	req.Listens = req.Wait && n.hears.Load()

	// However long it had to wait in line, the node gets its whole timeout: less
	// would say nothing about its health. The round keeps its own time.
	a, err := n.ask(r.ctx, req)
	switch r.req.Op {
	case pool.Acquire:
		l.settle(r.attempt, before, a, err)
	case pool.Extend:
		if m.setNXOnExtend && err == nil && a.State == pool.Absent && m.valid(r.attempt) { // so that its Until is known
			a, err = m.give(i, r)
		}
	case pool.Release:
		if err == nil {
			l.lose()
		}
		a = m.released(r.attempt, a, r.req.HandOver)
		switch {
		case err != nil:
			n.owe(r.req, timesFor(fate), 0)
		case fate == fateUnknown && (a.State != pool.Yes || r.attempt.waits):
			if r.req.Reused {
				n.owe(r.req, neverAnswered, min(overtaken, r.req.Timeout))
			} else {
				n.owe(r.req, onceAnswered, r.req.Timeout)
			}
		}
	}
	return a, err
}

// give has node i acquire the lock that r extends, if it is still held. The caller
// is i's lane, so that a release that comes meanwhile comes after.
func (m *Mutex) give(i int, r *round) (pool.Answer, error) {
	req := r.req
	req.Op = pool.Acquire
	l := &r.attempt.lanes[i]
	l.mu.Lock()
	before := l.fateOf(r.attempt)
	l.attempt, l.fate = r.attempt.id, fateUnknown
	l.mu.Unlock()
	// In this order: an Unlock ends the hold first, and looks at the fate then. It
	// either finds that there may be a key to release, or is noticed here.
	if !m.holds(r.attempt) {
		return pool.Answer{State: pool.Absent}, nil
	}
	a, err := m.locker.nodes[i].ask(r.ctx, req)
	// A refusal says nothing of an earlier acquire: the key may be ours, if that was
	// never answered.
	l.settle(r.attempt, before, a, err)
	return a, err
}

// nothingFor reports whether there is nothing for a release to do. The caller holds mu.
func (l *lane) nothingFor(r *round) bool {
	return l.fateOf(r.attempt) == fateNothing && !(r.req.Again && l.waits)
}

// taken returns the nodes that have given the attempt the lock, as far as is known.
func (a attempt) taken() quorum.Set {
	var taken quorum.Set
	for i := range a.lanes {
		l := &a.lanes[i]
		l.mu.Lock()
		if l.attempt == a.id && l.has {
			taken = taken.With(i)
		}
		l.mu.Unlock()
	}
	return taken
}

// fateOf returns what is known of the acquire of an attempt. The caller holds mu.
func (l *lane) fateOf(of attempt) fate {
	if l.attempt == of.id {
		return l.fate
	}
	return fateTaken
}

// settle notes how the acquire of an attempt was answered. If it had no effect, what
// became of it is what became of those before.
func (l *lane) settle(of attempt, before fate, a pool.Answer, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.attempt != of.id {
		return
	}
	if err == nil {
		l.has = a.State == pool.Yes
	}
	switch {
	case err == nil && a.State != pool.Yes, errors.Is(err, pool.ErrNotSent):
		l.fate = before
	case before == fateUnknown: // which may take effect after this one was released
	case err == nil:
		l.fate = fateTaken
	case refused(err):
		l.fate = fateRefused
	}
}

// lose notes that the node does not have the attempt's key any more.
func (l *lane) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.has = false
}

// timesFor returns how often the release of an acquire has to be answered.
func timesFor(acquire fate) int {
	if acquire == fateUnknown {
		return neverAnswered
	}
	return onceAnswered
}
