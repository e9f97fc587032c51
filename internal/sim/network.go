package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A message is a command on its way from a client to a node, and its reply on the way
// back. Each goes by a connection of its own: none keeps another's order.
type message struct {
	key     uint64 // what befalls it follows from this, and from nothing else
	client  *client
	node    int
	args    []any
	reply   chan result   // has room for one: who sent it may have gone
	timeout time.Duration // how long its reply is waited for
	over    bool          // it has been replied to, or given up
	deaf    bool          // whoever waits, waits for ever
}

type result struct {
	reply any
	err   error
}

// An event is something that happens at its time.
type event struct {
	at    time.Duration
	key   uint64 // of what happens at the same time, the least is first
	what  what
	msg   *message
	reply result
	fault *fault
	ear   *ear
	heard heard
}

type what uint8

const (
	arrives    what = iota // a request gets to the node
	replies                // a reply gets to the client
	expires                // the time to wait for a reply is over
	begins                 // a fault
	subscribes             // a subscription gets to the node
	tells                  // something gets to who listens
	ends                   // a fault
)

// way returns how long a message takes, there (leg 1) or back (leg 2).
func (w *world) way(m *message, now time.Duration, leg uint64) time.Duration {
	base := w.s.links[m.client.id][m.node]
	d := base + time.Duration(unit(m.key, leg)*float64(base)*0.3)
	for i := range w.s.faults {
		f := &w.s.faults[i]
		if f.kind == slow && f.hits(m.node) && w.lasts(f, now) {
			d += time.Duration(unit(m.key, 1000*leg+uint64(f.part)) * float64(f.extent))
			w.count(slow)
		}
	}
	return d
}

// meets reports whether a message meets a fault of a kind that befalls messages.
func (w *world) meets(k kind, m *message, now time.Duration) bool {
	for i := range w.s.faults {
		f := &w.s.faults[i]
		if f.kind == k && w.lasts(f, now) && f.hits(m.node) && (k != cut || f.client < 0 || f.client == m.client.id) &&
			(f.chance == 0 || unit(m.key, 100+uint64(f.part)) < f.chance) {
			w.count(k)
			return true
		}
	}
	return false
}

// lasts reports whether a fault lasts.
func (w *world) lasts(f *fault, now time.Duration) bool { return f.during(now) && !w.healed }

// lose lets m get no reply. It is closed when all is well again, unless it was given
// up before.
func (w *world) lose(m *message) { w.lost = append(w.lost, m) }

// arrive is when a request gets to its node.
func (w *world) arrive(m *message, now time.Duration) {
	switch {
	case w.down[m.node]:
		w.answer(m, result{err: pool.ErrClosed}, now)
	case w.hung[m.node] > 0:
		w.kept[m.node] = append(w.kept[m.node], m)
	default:
		w.serve(m, now)
	}
}

// serve is when a request takes effect.
func (w *world) serve(m *message, now time.Duration) {
	if w.meets(refuse, m, now) {
		refusals := [...]string{"LOADING Redis is loading the dataset in memory", "BUSY Redis is busy running a script.", "READONLY You can't write against a read only replica.", "MASTERDOWN Link with MASTER is down"}
		w.answer(m, result{err: &pool.ServerError{Message: refusals[m.key%4]}}, now)
		return
	}
	reply, err := w.servers[m.node].do(now, m.args)
	if w.log != nil {
		w.note(now, nodeName(m.node), "%s: %s", m, result{reply, err})
	}
	switch {
	case w.meets(closing, m, now):
		// Which is noticed at once, or after a while.
		w.answer(m, result{err: pool.ErrClosed}, now+time.Duration(unit(m.key, 5)*unit(m.key, 6)*float64(m.timeout)))
	case w.meets(cut, m, now), w.meets(loseReplies, m, now):
		w.lose(m)
	default:
		w.answer(m, result{reply, err}, now)
	}
}

// answer puts a reply on its way.
func (w *world) answer(m *message, r result, now time.Duration) {
	w.push(event{at: now + w.way(m, now, 2), key: m.key, what: replies, msg: m, reply: r})
}

// deliver is when a reply gets to whoever waits for it, if anybody does.
func (w *world) deliver(m *message, r result) {
	if m.over {
		return
	}
	m.over = true
	w.delivered++
	m.reply <- r
}

// breakConnections is when a node goes down: what is under way to it, and back, is
// lost, and its connections are closed.
func (w *world) breakConnections(node int, now time.Duration) {
	for _, m := range w.flying[node] {
		if !m.over {
			w.answer(m, result{err: pool.ErrClosed}, now)
		}
	}
	w.flying[node], w.kept[node] = nil, nil
}

// push enters an event. The caller calls rewind, or is about to.
func (w *world) push(e event) {
	h := append(w.events, e)
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
	w.events = h
}

// pop returns the next event, and removes it.
func (w *world) pop() event {
	h := w.events
	next := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < last && h[child+1].before(&h[child]) {
			child++
		}
		if child >= last || !h[child].before(&h[i]) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	w.events = h
	return next
}

func (e *event) before(other *event) bool {
	switch {
	case e.at != other.at:
		return e.at < other.at
	case e.key != other.key:
		return e.key < other.key
	}
	return e.what < other.what
}

// rewind sets the timer to the next event that still matters.
func (w *world) rewind() {
	for len(w.events) > 0 && w.events[0].what == expires && w.events[0].msg.over {
		w.pop()
	}
	if len(w.events) == 0 || w.events[0].at == w.next || w.over {
		return
	}
	w.next = w.events[0].at
	w.timer.Reset(w.next - w.now())
}

// tick is when the timer has come to an event.
func (w *world) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	w.next = -1
	for len(w.events) > 0 && w.events[0].at <= now {
		e := w.pop()
		switch e.what {
		case arrives:
			w.arrive(e.msg, now)
		case replies:
			w.deliver(e.msg, e.reply)
		case expires:
			w.deliver(e.msg, result{err: pool.NoAnswer(e.msg.timeout)})
		case begins:
			w.begin(e.fault, now)
		case ends:
			w.end(e.fault, now)
		case subscribes:
			w.subscribe(e.ear, now)
		case tells:
			e.ear.events <- e.heard
		}
	}
	w.rewind()
}

// String returns the command, as people write it.
func (m *message) String() string {
	args := slices.Clone(m.args)
	for i, name := range scriptNames {
		switch args[0] {
		case "EVALSHA", "EVAL":
			if args[1] == scriptHashes[i] || args[1] == scriptTexts[i] {
				args[1] = name
			}
		}
	}
	return strings.Trim(fmt.Sprint(args), "[]")
}

// String returns the reply, or the error.
func (r result) String() string {
	switch {
	case r.err != nil:
		return r.err.Error()
	case r.reply == nil:
		return "nil"
	}
	return fmt.Sprint(r.reply)
}
