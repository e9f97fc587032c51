// Package memory is a node inside this process: for a program's own tests, and
// for first steps without a server. Its locks exclude the goroutines of one
// process and nobody else.
package memory

import (
	"context"
	"sync"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A Node keeps locks in memory. Its zero value is ready to use. It may be used
// by several goroutines at once, and several Lockers may share it.
//
// It reads the time by time.Now, and so lives in the virtual time of a
// testing/synctest bubble like everything else.
type Node struct {
	mu   sync.Mutex
	keys map[string]key // guarded by mu
}

type key struct {
	value string
	ends  time.Time
}

var _ pool.Bounded = (*Node)(nil)

// New returns an empty node.
func New() *Node { return &Node{} }

// Ask implements [pool.Pool]. It answers at once.
func (n *Node) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	if err := req.Check(); err != nil {
		return pool.Answer{}, err
	}
	if err := ctx.Err(); err != nil {
		return pool.Answer{}, pool.NotSent(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	k, found := n.find(req.Name, now)
	switch {
	case req.Op == pool.Acquire && !found:
		n.set(req, now)
		return pool.Answer{State: pool.Yes}, nil
	case !found:
		return pool.Answer{State: pool.Absent}, nil
	case k.value != req.Value || req.Op == pool.Acquire:
		a := pool.Answer{State: pool.Other}
		if req.Op == pool.Look || req.Op == pool.Acquire && req.Explain {
			a.TTL = k.left(now)
		}
		return a, nil
	}
	a := pool.Answer{State: pool.Yes}
	switch req.Op {
	case pool.Extend:
		n.set(req, now)
	case pool.Release:
		delete(n.keys, req.Name)
	case pool.Look:
		a.TTL = k.left(now)
	}
	return a, nil
}

// Bounded implements [pool.Bounded].
func (n *Node) Bounded() bool { return true }

// Clear forgets every key, as a server does that restarts without its data.
func (n *Node) Clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keys = nil
}

// Keys returns the names of all keys and the values they hold.
func (n *Node) Keys() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	keys := make(map[string]string)
	for name := range n.keys {
		if k, found := n.find(name, now); found {
			keys[name] = k.value
		}
	}
	return keys
}

// find returns the key called name unless it has expired by now. The caller
// holds mu.
func (n *Node) find(name string, now time.Time) (key, bool) {
	k, found := n.keys[name]
	if found && !now.Before(k.ends) {
		delete(n.keys, name)
		return key{}, false
	}
	return k, found
}

// set gives the request's key the request's value and expiry. The caller holds
// mu.
func (n *Node) set(req pool.Request, now time.Time) {
	if n.keys == nil {
		n.keys = make(map[string]key)
	}
	n.keys[req.Name] = key{req.Value, now.Add(req.Expiry.Truncate(time.Millisecond))}
}

// left returns the time to live, to the millisecond.
func (k key) left(now time.Time) time.Duration {
	return k.ends.Sub(now).Truncate(time.Millisecond)
}
