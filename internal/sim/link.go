package sim

import (
	"context"
	"errors"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A link is a client's pool for one node.
type link struct {
	world  *world
	client *client
	node   int
	redis  *pool.Redis

	// Guarded by the world's mu.
	counts map[question]uint64
	asking int // how many requests are under way
	ears   uint64
}

// A question is what is asked by a request, which may be asked again.
type question struct {
	op    pool.Op
	value string
}

var (
	_ pool.Bounded  = (*link)(nil)
	_ pool.Listener = (*link)(nil)
)

// Bounded implements [pool.Bounded].
func (l *link) Bounded() bool { return l.client.spec.driver == bounded }

// Ask implements [pool.Pool].
func (l *link) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	w, c := l.world, l.client
	look := lookOf(req)
	if c.spec.plain {
		req.Wait, req.Again, req.HandOver = false, false, false
	}
	key := l.keyOf(req)
	c.falter(key, 1)
	w.mu.Lock()
	l.asking++
	asked := w.now()
	w.judge.asks(l, req, look, asked)
	if w.log != nil {
		w.note(asked, c.name, "%v %s → %d", req.Op, req.Value, l.node)
	}
	w.mu.Unlock()
	a, err := l.redis.Ask(&inquiry{Context: ctx, key: key}, req)
	c.falter(key, 2)
	w.mu.Lock()
	defer w.mu.Unlock()
	l.asking--
	now := w.now()
	w.judge.answered(l, req, look, asked, now, a, err)
	if w.log != nil {
		w.note(now, c.name, "%v %s ← %d: %s", req.Op, req.Value, l.node, saying(a, err))
	}
	return a, err
}

// Listen implements [pool.Listener].
func (l *link) Listen(ctx context.Context, inbox string, up func(), handed func(value string)) error {
	return l.redis.Listen(ctx, inbox, up, handed)
}

// keyOf returns what befalls the messages of a request follows from.
func (l *link) keyOf(req pool.Request) uint64 {
	w := l.world
	w.mu.Lock()
	defer w.mu.Unlock()
	q := question{req.Op, req.Value}
	l.counts[q]++
	from := mix(w.s.seed, uint64(l.client.id)<<8|uint64(l.node))
	return mix(mixString(from, req.Value), uint64(req.Op)<<32|l.counts[q])
}

func saying(a pool.Answer, err error) string {
	if err != nil {
		return err.Error()
	}
	return a.State.String()
}

// Do is a [pool.Commander]'s, for a client and a node.
func (l *link) Do(ctx context.Context, timeout time.Duration, args ...any) (any, bool, error) {
	done := ctx.Done()
	if l.client.spec.driver != deaf && ctx.Err() != nil {
		return nil, false, pool.NotSent(ctx.Err())
	}
	start := l.world.now()
	r := l.exchange(ctx, timeout, args, done)
	left := timeout - (l.world.now() - start)
	if !l.client.spec.resends || !errors.Is(r.err, pool.ErrClosed) || left <= 0 {
		return r.reply, false, r.err
	}
	r = l.exchange(ctx, left, args, done)
	return r.reply, true, r.err
}

// exchange sends a command and returns what comes of it, or that done was closed.
func (l *link) exchange(ctx context.Context, timeout time.Duration, args []any, done <-chan struct{}) result {
	m := l.send(ctx, timeout, args)
	if m.deaf || done == nil {
		return <-m.reply
	}
	select {
	case r := <-m.reply:
		return r
	case <-done:
		l.world.mu.Lock()
		m.over = true
		l.world.mu.Unlock()
		return result{err: ctx.Err()}
	}
}

// Idle is how many connections turn out to be closed, one after the other.
func (l *link) Idle() int { return 2 }

// send puts a command on its way.
func (l *link) send(ctx context.Context, timeout time.Duration, args []any) *message {
	w, c := l.world, l.client
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	m := &message{key: l.messageKey(ctx), client: c, node: l.node, args: args, timeout: timeout, reply: make(chan result, 1), deaf: c.spec.driver == deaf}
	way := w.way(m, now, 1)
	switch {
	case c.dead:
		m.reply <- result{err: pool.NotSent(errDead)}
		m.over = true
		return m
	case w.down[l.node]:
		w.push(event{at: now + 2*way, key: m.key, what: replies, msg: m, reply: result{err: pool.NotSent(errRefused)}})
	case w.meets(cut, m, now), w.meets(loseRequests, m, now):
		w.lose(m)
	default:
		w.push(event{at: now + way, key: m.key, what: arrives, msg: m})
	}
	w.flying[l.node] = append(w.flying[l.node], m)
	if timeout > 0 && !m.deaf {
		late := time.Duration(unit(m.key, 4) * float64(50*time.Microsecond)) // no timer is exact
		w.push(event{at: now + timeout + late, key: m.key, what: expires, msg: m})
	}
	w.rewind()
	return m
}
