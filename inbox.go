package redlatch

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// An inbox is where the nodes tell a Locker which of its waiters have been handed a lock:
// one subscription to each node, whoever waits for whatever. It is made when the first
// begins to wait, and lasts until a while after the last has gone.
type inbox struct {
	nodes []*node

	mu      sync.Mutex
	name    string             // what it is called on the nodes; guarded by mu
	waiters map[string]*waiter // by value; guarded by mu
	stop    context.CancelFunc // ends listening; nil if nobody does; guarded by mu
	linger  *time.Timer        // will stop it; guarded by mu
	closed  bool               // for good; guarded by mu

	background *tasks // of the Locker
}

const (
	// lingering is how long the nodes are listened to after the last waiter has gone: the
	// next may come soon.
	lingering = 10 * time.Second

	// A node that cannot be listened to is tried again after the first of these, and then
	// after twice as long each time up to the second; one that never lets us after the third.
	minSilence  = 50 * time.Millisecond
	maxSilences = 5 * time.Second
	deafness    = time.Minute
)

// add has the nodes tell w what is handed to value, and returns the name of the inbox.
func (in *inbox) add(w *waiter, value string) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.waiters == nil {
		in.waiters = make(map[string]*waiter)
	}
	in.waiters[value] = w
	if in.linger != nil {
		in.linger.Stop()
		in.linger = nil
	}
	if in.stop == nil {
		in.listen()
	}
	return in.name
}

// remove undoes add.
func (in *inbox) remove(value string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.waiters, value)
	if len(in.waiters) > 0 || in.stop == nil {
		return
	}
	in.linger = time.AfterFunc(lingering, func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		if len(in.waiters) == 0 {
			in.quit()
		}
	})
}

// listen begins to listen to every node that sends messages. The caller holds mu.
func (in *inbox) listen() {
	if in.closed {
		return
	}
	in.name = "redlatch-" + rand.Text()
	ctx, cancel := context.WithCancel(context.Background())
	in.stop = cancel
	for i, n := range in.nodes {
		if l, ok := n.pool.(pool.Listener); ok {
			in.background.begin()
			go in.listenTo(ctx, i, l, in.name)
		}
	}
}

// listenTo listens to node i until ctx ends.
func (in *inbox) listenTo(ctx context.Context, i int, l pool.Listener, name string) {
	defer in.background.end()
	silence := minSilence
	for {
		up := false
		err := l.Listen(ctx, name, func() {
			up = true
			in.hears(i, name, true)
		}, func(value string) { in.handed(i, value) })
		if up {
			in.hears(i, name, false)
			silence = minSilence
		}
		wait := silence
		if errors.Is(err, pool.ErrDeaf) {
			wait = deafness
		}
		if !pause(ctx, wait) {
			return
		}
		silence = min(2*silence, maxSilences)
	}
}

// hears notes whether node i tells the inbox of that name what happens, and has everybody
// look again: their places in line say so, and messages may have been lost.
func (in *inbox) hears(i int, name string, yes bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stop == nil || in.name != name { // the node took its time to end this
		return
	}
	in.nodes[i].hears.Store(yes)
	for _, w := range in.waiters {
		w.lookAgain()
	}
}

// handed is when node i has handed its key to a value. If nobody waits by that any more
// its release is on its way, and hands the key on.
func (in *inbox) handed(i int, value string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if w := in.waiters[value]; w != nil {
		w.handed(i)
	}
}

// quit ends listening. The caller holds mu.
func (in *inbox) quit() {
	if in.stop == nil {
		return
	}
	in.stop()
	in.stop = nil
	for _, n := range in.nodes { // whoever waits next has another inbox
		n.hears.Store(false)
	}
}

// close ends listening for good.
func (in *inbox) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.quit()
	if in.linger != nil {
		in.linger.Stop()
	}
}
