package redlatch

import (
	"context"
	mathrand "math/rand/v2"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A round is one question put to every node at once.
type round struct {
	req     pool.Request
	start   time.Time     // its answers are waited for until req.Timeout after
	answers chan answer   // one place for each node: a late answer blocks nobody
	over    chan struct{} // of an Extend: closed when it has been decided or given up
	won     bool          // what it was decided to; written before over is closed

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
// finished in the background, within the node timeout.
func (m *Mutex) ask(ctx context.Context, req pool.Request) tally {
	if m.locker.alone {
		return m.askOne(ctx, req)
	}
	t, r, timer := m.begin(ctx, req)
	defer timer.Stop()
	for t.verdict == quorum.Pending && !t.ended {
		m.next(ctx, r, &t, timer)
	}
	if r.over != nil {
		r.won = t.verdict == quorum.Won
		close(r.over)
	}
	return t
}

// askOne is ask for one node: one command in the caller's goroutine.
func (m *Mutex) askOne(ctx context.Context, req pool.Request) tally {
	n := m.locker.nodes[0]
	var a pool.Answer
	err := ctx.Err()
	if err == nil {
		a, err = m.put(ctx, n, req)
	} else {
		err = pool.NotSent(err)
	}
	t := tally{ended: err != nil && ctx.Err() != nil}
	t.count(m.locker, 0, a, err)

	if req.Op == pool.Release && !delivered(err) {
		n.owe(req, 1, 0)
	}
	return t
}

// begin sends req to every node, and counts those that it need not be sent to.
func (m *Mutex) begin(ctx context.Context, req pool.Request) (tally, *round, *time.Timer) {
	nodes := len(m.locker.nodes)
	r := &round{
		req:     req,
		start:   time.Now(), // the node timeout counts from before the first command
		answers: make(chan answer, nodes),
		ctx:     context.WithoutCancel(ctx),
	}
	if req.Op == pool.Extend {
		r.over = make(chan struct{})
	}
	t := tally{verdict: quorum.Pending}
	first := 0
	if m.shuffle {
		first = mathrand.IntN(nodes)
	}
	for k := range nodes {
		i := (first + k) % nodes
		if err, done := m.send(i, r); done {
			t.count(m.locker, i, pool.Answer{}, err)
		}
	}
	// Drivers are told the node timeout, too. This is for those that overrun it.
	return t, r, time.NewTimer(req.Timeout)
}

// next waits for one more answer, for the node timeout, or for the end of ctx,
// and enters it into t.
func (m *Mutex) next(ctx context.Context, r *round, t *tally, timer *time.Timer) {
	select {
	case a := <-r.answers:
		t.count(m.locker, a.node, a.Answer, a.err)
	case <-timer.C:
		for i := range m.locker.nodes {
			if !t.heard(i) {
				t.count(m.locker, i, pool.Answer{}, pool.NoAnswer(r.req.Timeout))
			}
		}
	case <-ctx.Done():
		t.ended = true
	}
}

// undo releases what an acquire that failed may have taken: on every node that
// said yes or has not answered, on no context of the caller's, who may have
// gone. It waits for those that said yes, as long as the caller is there.
func (m *Mutex) undo(ctx context.Context, req pool.Request, acquired tally) {
	req.Op = pool.Release
	if m.locker.alone {
		if acquired.votes.Yes != 0 {
			m.locker.nodes[0].owe(req, 1, 0)
		} else if acquired.unknown != 0 {
			m.locker.nodes[0].owe(req, 2, 0)
		}
		return
	}
	t, r, timer := m.begin(ctx, req)
	defer timer.Stop()
	for !t.ended && acquired.votes.Yes&^(t.votes.Yes|t.votes.No) != 0 {
		m.next(ctx, r, &t, timer)
	}
}
