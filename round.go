package redlatch

import (
	"context"
	"sync"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A round is one question put to every node at once.
type round struct {
	attempt attempt
	req     pool.Request
	start   time.Time   // its answers are waited for until req.Timeout after
	answers chan answer // one place for each node: a late answer blocks nobody
	timer   *time.Timer // of whoever waits for the answers
	late    quorum.Set  // nodes that are not asked now, since they are late

	// Of an Extend.
	mu   sync.Mutex
	over bool       // it has been decided or given up; guarded by mu
	won  bool       // what it was decided to; guarded by mu
	lost quorum.Set // nodes that no longer had the key, before it was over; guarded by mu

	// ctx has the caller's values and not its end: a command that was sent is
	// brought to its end, so that what it did is known.
	ctx context.Context
}

type answer struct {
	node int
	pool.Answer
	err error
}

// ask puts req to the nodes and returns what they said by the time that their
// votes were decided, or ctx had ended. All that is still under way then is
// finished in the background, within the node timeout, and can be heard later.
func (m *Mutex) ask(ctx context.Context, a attempt, req pool.Request) (tally, *round) {
	if m.locker.alone {
		return m.askOne(ctx, a, req), nil
	}
	t, r := m.askAll(ctx, a, req)
	defer r.timer.Stop()
	for t.verdict == quorum.Pending && !t.ended {
		m.next(ctx, r, &t)
	}
	if req.Op == pool.Extend {
		for _, i := range r.end(t.verdict == quorum.Won).Nodes() {
			m.topUp(i, r)
		}
	}
	if t.verdict == quorum.Lost && req.Op != pool.Acquire { // whose undoing takes its time anyway
		m.linger(ctx, r, &t, m.patience(time.Since(r.start)))
	}
	return t, r
}

// linger waits a moment for the nodes that have not answered r yet: until the given
// time, and as long as ctx lasts. How r has ended is known; the nodes tell why, or
// have got what they were sent.
func (m *Mutex) linger(ctx context.Context, r *round, t *tally, until time.Time) {
	r.timer.Reset(time.Until(until))
	defer r.timer.Stop()
	for (t.votes.Yes | t.votes.No).Len() < len(m.locker.nodes) {
		var a answer
		select {
		case a = <-r.answers: // that are there count in any case
		default:
			select {
			case a = <-r.answers:
			case <-r.timer.C:
				return
			case <-ctx.Done():
				return
			}
		}
		t.count(m.locker, a.node, a.Answer, a.err)
	}
}

// patience returns until when a call that was decided within elapsed waits for what
// decides nothing: not for nodes that are much slower than those that have answered.
func (m *Mutex) patience(elapsed time.Duration) time.Time {
	return time.Now().Add(min(m.nodeTimeout(), max(grace, 2*elapsed)))
}

// askOne is ask for one node: one command in the caller's goroutine.
func (m *Mutex) askOne(ctx context.Context, a attempt, req pool.Request) tally {
	n := m.locker.nodes[0]
	req.Listens = req.Wait && n.hears.Load()
	var start time.Time
	if m.setNXOnExtend {
		start = time.Now()
	}
	var ans pool.Answer
	err := ctx.Err()
	if err == nil {
		ans, err = n.ask(ctx, req)
	} else {
		err = pool.NotSent(err)
	}
	switch {
	case req.Op == pool.Release:
		ans = m.released(a, ans, req.HandOver)
		switch {
		case a.unsure:
			n.owe(req, neverAnswered, 0)
		case err != nil:
			n.owe(req, onceAnswered, 0)
		}
	case req.Op == pool.Extend && m.setNXOnExtend && err == nil && ans.State == pool.Absent && m.holds(a) && m.valid(a): // so that its Until is known
		again := req
		again.Op, again.Timeout = pool.Acquire, max(1, req.Timeout-time.Since(start))
		ans, err = n.ask(ctx, again)
		if !m.holds(a) { // unlocked meanwhile: the release may have come before the key
			again.Op, again.Timeout = pool.Release, req.Timeout
			n.owe(again, neverAnswered, 0)
		}
	}
	t := newTally(m.locker, req)
	t.ended = err != nil && ctx.Err() != nil
	t.count(m.locker, 0, ans, err)
	return t
}

// released returns what ans is worth as the answer to a release: a key that was gone, or that
// of who was handed it, when the release was sent again was released by the first sending,
// whose reply was lost; unless the lock had expired by then.
func (m *Mutex) released(a attempt, ans pool.Answer, handedOver bool) pool.Answer {
	if (ans.State == pool.Absent || ans.State == pool.Other && handedOver) && ans.Resent && m.valid(a) {
		ans.State = pool.Yes
	}
	return ans
}

// askAll sends req to every node, and counts those that it need not be sent to.
func (m *Mutex) askAll(ctx context.Context, a attempt, req pool.Request) (tally, *round) {
	return m.askThese(ctx, a, req, quorum.First(len(m.locker.nodes)))
}

// askThese is askAll for some of the nodes. The others are counted as if they had nothing.
func (m *Mutex) askThese(ctx context.Context, a attempt, req pool.Request, these quorum.Set) (tally, *round) {
	nodes := len(m.locker.nodes)
	r := &round{
		attempt: a,
		req:     req,
		start:   time.Now(), // the node timeout counts from before the first command
		answers: make(chan answer, nodes),
		// Drivers are told the node timeout, too. This is for those that overrun it.
		timer: time.NewTimer(req.Timeout),
		ctx:   context.WithoutCancel(ctx),
	}
	r.late = m.locker.late(r.start)
	t := newTally(m.locker, req)
	first := 0
	if m.shuffle {
		first = int(m.machine.N(time.Duration(nodes)))
	}
	for k := range nodes {
		i := (first + k) % nodes
		err, done := errNothingThere, true
		if these.Has(i) {
			err, done = m.send(i, r)
		}
		if done {
			t.count(m.locker, i, pool.Answer{}, err)
		}
	}
	return t, r
}

// next waits for one more answer, for the timer, or for the end of ctx, and
// enters it into t.
func (m *Mutex) next(ctx context.Context, r *round, t *tally) {
	select {
	case a := <-r.answers:
		t.count(m.locker, a.node, a.Answer, a.err)
	case <-r.timer.C:
		for i := range m.locker.nodes {
			if !t.heard(i) {
				t.count(m.locker, i, pool.Answer{}, pool.NoAnswer(r.req.Timeout))
			}
		}
	case <-ctx.Done():
		t.ended = true
	}
}

// grace is how long a call that has failed waits at least for its undoing, and for
// what the other nodes say. Nodes that are well are done long before.
const grace = 20 * time.Millisecond

// undo releases what an acquire that failed may have taken: on every node that
// said yes or has not answered, on no context of the caller's, who may have
// gone; and takes the attempt out of the nodes' lines. It waits for that, but no longer
// than until, or ctx lasts. What it holds is handed to the first in line if that is to be,
// or there is one node: several would hardly choose the same.
func (m *Mutex) undo(ctx context.Context, a attempt, acquired tally, until time.Time, handOver bool) {
	req := m.request(pool.Release, a)
	req.Reused = a.used
	req.HandOver, req.Again, req.Inbox = handOver || m.locker.alone, a.waits, a.inbox
	if m.locker.alone {
		switch {
		case a.unsure:
			m.locker.nodes[0].owe(req, neverAnswered, 0)
		case acquired.votes.Yes != 0:
			m.locker.nodes[0].owe(req, onceAnswered, 0)
		case acquired.unknown != 0 && refused(acquired.errs[0]):
			m.locker.nodes[0].owe(req, onceAnswered, 0) // a proxy may say that of what its server did
		case acquired.unknown != 0:
			m.locker.nodes[0].owe(req, neverAnswered, 0)
		case a.waits && m.locker.nodes[0].lines.Load() != noLines:
			m.locker.nodes[0].owe(req, onceAnswered, 0)
		}
		return
	}
	t, r := m.askAll(ctx, a, req)
	for i, err := range acquired.errs {
		if unanswered(err) && !t.heard(i) { // nor will it answer this
			t.count(m.locker, i, pool.Answer{}, err)
		}
	}
	m.linger(ctx, r, &t, until)
}

// lacks notes that node i no longer has the key that r extends. If it is known by now
// that it is to be given it again, it returns true.
func (r *round) lacks(i int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.lost = r.lost.With(i)
	}
	return r.won
}

// end notes how r ends, and returns the nodes that are to be given the key again.
func (r *round) end(won bool) quorum.Set {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over, r.won = true, won
	if !won {
		return 0
	}
	return r.lost
}
