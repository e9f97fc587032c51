package redlatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A tally is what is known of a round so far.
type tally struct {
	votes   quorum.Votes
	verdict quorum.Verdict
	other   quorum.Set    // nodes that have another owner's key
	absent  quorum.Set    // nodes that have no key
	unknown quorum.Set    // nodes that were asked, and failed to answer
	errs    []error       // by node; nil if none has failed
	answers []pool.Answer // by node, of a round of one who waits; else nil
	ended   bool          // the caller's context ended before the round was decided
}

// newTally returns that of a round of which nothing is known.
func newTally(l *Locker, req pool.Request) tally {
	t := tally{verdict: quorum.Pending}
	if req.Wait {
		t.answers = make([]pool.Answer, len(l.nodes))
	}
	return t
}

// count enters the answer of node i.
func (t *tally) count(l *Locker, i int, a pool.Answer, err error) {
	if err == nil && a.State == 0 {
		err = fmt.Errorf("the pool returned neither an answer nor an error")
	}
	switch {
	case err != nil:
		if t.errs == nil {
			t.errs = make([]error, len(l.nodes))
		}
		t.errs[i] = err
		if !errors.Is(err, pool.ErrNotSent) {
			t.unknown = t.unknown.With(i)
		}
	case a.State == pool.Other:
		t.other = t.other.With(i)
	case a.State == pool.Absent:
		t.absent = t.absent.With(i)
	}
	if t.answers != nil {
		t.answers[i] = a
	}
	t.votes.Cast(i, err == nil && a.State == pool.Yes)
	t.verdict = l.rule.Judge(t.votes)
}

// next returns who is to have the lock after who has won it now: the one whom most nodes have
// first in line.
func (t *tally) next() string {
	most, next := 0, ""
	for i := range t.answers {
		n := 0
		for j := range t.answers {
			if t.answers[j].Next == t.answers[i].Next {
				n++
			}
		}
		if t.answers[i].Next != "" && n > most {
			most, next = n, t.answers[i].Next
		}
	}
	return next
}

// heard reports whether node i has been counted.
func (t *tally) heard(i int) bool { return t.votes.Yes.Has(i) || t.votes.No.Has(i) }

// open reports whether the nodes that are not another owner's are known to leave
// none of them a quorum.
func (t *tally) open(l *Locker) bool {
	return l.rule.Judge(quorum.Votes{No: (t.votes.Yes | t.votes.No) &^ t.other}) == quorum.Lost
}

// err returns why op has failed, as far as the nodes know.
func (t *tally) err(ctx context.Context, m *Mutex, op error) error {
	l := m.locker
	var reasons []error
	if t.ended {
		reasons = ended(ctx)
	}
	if l.rule.Judge(quorum.Votes{No: t.other}) == quorum.Lost && !(m.semantics.QuorumTaken && t.open(l)) {
		taken := &ErrTaken{Nodes: t.other.Nodes(), op: op}
		if !t.ended {
			return taken
		}
		return failed(op, append(reasons, taken)...)
	}
	for i := range l.nodes {
		switch {
		case t.other.Has(i):
			reasons = append(reasons, &ErrNodeTaken{Node: i})
		case t.absent.Has(i):
			reasons = append(reasons, &nodeExpired{i})
		case t.errs != nil && t.errs[i] != nil && !(t.ended && isEnd(t.errs[i])):
			reasons = append(reasons, &RedisError{Node: i, Err: t.errs[i]})
		}
	}
	return failed(op, reasons...)
}
