// Package aside bounds calls that know no bounds.
package aside

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// Max is how many calls of a Group may be overdue at a time. It is more than one
// because a client library may hang on one dead connection after another before
// it comes to dial a new one.
const Max = 16

// ErrFull is returned by Run if Max calls are overdue.
var ErrFull = errors.New("too many earlier calls have not returned yet")

// A Group is the calls to one node.
type Group struct {
	overdue atomic.Int32 // calls that nobody waits for any more
}

// Run makes the call in a goroutine of its own, and returns what it returns; or,
// when ctx ends before that, the error of ctx. Whatever the call then returns,
// whenever it does, is given to late, in that goroutine.
//
// While many calls of the group are so overdue, no further one is made.
func Run[T any](ctx context.Context, g *Group, call func() (T, error), late func(T)) (T, error) {
	var none T
	if g.overdue.Load() >= Max {
		return none, ErrFull
	}
	r := &result[T]{done: make(chan struct{})}
	go func() {
		value, err := call()
		if r.set(value, err) {
			return
		}
		late(value)
		g.overdue.Add(-1)
	}()
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
	}
	if r.leave(g) {
		return none, ctx.Err()
	}
	return r.value, r.err // just in time
}

type result[T any] struct {
	mu    sync.Mutex
	left  bool // nobody waits any more; guarded by mu
	done  chan struct{}
	value T // written before done is closed
	err   error
}

// set tells whoever waits, and reports whether somebody does.
func (r *result[T]) set(value T, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return false
	}
	r.value, r.err = value, err
	close(r.done)
	return true
}

// leave stops waiting, unless the result has come meanwhile.
func (r *result[T]) leave(g *Group) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.done:
		return false
	default:
	}
	r.left = true
	g.overdue.Add(1) // before the goroutine can take it off
	return true
}
