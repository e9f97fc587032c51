package soak

import (
	"context"
	crypto "crypto/rand"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/history"
)

// names are the locks that all contend for: fewer than there are workers.
var names = []string{"red", "green", "blue"}

// expiries are those of the locks. The shortest is long beside what a busy machine
// keeps a process waiting, the longest short beside a round.
var expiries = []time.Duration{500 * time.Millisecond, 800 * time.Millisecond, longestExpiry}

// longestExpiry is the longest expiry of any lock.
const longestExpiry = 1500 * time.Millisecond

// timeoutFactor makes the node timeouts 50 to 150 ms.
const timeoutFactor = 0.1

// A line is what a client tells: of a call that begins, of one that has ended, of its own
// end, or of what it leaves behind.
type line struct {
	Begin *history.Call  `json:",omitempty"`
	Call  *history.Call  `json:",omitempty"`
	Bound time.Duration  `json:",omitempty"` // how long the call may take
	Flat  map[string]int `json:",omitempty"` // the process's goroutines, "before" and "after"

	// Stays is a value that may keep a place in a line: a node may have served its look, or
	// may serve it yet, and has not answered; or its lock is never unlocked, and some node
	// has not given it.
	Stays string `json:",omitempty"`
}

// A worker locks, holds and lets go of locks, turn by turn, and tells of every call.
type worker struct {
	name   string
	seed   uint64
	locker *redlatch.Locker
	tell   func(line)
	mine   map[string]*redlatch.Mutex // by name: the last that it used
}

// work takes turns until it is told to stop.
func (w *worker) work(stop *atomic.Bool) {
	w.mine = make(map[string]*redlatch.Mutex)
	for turn := uint64(0); !stop.Load(); turn++ {
		// A source for each turn: what was drawn before depends on real time.
		w.turn(rand.New(rand.NewPCG(w.seed, turn)))
	}
}

// turn is one try to get a lock and, if it is got, all that is done with it.
func (w *worker) turn(r *rand.Rand) {
	time.Sleep(between(r, 0, 20*time.Millisecond)) // whoever comes back at once leaves nothing for the others
	m, expiry := w.mutex(r)
	patience := between(r, 10*time.Millisecond, time.Second)
	locked := false
	if r.IntN(3) == 0 {
		locked = w.call(history.Lock, m, patience, w.bound(expiry), plain(m.TryLockContext))
	} else {
		locked = w.call(history.Lock, m, patience, patience, plain(m.LockContext))
	}
	if !locked {
		return
	}
	for range r.IntN(4) {
		w.hold(r, expiry)
		switch r.IntN(3) {
		case 0:
			w.call(history.Extend, m, w.limit(r), w.bound(expiry), m.ExtendContext)
		case 1:
			w.call(history.Valid, m, w.limit(r), w.bound(expiry), m.ValidContext)
		}
	}
	switch r.IntN(32) {
	case 0: // never unlocked
		w.tell(line{Stays: m.Value()})
		return
	case 1: // overslept, and not noticed
		time.Sleep(between(r, expiry, expiry*5/4))
		w.call(history.Valid, m, w.limit(r), w.bound(expiry), m.ValidContext)
		w.call(history.Extend, m, w.limit(r), w.bound(expiry), m.ExtendContext)
	}
	again := r.IntN(2) == 0
	unlock := func() bool {
		return w.call(history.Unlock, m, w.limit(r), w.bound(expiry), m.UnlockContext)
	}
	if !unlock() && again {
		unlock()
	}
}

// mutex returns a mutex of a random name and its expiry: the last one of that name,
// or a new one.
func (w *worker) mutex(r *rand.Rand) (*redlatch.Mutex, time.Duration) {
	name := names[r.IntN(len(names))]
	expiry := expiries[r.IntN(len(expiries))]
	fresh := r.IntN(2) == 0
	key := name + expiry.String()
	if m := w.mine[key]; m != nil && !fresh {
		return m, expiry
	}
	m := w.locker.NewMutex(name, redlatch.WithExpiry(expiry), redlatch.WithTimeoutFactor(timeoutFactor),
		redlatch.WithTries(1_000_000), redlatch.WithShufflePools(fresh), redlatch.WithGenValueFunc(w.value),
		redlatch.WithRetryDelayFunc(func(int) time.Duration { return 5*time.Millisecond + rand.N(45*time.Millisecond) }))
	w.mine[key] = m
	return m, expiry
}

// value returns one that tells whose it is.
func (w *worker) value() (string, error) { return crypto.Text() + valueOf + w.name, nil }

// valueOf is what comes between what is random in a value and the worker's name.
const valueOf = " of "

// hold lets time pass: mostly little, sometimes much of the expiry.
func (w *worker) hold(r *rand.Rand, expiry time.Duration) {
	if r.IntN(16) == 0 {
		time.Sleep(between(r, 0, expiry/2))
		return
	}
	time.Sleep(between(r, 0, 20*time.Millisecond))
}

// limit returns how long a caller's context lasts; 0 if it does not end.
func (w *worker) limit(r *rand.Rand) time.Duration {
	if r.IntN(2) == 0 {
		return 0
	}
	return between(r, time.Millisecond, 200*time.Millisecond)
}

// bound returns how long a call on nodes that keep silent may take: a node timeout to
// be decided, and as long again to hear and to undo what decides nothing.
func (w *worker) bound(expiry time.Duration) time.Duration {
	return 2 * time.Duration(float64(expiry)*timeoutFactor)
}

// call makes a call, in a context that ends after limit unless that is 0, tells of
// it, and returns whether it succeeded.
func (w *worker) call(op history.Op, m *redlatch.Mutex, limit, bound time.Duration, do func(context.Context) (bool, error)) bool {
	ctx := context.Background()
	c := history.Call{Client: w.name, Name: m.Name(), Op: op}
	if op != history.Lock {
		c.Value = m.Value()
	}
	c.Start = clock()
	w.tell(line{Begin: &c})
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	ok, err := do(ctx)
	c.End = clock()
	if c.OK = ok; ok && (op == history.Lock || op == history.Extend) {
		c.Value, c.Until = m.Value(), onClock(m.Until())
	}
	if err != nil {
		c.Err = shorten(err.Error(), 200)
	}
	w.tell(line{Call: &c, Bound: bound})
	return ok
}

// plain makes of a call that returns an error alone one that returns also whether
// it succeeded.
func plain(lock func(context.Context) error) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		err := lock(ctx)
		return err == nil, err
	}
}

// between returns a random time of from or more, and less than to.
func between(r *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(r.Int64N(int64(to-from)))
}

// shorten returns the first n bytes of s.
func shorten(s string, n int) string { return s[:min(n, len(s))] }
