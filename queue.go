package redlatch

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// queues are where the goroutines of this process that wait for a lock of one Locker
// stand in line, by name: first come, first served. The first of them waits at the nodes,
// and the others cost the nodes nothing.
type queues struct {
	mu     sync.Mutex
	byName map[string]*queue // those that are in use; guarded by mu
	sweep  int               // how many there may be before those are looked for that are not; guarded by mu

	// Until when a name is thought to be contended, in Unix nanoseconds, by a hash of the
	// name: names that share one share that, too.
	contended [64]atomic.Int64
}

// A queue is that of a name. Its fields are guarded by the mu of the queues.
type queue struct {
	places []*place
	holder *Mutex // who holds the lock and may hand it over to the first, if anybody
	passed int    // how often in a row it has been handed over
}

// A place is that of one who waits.
type place struct {
	name  string
	mutex *Mutex

	// Closed when it is the first's turn to wait at the nodes, or when it has been handed
	// the lock.
	turn   chan struct{}
	turned bool // guarded by the mu of the queues
	left   bool // guarded by the mu of the queues
	given  bool // it has been handed the lock; guarded by the mu of the queues
}

// remembersContention is how long a name is thought to be contended after a wait for it.
const remembersContention = 10 * time.Second

func (qs *queues) slot(name string) *atomic.Int64 {
	hash := uint32(2166136261) // FNV-1a
	for i := range len(name) {
		hash = (hash ^ uint32(name[i])) * 16777619
	}
	return &qs.contended[hash%uint32(len(qs.contended))]
}

// busy reports whether there is no point in asking for a lock before taking a place:
// others in this process are before us, or it is likely to be refused.
func (qs *queues) busy(name string) bool {
	if until := qs.slot(name).Load(); until != 0 && time.Now().UnixNano() < until {
		return true
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	return qs.byName[name] != nil
}

// of returns the queue of a name, and makes it if need be. The caller holds mu.
func (qs *queues) of(name string) *queue {
	q := qs.byName[name]
	if q != nil {
		return q
	}
	if len(qs.byName) >= qs.sweep {
		for name, q := range qs.byName {
			qs.settle(name, q)
		}
		qs.sweep = 2*len(qs.byName) + 16
	}
	if qs.byName == nil {
		qs.byName = make(map[string]*queue)
	}
	q = &queue{}
	qs.byName[name] = q
	return q
}

// enter returns a new place at the end of m's queue.
func (qs *queues) enter(m *Mutex) *place {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	p := &place{name: m.name, mutex: m, turn: make(chan struct{})}
	q := qs.of(m.name)
	q.places = append(q.places, p)
	qs.settle(m.name, q)
	return p
}

// settle finds out whose turn it is, and forgets a queue that is not in use. The caller
// holds mu.
func (qs *queues) settle(name string, q *queue) {
	if q.holder != nil && !q.holder.holdsUntil().After(time.Now()) {
		q.holder = nil
	}
	switch {
	case q.holder != nil:
	case len(q.places) == 0:
		delete(qs.byName, name)
	default:
		q.places[0].call()
	}
}

// call tells whoever has the place that it is its turn.
func (p *place) call() {
	if !p.turned {
		p.turned = true
		close(p.turn)
	}
}

// isTurn reports whether whoever has the place has been called.
func (p *place) isTurn() bool {
	select {
	case <-p.turn:
		return true
	default:
		return false
	}
}

// leave gives up a place, and reports whether it has been handed the lock meanwhile.
// Whoever leaves had to wait.
func (qs *queues) leave(p *place) (given bool) {
	qs.slot(p.name).Store(time.Now().Add(remembersContention).UnixNano())
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if p.given || p.left {
		return p.given
	}
	p.left = true
	q := qs.byName[p.name]
	q.places = slices.DeleteFunc(q.places, func(other *place) bool { return other == p })
	qs.settle(p.name, q)
	return false
}

// hold notes that m has the lock, and may hand it over to those who are in the queue.
func (qs *queues) hold(m *Mutex) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q := qs.of(m.name)
	q.holder, q.passed = m, 0
}

// release notes that m has given the lock back to the nodes.
func (qs *queues) release(m *Mutex) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if q := qs.byName[m.name]; q != nil && q.holder == m {
		q.holder = nil
		qs.settle(m.name, q)
	}
}

// until returns until when the first in the queue has to wait for a holder in this process,
// at most; the zero time if there is none.
func (qs *queues) until(name string) time.Time {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q := qs.byName[name]
	if q == nil { // whoever asks was just handed the lock, and has given it back
		return time.Time{}
	}
	qs.settle(name, q)
	if q.holder == nil {
		return time.Time{}
	}
	return q.holder.holdsUntil()
}

// pass hands the lock that m holds over to the first in the queue, if that is possible, and
// m's leave to do so is not used up.
func (qs *queues) pass(m *Mutex) bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q := qs.byName[m.name]
	if q == nil || q.holder != m || q.passed >= m.handovers || len(q.places) == 0 || q.places[0].turned {
		return false
	}
	p := q.places[0]
	if !m.handTo(p.mutex) {
		return false
	}
	q.places = q.places[1:]
	q.passed++
	q.holder = p.mutex
	p.given = true
	p.call()
	return true
}
