package redsync

import (
	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/dropin"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/redsync/redis"
)

// Redsync makes mutexes on a set of nodes. It may be used by several goroutines
// at once.
type Redsync struct {
	locker *redlatch.Locker
	quorum int
}

// New returns a Redsync on the given nodes, of which a majority decides: one is
// one Redis, three or five independent masters are Redlock.
//
// A pool may be one of redsync's own, whatever client library it is for, or one
// of the packages below redsync/redis, which is used as the node of redlatch that
// it is as well. What cannot work (no pool, a nil pool, the same pool twice, more
// than 64) is reported by the first call of every Mutex made from it.
func New(pools ...redis.Pool) *Redsync {
	nodes := make([]pool.Pool, len(pools))
	for i, p := range pools {
		nodes[i] = nodeOf(p)
	}
	return &Redsync{redlatch.New(nodes...), len(nodes)/2 + 1}
}

// nodeOf returns the node that p is, or one that is asked through p's connections.
func nodeOf(p redis.Pool) pool.Pool {
	if nilable.IsNil(p) {
		return nil
	}
	if node, ok := p.(pool.Pool); ok {
		return node
	}
	return newForeign(p)
}

// Redlatch returns the Locker on the same nodes.
func (r *Redsync) Redlatch() *redlatch.Locker { return r.locker }

// NewMutex returns a mutex of the given name, which is the key on the nodes, byte
// for byte. An option that cannot work is reported by the first call of the Mutex.
func (r *Redsync) NewMutex(name string, options ...Option) *Mutex {
	if r.locker == nil { // a Redsync that New did not make
		return New().NewMutex(name, options...)
	}
	m := &Mutex{
		quorum:    r.quorum,
		tries:     defaultTries,
		semantics: dropin.Semantics{WholeValidity: true, QuorumTaken: true},
	}
	adopted := make([]redlatch.Option, 0, len(options)+1)
	for _, option := range options {
		adopted = append(adopted, m.adopt(option))
	}
	adopted = append(adopted, semantics{m})
	m.mutex = r.locker.NewMutex(name, adopted...)
	return m
}

// semantics makes a redlatch.Mutex work as the Mutex around it wants it to.
type semantics struct{ mutex *Mutex }

// Apply implements redlatch.Option.
func (s semantics) Apply(*redlatch.Mutex) {}

// Semantics implements dropin.Option.
func (s semantics) Semantics() *dropin.Semantics { return &s.mutex.semantics }

// adopt returns o as an option of redlatch's; of nil, nil, which redlatch reports.
func (m *Mutex) adopt(o Option) redlatch.Option {
	switch o := o.(type) {
	case nil:
		return nil
	case native:
		return o.Option
	}
	return adopted{m, o}
}

// adopted is an Option of the Mutex around a redlatch.Mutex.
type adopted struct {
	mutex  *Mutex
	option Option
}

// Apply implements redlatch.Option.
func (a adopted) Apply(inner *redlatch.Mutex) {
	a.mutex.mutex = inner
	a.option.Apply(a.mutex)
}
