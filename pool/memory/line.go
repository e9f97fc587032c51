package memory

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A place is that of one who waits for a key.
type place struct {
	since time.Time
	inbox string // "": it polls
	value string
}

// Lines returns, by name, the values of those who wait for a key, the first first.
func (n *Node) Lines() map[string][]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := make(map[string][]string)
	for name, line := range n.lines {
		for _, p := range line {
			lines[name] = append(lines[name], p.value)
		}
	}
	return lines
}

// next returns the place as those are told of it who are to hand it the key.
func (p place) next() string { return p.inbox + " " + p.value }

// join has a request that was refused stand in line, and returns its place as far as it
// is to know it. The caller holds mu.
func (n *Node) join(req pool.Request, now time.Time) int {
	p := place{now.Add(-req.Waited), "", req.Value}
	if req.Listens {
		p.inbox = req.Inbox
	}
	line := n.lines[req.Name]
	if i := slices.IndexFunc(line, func(o place) bool { return o.value == req.Value }); i >= 0 {
		line[i].inbox = p.inbox
	} else {
		i, _ := slices.BinarySearchFunc(line, p, func(a, b place) int { return cmp.Or(a.since.Compare(b.since), -1) })
		line = slices.Insert(line, i, p)
	}
	if n.lines == nil {
		n.lines = make(map[string][]place)
	}
	n.lines[req.Name] = line
	if !req.Again {
		return pool.Joined
	}
	return n.placeOf(req)
}

// placeOf takes others out of a line who are gone, and returns the place of a request in
// it: 1 if nobody is before it, but for those who are never told. The caller holds mu.
func (n *Node) placeOf(req pool.Request) int {
	line := slices.DeleteFunc(n.lines[req.Name], func(p place) bool {
		return p.inbox != "" && n.inboxes[p.inbox] == nil && p.value != req.Value
	})
	n.lines[req.Name] = line
	at := slices.IndexFunc(line, func(p place) bool { return p.value == req.Value })
	if req.Listens && !slices.ContainsFunc(line[:at], func(p place) bool { return p.inbox != "" }) {
		return 1
	}
	return at + 1
}

// quit is leave for one who is not handed the key. Who is the first now is told. The caller
// holds mu.
func (n *Node) quit(name, value string) {
	if line := n.lines[name]; len(line) > 1 && line[0].value == value {
		if in := n.inboxes[line[1].inbox]; in != nil {
			in.put(line[1].value)
		}
	}
	n.leave(name, value)
}

// leave takes a value out of the line. The caller holds mu.
func (n *Node) leave(name, value string) {
	line := slices.DeleteFunc(n.lines[name], func(p place) bool { return p.value == value })
	if len(line) == 0 {
		delete(n.lines, name)
		return
	}
	n.lines[name] = line
}

// handOver gives the key to whoever a release says, or to the first in line who still
// listens, or who polls. It reports whether there is anybody. The caller holds mu.
func (n *Node) handOver(req pool.Request, now time.Time) bool {
	for {
		line := n.lines[req.Name]
		i := slices.IndexFunc(line, func(p place) bool { return p.next() == req.Next })
		if i < 0 {
			i = 0
		}
		if len(line) == 0 {
			return false
		}
		p := line[i]
		n.leave(req.Name, p.value)
		if in := n.inboxes[p.inbox]; in != nil {
			in.put(p.value)
		} else if p.inbox != "" {
			continue
		}
		n.set(req.Name, p.value, now.Add(pool.Reservation))
		return true
	}
}

// Listen implements [pool.Listener].
func (n *Node) Listen(ctx context.Context, inbox string, up func(), handed func(value string)) error {
	in := &mailbox{full: make(chan struct{}, 1)}
	n.mu.Lock()
	if n.inboxes == nil {
		n.inboxes = make(map[string]*mailbox)
	}
	n.inboxes[inbox] = in
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.inboxes[inbox] == in {
			delete(n.inboxes, inbox)
		}
	}()
	up()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-in.full:
			for _, value := range in.take() {
				handed(value)
			}
		}
	}
}

// A mailbox is what an inbox has got and nobody has read.
type mailbox struct {
	full chan struct{} // holds one such message

	mu     sync.Mutex
	values []string // guarded by mu
}

func (b *mailbox) put(value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values = append(b.values, value)
	select {
	case b.full <- struct{}{}:
	default:
	}
}

func (b *mailbox) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	values := b.values
	b.values = nil
	return values
}
