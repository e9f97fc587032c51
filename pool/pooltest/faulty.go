// Package pooltest tests nodes, and with nodes: it has faults to inject, and
// the conformance tests that every driver has to pass.
package pooltest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A Faulty is a node with faults to switch on and off. It may be used by several
// goroutines at once, and lives in the virtual time of a testing/synctest
// bubble like everything else.
//
// To let a node restart without its data, wrap a memory.Node and Clear it.
type Faulty struct {
	inner pool.Pool
	deaf  bool

	mu      sync.Mutex
	asked   []pool.Request // guarded by mu
	hung    bool           // guarded by mu
	kept    []*exchange    // what arrived while it hung; guarded by mu
	lost    []*exchange    // whose replies were lost; guarded by mu
	refusal error          // guarded by mu
	lose    int            // replies to lose; guarded by mu
	breaks  int            // connections to break; guarded by mu
	there   time.Duration  // how long requests take; guarded by mu
	back    time.Duration  // how long answers take; guarded by mu

	listening []context.CancelCauseFunc // who listens, or has; guarded by mu
	deafness  error                     // why nobody can; guarded by mu
	mute      bool                      // messages are lost; guarded by mu
}

var (
	_ pool.Bounded  = (*Faulty)(nil)
	_ pool.Listener = (*Faulty)(nil)
)

// Wrap returns p, in good health so far.
func Wrap(p pool.Pool) *Faulty { return &Faulty{inner: p} }

// Deaf returns p as a driver has it that heeds neither contexts nor timeouts.
func Deaf(p pool.Pool) *Faulty { return &Faulty{inner: p, deaf: true} }

// Hang makes the node keep what it is asked and answer nothing, like a stopped
// process. Callers are left to their contexts and timeouts.
func (f *Faulty) Hang() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hung = true
}

// Thaw ends a Hang. What was kept takes effect now, the latest first, since
// different connections are in no order. Who still waits is answered; who waits
// for a reply that was lost is told that the connection is closed.
func (f *Faulty) Thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hung = false
	slices.Reverse(f.kept)
	for _, e := range f.kept {
		f.serve(e)
	}
	for _, e := range f.lost {
		e.result <- result{err: pool.ErrClosed}
	}
	f.kept, f.lost = nil, nil
}

// Refuse makes every Ask fail at once, with err, and nothing is sent: nobody
// listens. Nil ends that.
func (f *Faulty) Refuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = err
}

// LoseReplies makes the next n requests take effect and go unanswered.
func (f *Faulty) LoseReplies(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = n
}

// Break breaks the connections of the next n requests as soon as they are sent.
// They take effect all the same.
func (f *Faulty) Break(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.breaks = n
}

// Delay makes every request take the time there to arrive, and every answer the
// time back.
func (f *Faulty) Delay(there, back time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.there, f.back = there, back
}

// Deafen ends every Listen with err, and refuses others, until it is given nil.
func (f *Faulty) Deafen(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deafness = err
	if err == nil {
		return
	}
	for _, end := range f.listening {
		end(err)
	}
	f.listening = nil
}

// Mute has all messages lost, to those who listen, or ends that.
func (f *Faulty) Mute(mute bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mute = mute
}

// Listen implements [pool.Listener]. Messages take as long as answers do.
func (f *Faulty) Listen(ctx context.Context, inbox string, up func(), handed func(value string)) error {
	l, ok := f.inner.(pool.Listener)
	if !ok {
		return pool.ErrDeaf
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.mu.Lock()
	deafness := f.deafness
	f.listening = append(f.listening, cancel)
	f.mu.Unlock()
	if deafness != nil {
		return deafness
	}
	l.Listen(ctx, inbox, up, func(value string) {
		f.mu.Lock()
		mute, back := f.mute, f.back
		f.mu.Unlock()
		if !mute {
			time.Sleep(back)
			handed(value)
		}
	})
	return context.Cause(ctx)
}

// Requests returns what was asked so far, also what was refused.
func (f *Faulty) Requests() []pool.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// Forget empties Requests.
func (f *Faulty) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = nil
}

// Bounded implements [pool.Bounded].
func (f *Faulty) Bounded() bool { return !f.deaf }

// exchange is a request on its way to the node, and its answer on the way back.
type exchange struct {
	req    pool.Request
	result chan result // has room for one: nobody may be there any more
	back   time.Duration
	lost   bool
}

type result struct {
	answer pool.Answer
	err    error
}

// Ask implements [pool.Pool].
func (f *Faulty) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	if err := req.Check(); err != nil {
		return pool.Answer{}, err
	}
	if ctx.Err() != nil && !f.deaf {
		return pool.Answer{}, pool.NotSent(ctx.Err())
	}
	f.mu.Lock()
	f.asked = append(f.asked, req)
	if f.refusal != nil {
		defer f.mu.Unlock()
		return pool.Answer{}, pool.NotSent(f.refusal)
	}
	e := &exchange{req: req, result: make(chan result, 1), back: f.back, lost: f.lose > 0}
	if e.lost {
		f.lose--
	}
	if f.there > 0 {
		time.AfterFunc(f.there, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.arrive(e)
		})
	} else {
		f.arrive(e)
	}
	broken := f.breaks > 0
	if broken {
		f.breaks--
	}
	f.mu.Unlock()
	if broken {
		return pool.Answer{}, pool.ErrClosed
	}
	return f.wait(ctx, e)
}

// arrive is when a request reaches the node. The caller holds mu.
func (f *Faulty) arrive(e *exchange) {
	if f.hung {
		f.kept = append(f.kept, e)
		return
	}
	f.serve(e)
}

// serve is when a request takes effect.
func (f *Faulty) serve(e *exchange) {
	answer, err := f.inner.Ask(context.Background(), e.req)
	if e.lost {
		f.lost = append(f.lost, e)
		return
	}
	if e.back > 0 {
		time.AfterFunc(e.back, func() { e.result <- result{answer, err} })
		return
	}
	e.result <- result{answer, err}
}

func (f *Faulty) wait(ctx context.Context, e *exchange) (pool.Answer, error) {
	if f.deaf {
		r := <-e.result
		return r.answer, r.err
	}
	var timeout <-chan time.Time // never, if there is none
	if e.req.Timeout > 0 {
		timer := time.NewTimer(e.req.Timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case r := <-e.result:
		return r.answer, r.err
	default:
	}
	select {
	case r := <-e.result:
		return r.answer, r.err
	case <-ctx.Done():
		return pool.Answer{}, ctx.Err()
	case <-timeout:
		return pool.Answer{}, pool.NoAnswer(e.req.Timeout)
	}
}
