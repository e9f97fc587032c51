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

	lines   map[string][]place  // who waits, by name, the first first; guarded by mu
	inboxes map[string]*mailbox // who listens; guarded by mu
}

type key struct {
	value string
	ends  time.Time
}

var (
	_ pool.Bounded  = (*Node)(nil)
	_ pool.Listener = (*Node)(nil)
)

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
	if req.Op == pool.Acquire {
		return n.acquire(req, now), nil
	}
	k, found := n.find(req.Name, now)
	if req.Op == pool.Release && req.Again {
		if k.value == req.Value {
			n.leave(req.Name, req.Value)
		} else {
			n.quit(req.Name, req.Value)
		}
	}
	switch {
	case !found:
		return pool.Answer{State: pool.Absent}, nil
	case k.value != req.Value:
		a := pool.Answer{State: pool.Other}
		if req.Op == pool.Look {
			a.TTL = k.left(now)
		}
		return a, nil
	}
	a := pool.Answer{State: pool.Yes}
	switch req.Op {
	case pool.Extend:
		n.set(req.Name, req.Value, ends(req, now))
	case pool.Release:
		if !req.HandOver || !n.handOver(req, now) {
			delete(n.keys, req.Name)
		}
	case pool.Look:
		a.TTL = k.left(now)
	}
	return a, nil
}

// acquire sets the key, or puts who asks into the line. The caller holds mu.
func (n *Node) acquire(req pool.Request, now time.Time) pool.Answer {
	k, found := n.find(req.Name, now)
	mine := found && k.value == req.Value && req.Wait // it was handed over
	switch {
	case !found || mine:
		n.set(req.Name, req.Value, ends(req, now))
		a := pool.Answer{State: pool.Yes}
		if req.Wait {
			a.Place = pool.Joined
			n.leave(req.Name, req.Value)
			if line := n.lines[req.Name]; req.TellNext && len(line) > 0 {
				a.Next = line[0].next()
			}
		}
		return a
	case req.Wait:
		return pool.Answer{State: pool.Other, TTL: max(k.left(now), time.Millisecond), Place: n.join(req, now), Owner: k.value}
	case req.Explain:
		return pool.Answer{State: pool.Other, TTL: k.left(now)}
	}
	return pool.Answer{State: pool.Other}
}

// Bounded implements [pool.Bounded].
func (n *Node) Bounded() bool { return true }

// Clear forgets every key, and who waits for it, as a server does that restarts without
// its data. Whoever listens goes on to do so.
func (n *Node) Clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.keys, n.lines = nil, nil
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

// set sets a key. The caller holds mu.
func (n *Node) set(name, value string, ends time.Time) {
	if n.keys == nil {
		n.keys = make(map[string]key)
	}
	n.keys[name] = key{value, ends}
}

// ends returns when what a request sets at now has expired.
func ends(req pool.Request, now time.Time) time.Time {
	return now.Add(req.Expiry.Truncate(time.Millisecond))
}

// left returns the time to live, to the millisecond.
func (k key) left(now time.Time) time.Duration {
	return k.ends.Sub(now).Truncate(time.Millisecond)
}
