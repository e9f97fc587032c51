package sim

import (
	"context"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// An ear is a connection by which a client listens to a node. What is sent on it arrives in
// order, if it does.
type ear struct {
	client *client
	node   int
	inbox  string
	key    uint64 // what befalls it follows from this
	sent   uint64 // how many messages

	open   bool          // the node has it; guarded by the world's mu
	last   time.Duration // when the last message arrives; guarded by the world's mu
	events chan heard    // has room for more than there ever are
}

// A heard is a message, or that there will be messages, or none any more.
type heard struct {
	payload string
	up      bool
	err     error
	key     uint64
}

// dialling is how long a client waits for a connection.
const dialling = time.Second

var _ pool.Subscriber = (*link)(nil)

// Subscribe implements [pool.Subscriber].
func (l *link) Subscribe(ctx context.Context, channel string, subscribed func(), message func(payload string)) error {
	e := l.open(channel)
	defer func() {
		l.world.mu.Lock()
		defer l.world.mu.Unlock()
		e.open = false
	}()
	dialled := time.NewTimer(dialling + jitter(e.key))
	defer dialled.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-dialled.C:
			return pool.NotSent(errRefused)
		case h := <-e.events:
			l.client.gate(h.key)
			switch {
			case h.err != nil:
				return h.err
			case h.up:
				dialled.Stop()
				subscribed()
			default:
				l.world.mu.Lock()
				l.client.told = l.world.now()
				l.world.mu.Unlock()
				message(h.payload)
			}
		}
	}
}

// open puts the command on its way.
func (l *link) open(channel string) *ear {
	w, c := l.world, l.client
	w.mu.Lock()
	defer w.mu.Unlock()
	l.ears++
	e := &ear{
		client: c, node: l.node, inbox: channel, events: make(chan heard, 1024),
		key: mix(mix(w.s.seed, uint64(c.id)<<8|uint64(l.node)), 1<<40+l.ears),
	}
	now := w.now()
	m := &message{key: e.key, client: c, node: l.node} // what befalls the command befalls this
	way := w.way(m, now, 1)
	switch {
	case c.dead:
		w.push(event{at: now + way, key: e.key, what: tells, ear: e, heard: heard{err: pool.NotSent(errDead)}})
	case w.down[l.node]:
		w.push(event{at: now + 2*way, key: e.key, what: tells, ear: e, heard: heard{err: pool.NotSent(errRefused)}})
	case w.meets(cut, m, now), w.meets(loseRequests, m, now):
	default:
		w.push(event{at: now + way, key: e.key, what: subscribes, ear: e})
	}
	w.rewind()
	return e
}

// subscribe is when the command gets to the node.
func (w *world) subscribe(e *ear, now time.Duration) {
	m := &message{key: e.key, client: e.client, node: e.node}
	switch {
	case w.down[e.node]:
		w.tell(e, heard{err: pool.ErrClosed}, now)
	case w.hung[e.node] > 0:
		w.keptEars[e.node] = append(w.keptEars[e.node], e)
	case w.meets(deafen, m, now):
		w.tell(e, heard{err: &pool.ServerError{Message: "NOPERM this user has no permissions to access one of the channels"}}, now)
	case w.meets(refuse, m, now):
		w.tell(e, heard{err: &pool.ServerError{Message: "LOADING Redis is loading the dataset in memory"}}, now)
	default:
		e.open = true
		w.ears[e.node] = append(w.ears[e.node], e)
		w.tell(e, heard{up: true}, now)
	}
}

// tell puts something on its way to who listens.
func (w *world) tell(e *ear, h heard, now time.Duration) {
	e.sent++
	h.key = mix(e.key, e.sent)
	m := &message{key: h.key, client: e.client, node: e.node}
	if h.err == nil && (w.meets(cut, m, now) || !h.up && w.meets(mute, m, now)) {
		return
	}
	e.last = max(e.last+1, now+w.way(m, now, 2))
	w.push(event{at: e.last, key: h.key, what: tells, ear: e, heard: h})
}

// publish sends a message to those who listen to a node, and returns how many there are.
func (w *world) publish(node int, inbox, payload string, now time.Duration) int {
	n := 0
	for _, e := range w.ears[node] {
		if e.open && e.inbox == inbox && !e.client.dead {
			n++
			w.tell(e, heard{payload: payload}, now)
		}
	}
	return n
}

// listeners returns how many listen to an inbox on a node.
func (w *world) listeners(node int, inbox string) int {
	n := 0
	for _, e := range w.ears[node] {
		if e.open && e.inbox == inbox && !e.client.dead {
			n++
		}
	}
	return n
}

// hangUp breaks the connections by which a client, or any if that is less than 0, listens
// to a node.
func (w *world) hangUp(node, client int, now time.Duration) (any bool) {
	for _, e := range w.ears[node] {
		if e.open && (client < 0 || e.client.id == client) {
			e.open, any = false, true
			w.tell(e, heard{err: pool.ErrClosed}, now)
		}
	}
	return any
}
