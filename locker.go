package redlatch

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redlatch/redlatch/internal/dropin"
	"github.com/redlatch/redlatch/internal/machine"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A Locker makes mutexes on a configuration: a set of nodes, and the rule by
// which their votes decide. A program usually has one. It may be used by several
// goroutines at once.
//
// While a Lock waits, and for ten seconds after, the Locker listens to each node: by one
// connection and one goroutine for all that wait. [Locker.Close] ends that. A program need
// not call it to have nothing left by and by, once no Lock waits any more.
type Locker struct {
	nodes []*node
	rule  quorum.Rule
	alone bool  // one node, and it can be asked in the caller's goroutine
	err   error // what is wrong with the configuration

	attempts   atomic.Uint64 // how many there were: whoever the lock is handed over to has the one before's
	queues     queues
	inbox      inbox
	background tasks

	closing sync.Once
	closed  chan struct{} // is closed by Close
}

// New returns a Locker on the given nodes, of which a majority decides: one node
// is one Redis, three or five independent masters are Redlock. Order does not
// matter, but errors number the nodes by it.
//
// A configuration that cannot work (no pool, a nil pool, the same pool twice,
// more than 64) is reported by the first call of every Mutex made from it.
func New(pools ...pool.Pool) *Locker {
	l := &Locker{closed: make(chan struct{})}
	if len(pools) == 0 {
		l.err = badConfig("New was given no pool: it needs at least one")
		return l
	}
	nodes := l.add("New", pools)
	return l.withRule(quorum.Majority(nodes))
}

// NewJoint returns a Locker that needs a majority of both, the old nodes and the
// new: the bridge on which clients move from New(old...) to New(new...). Those
// that use the joint configuration exclude those that use either, so each of
// the two steps can be made client by client. Clients of the old configuration
// and of the new do not exclude each other: before the first client moves on to
// New(new...) the last must have left New(old...).
//
// A pool may be in both lists. A configuration that cannot work is reported as
// by [New].
func NewJoint(old, new []pool.Pool) *Locker {
	l := &Locker{closed: make(chan struct{})}
	if len(old) == 0 || len(new) == 0 {
		l.err = badConfig("NewJoint was given %d old and %d new pools: it needs at least one of each", len(old), len(new))
		return l
	}
	a := l.add("NewJoint's old configuration", old)
	b := l.add("NewJoint's new configuration", new)
	return l.withRule(quorum.Joint{quorum.Majority(a), quorum.Majority(b)})
}

// add makes sure that every pool has its node and returns the set of them. Of
// several things that are wrong the first is kept.
func (l *Locker) add(where string, pools []pool.Pool) quorum.Set {
	var set quorum.Set
	for i, p := range pools {
		if l.err != nil {
			return 0
		}
		if nilable.IsNil(p) {
			l.err = badConfig("%s: pool #%d is nil: was it made of a nil client?", where, i)
			return 0
		}
		n := l.index(p)
		switch {
		case n < len(l.nodes) && set.Has(n):
			l.err = badConfig("%s: pool #%d is the same as an earlier one: a node has one vote", where, i)
		case n == quorum.MaxNodes:
			l.err = badConfig("%s: pool #%d is one too many: %d nodes at most", where, i, quorum.MaxNodes)
		case n == len(l.nodes):
			l.nodes = append(l.nodes, newNode(p, &l.background))
			fallthrough
		default:
			set = set.With(n)
		}
	}
	return set
}

func (l *Locker) withRule(rule quorum.Rule) *Locker {
	l.rule = rule
	l.inbox.nodes, l.inbox.background = l.nodes, &l.background
	if l.err == nil && len(l.nodes) == 1 {
		l.nodes[0].sole = true
		l.alone = l.nodes[0].bounded
	}
	return l
}

// index returns the index of the node that p stands for; of a new one, the next.
func (l *Locker) index(p pool.Pool) int {
	id := identity(p)
	for i, n := range l.nodes {
		if id != nil && id == identity(n.pool) {
			return i
		}
	}
	return len(l.nodes)
}

// identity returns what two pools of one node have in common, or nil if that
// cannot be told.
func identity(p pool.Pool) any {
	var id any = p
	if p, ok := p.(pool.Identified); ok {
		id = p.ID()
	}
	v := reflect.ValueOf(id)
	if !v.Comparable() || v.Kind() == reflect.Pointer && v.Type().Elem().Size() == 0 { // which may all be one
		return nil
	}
	return id
}

// late returns the nodes that are late, if the rest can do without them.
func (l *Locker) late(now time.Time) quorum.Set {
	var late, away quorum.Set
	for i, n := range l.nodes {
		isSilent, isLate := n.condition(now)
		if isLate {
			late = late.With(i)
		}
		if isLate || isSilent {
			away = away.With(i)
		}
	}
	if l.rule.Judge(quorum.Votes{No: away}) == quorum.Lost {
		return 0
	}
	return late
}

// Close ends what the Locker does in the background: it listens to its nodes no more, every
// Lock that waits, and every later one, fails with an error that matches [ErrClosed]. It
// blocks until those have returned that waited, and nodes have confirmed the releases that
// they are owed, or until ctx has ended; a nil ctx is context.Background. Then the error
// matches that of ctx, and what is left on the nodes expires.
//
// Locks that are held are not released. They can still be extended and unlocked; let that
// go before, so that Close waits for it, too. The pools are not closed.
//
// A program needs this before it ends, or closes its pools, to leave nothing behind on nodes
// that are slow; and one that makes many Lockers, for each.
func (l *Locker) Close(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	l.closing.Do(func() { close(l.closed) })
	l.inbox.close()
	if !l.background.wait(ctx) {
		return fmt.Errorf("redlatch: closed, and nodes have not confirmed all that was to be released there: %w", ctx.Err())
	}
	return nil
}

func (l *Locker) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// NewMutex returns a mutex of the given name, which is the key on the nodes, byte
// for byte. Every name works, except that a Redis Cluster maps it to a slot, by
// what is between its first { and the next }.
//
// An option that cannot work is reported by the first call of the Mutex.
func (l *Locker) NewMutex(name string, options ...Option) *Mutex {
	m := &Mutex{
		locker:        l,
		name:          name,
		expiry:        defaultExpiry,
		tries:         defaultTries,
		driftFactor:   defaultDriftFactor,
		timeoutFactor: defaultTimeoutFactor,
		generate:      randomValue,
		semantics:     &ownSemantics,
		machine:       machine.Real{},
	}
	for i, option := range options {
		if option == nil {
			m.err = badConfig("option #%d is nil", i)
			return m
		}
		option.Apply(m)
		if o, ok := option.(dropin.Option); ok {
			m.semantics = o.Semantics()
		}
		if o, ok := option.(machine.Option); ok {
			m.machine = o.Machine()
		}
	}
	return m
}

// ownSemantics are those of a mutex that no drop-in is made of.
var ownSemantics dropin.Semantics

// newLanes returns the lanes of an attempt.
func (l *Locker) newLanes() []lane {
	if l.alone {
		return nil
	}
	return make([]lane, len(l.nodes))
}
