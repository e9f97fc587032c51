package redlatch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redlatch/redlatch/pool"
)

const (
	// A node that nobody has asked for this long is no longer remembered as
	// one that does not answer: it is tried again like any other.
	remembered = time.Second

	// A release that could not be delivered is tried again after the first of
	// these, and then after twice as long each time, up to the second.
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second

	// A node is late that is being asked so much at once, and has let the first of
	// it wait longer than this, and longer than so many times what its answers
	// usually take.
	minAsked   = 8
	minLate    = 5 * time.Millisecond
	lateFactor = 8

	// maxStuck is how many commands may be overdue at a node that is the only one,
	// before it is asked no more.
	maxStuck = 16

	// An acquire that a node has let go unanswered may take effect when the node is
	// back, and the key is there for its expiry from then on. Its release is not
	// forgotten for as long as the node stays silent, but after this.
	maxSilence = time.Minute

	// How often a node has to say that a key is not there, so that the key is taken
	// for released: once if its acquire was answered; and if that was not, it may take
	// effect after the first release. If it was overtaken, it does so soon, and if it
	// was slow, perhaps only within the node timeout.
	onceAnswered  = 1
	neverAnswered = 3
	overtaken     = 5 * time.Millisecond

	// maxDebts bounds what is remembered for a node that stays away. What is
	// forgotten beyond that expires by itself.
	maxDebts = 1024
)

// A node is one pool as all mutexes of a Locker see it: whether it answers, and
// what it is owed.
//
// A node that let a command go unanswered is silent: it is not asked again, so
// that a round does not wait for it, and neither goroutines nor connections nor
// keys to undo pile up at it. Instead one goroutine probes it, by one command at a
// time that changes nothing. The same goroutine pays its debts: releases that it
// has not confirmed. It starts when there is something to do and ends when there
// is not.
//
// Until the node timeout has shown that a node is silent, it is late when several
// commands wait for it: it is not asked either if the others can do without it, and
// what it is being asked already is the probe.
type node struct {
	pool    pool.Pool
	bounded bool         // it is always back in time
	lines   atomic.Int32 // whether it has lines for those who wait: see below
	hears   atomic.Bool  // it tells when it has handed over a lock
	sole    bool         // the only one, whose silence nobody can make up for: it is asked as long as that leaves little behind

	mu      sync.Mutex
	asked   []inquiry     // what is under way, the earliest first; guarded by mu
	stuck   int           // how many are overdue, and no longer in asked; guarded by mu
	watched bool          // a timer will look for what is overdue; guarded by mu
	usual   time.Duration // a moving average of how long answers take; guarded by mu
	silent  time.Time     // since when it has not answered; zero if it does; guarded by mu
	probe   pool.Request  // what to ask it meanwhile; guarded by mu
	wanted  time.Time     // when a call last wanted to ask it; guarded by mu
	debts   []debt        // guarded by mu
	paying  *debt         // what is being paid; guarded by mu
	tending bool          // the goroutine runs; guarded by mu
	owing   atomic.Bool   // there are debts, or one is being paid; written under mu

	wake chan struct{} // there is a new debt; holds one such message

	background *tasks // of the Locker
}

// Whether a node has lines. Of a Redis server it is not known before one who waits was
// answered: it may forbid the scripts.
const (
	linesUnknown int32 = iota
	linesKept
	noLines
)

// An inquiry is a request that the node is being asked.
type inquiry struct {
	sent time.Time
	req  pool.Request
}

// A debt is a release that the node has not answered.
type debt struct {
	release pool.Request
	due     time.Time     // not to be paid before
	until   time.Time     // not to be paid after: the key has expired by itself
	last    time.Time     // until is not put off beyond this
	backoff time.Duration // how long the last attempt that failed put it off

	times int // how often the node has yet to say that the key is not there

	// suspended means that the value is being acquired once more, or has been,
	// and the key is not to be released for what was before.
	suspended bool
}

// over reports whether the debt need not be paid any more.
func (d *debt) over(now time.Time, silent bool) bool {
	return !now.Before(d.last) || !now.Before(d.until) && !(silent && d.outlasts())
}

// outlasts reports whether what the debt is about may be there when its key has expired: the
// acquire may take effect yet, or a place in line lasts longer.
func (d *debt) outlasts() bool { return d.times > onceAnswered || d.release.Again }

// putOff puts off until when the debts are to be paid that may outlast their key. The caller
// holds mu.
func (n *node) putOff(now time.Time) {
	for i := range n.debts {
		if d := &n.debts[i]; d.outlasts() {
			d.until = now.Add(d.release.Expiry).Add(remembered)
		}
	}
}

func (d *debt) of(req pool.Request) bool {
	return d.release.Name == req.Name && d.release.Value == req.Value
}

func newNode(p pool.Pool, background *tasks) *node {
	n := &node{pool: p, background: background, wake: make(chan struct{}, 1)}
	if b, ok := p.(pool.Bounded); ok {
		n.bounded = b.Bounded()
	}
	return n
}

var errOwed = pool.NotSent(errors.New("not asked, since an earlier lock of the same value is still being released there"))

// ask asks the node, and sees to it that no release that it is owed undoes what
// it is asked: a value that is not fresh may be acquired again.
func (n *node) ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	if !n.owing.Load() {
		return n.put(ctx, req)
	}
	if req.Op == pool.Acquire && !n.suspend(req) {
		return pool.Answer{}, errOwed
	}
	a, err := n.put(ctx, req)
	won := req.Op == pool.Acquire && err == nil && a.State == pool.Yes
	if req.Op == pool.Release || req.Op == pool.Acquire && !won {
		n.resume(req) // now, so that they do not take the lock from its own release
	}
	return a, err
}

// put asks the node, and notices if it does not answer, and whether it has lines.
func (n *node) put(ctx context.Context, req pool.Request) (pool.Answer, error) {
	a, err := n.putTo(ctx, req)
	if req.Wait && err == nil {
		n.lines.Store(linesKept)
		if a.Place == 0 {
			n.lines.Store(noLines)
		}
	}
	return a, err
}

func (n *node) putTo(ctx context.Context, req pool.Request) (pool.Answer, error) {
	if n.sole && n.bounded { // nothing can be made of its health
		return n.pool.Ask(ctx, req)
	}
	start := n.sending(req)
	a, err := n.pool.Ask(ctx, req)
	n.sent(start, req, err)
	return a, err
}

// sending notes that req is being sent, and returns since when.
func (n *node) sending(req pool.Request) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.asked = append(n.asked, inquiry{now, req})
	if !n.bounded && !n.watched {
		n.watch(req.Timeout)
	}
	return now
}

// watch looks for what is overdue, after the given time and as long as there is
// something under way: one timer for all, that is not stopped when answers come. The
// caller holds mu.
func (n *node) watch(after time.Duration) {
	n.watched = true
	time.AfterFunc(after, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.watched = false
		now := time.Now()
		n.overdue(now)
		if len(n.asked) > 0 {
			n.watch(max(0, n.asked[0].req.Timeout-now.Sub(n.asked[0].sent)))
		}
	})
}

// sent notes that req, which was sent at start, is no longer under way.
func (n *node) sent(start time.Time, req pool.Request, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if i := slices.Index(n.asked, inquiry{start, req}); i >= 0 {
		n.asked = slices.Delete(n.asked, i, i+1)
	} else {
		n.stuck--
	}
	now := time.Now()
	if err == nil {
		n.usual += (now.Sub(start) - n.usual) / lateFactor
	}
	if unanswered(err) {
		n.noAnswer(now, req)
	}
}

// condition reports whether the node is silent, and whether it is late.
func (n *node) condition(now time.Time) (silent, late bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.overdue(now)
	late = len(n.asked) >= minAsked && now.Sub(n.asked[0].sent) > max(minLate, lateFactor*n.usual)
	return !n.silent.IsZero(), late
}

// overdue notes that the node has not answered what it has been asked for as long as
// it is given: a driver that is not bounded says so late, or never. The caller holds mu.
func (n *node) overdue(now time.Time) {
	if n.bounded {
		return
	}
	n.asked = slices.DeleteFunc(n.asked, func(i inquiry) bool {
		over := now.Sub(i.sent) >= i.req.Timeout
		if over {
			n.stuck++
			n.noAnswer(now, i.req)
		}
		return over
	})
}

// unanswered reports whether err means that a node has kept silent for as long
// as it was given. Refusals, broken connections and the like are answers.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	var network net.Error
	return errors.Is(err, pool.ErrNoAnswer) ||
		errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &network) && network.Timeout()
}

// refused reports whether err is a refusal, in the server's words.
func refused(err error) bool {
	if err == nil {
		return false
	}
	var refusal *pool.ServerError
	return errors.As(err, &refusal)
}

// noAnswer notes that the node has not answered req. The caller holds mu.
func (n *node) noAnswer(now time.Time, req pool.Request) {
	n.wanted = now
	if !n.silent.IsZero() || n.sole && n.stuck < maxStuck {
		return
	}
	n.silent = now.Add(-req.Timeout)
	n.probe = req
	n.probe.Op = pool.Look
	n.tend()
}

// unwell returns nil if the node may be asked, and else why it is not. That
// error is one of a request that was not sent.
func (n *node) unwell() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	n.overdue(now)
	if n.silent.IsZero() {
		return nil
	}
	n.wanted = now
	n.tend()
	return pool.NotSent(fmt.Errorf("%w for %v: it is asked again when it does", pool.ErrNoAnswer, now.Sub(n.silent).Round(time.Millisecond)))
}

// owe makes sure that the node gets the release: after the given time, and as
// soon as it can be reached, and as often as it takes: onceAnswered or neverAnswered.
func (n *node) owe(release pool.Request, times int, after time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	d := debt{
		release: release,
		due:     now.Add(after),
		until:   now.Add(release.Expiry).Add(remembered), // the sum may be more than a Duration holds
		last:    now.Add(release.Expiry).Add(maxSilence),
		times:   times,
	}
	if i := n.debtLike(d); i >= 0 { // else who gives back a value again and again would owe more and more
		d.repeat(n.debts[i])
		n.debts = slices.Delete(n.debts, i, i+1)
	}
	if len(n.debts) == maxDebts {
		n.debts = slices.Delete(n.debts, 0, 1)
	}
	n.debts = append(n.debts, d)
	n.owing.Store(true)
	n.remind()
}

// debtLike returns the index of a debt of the same release, or -1. The caller holds mu.
func (n *node) debtLike(d debt) int {
	return slices.IndexFunc(n.debts, func(other debt) bool {
		other.release.Reused = d.release.Reused
		return other.release == d.release
	})
}

// repeat makes the debt stand for an earlier one of the same release as well.
func (d *debt) repeat(earlier debt) {
	d.release.Reused, d.times = true, max(d.times, earlier.times)
}

// suspend puts off the releases of what req acquires, and reports whether it
// could: none is under way.
func (n *node) suspend(req pool.Request) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.paying != nil && n.paying.of(req) {
		return false
	}
	for i := range n.debts {
		n.debts[i].suspended = n.debts[i].suspended || n.debts[i].of(req)
	}
	return true
}

// resume undoes suspend.
func (n *node) resume(req pool.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.debts {
		n.debts[i].suspended = n.debts[i].suspended && !n.debts[i].of(req)
	}
	n.remind()
}

// remind has the goroutine look at the debts. The caller holds mu.
func (n *node) remind() {
	n.tend()
	select {
	case n.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// tend makes sure that the goroutine runs. The caller holds mu.
func (n *node) tend() {
	if n.tending {
		return
	}
	n.tending = true
	n.background.begin()
	go func() {
		defer n.background.end()
		for {
			wait, more := n.step()
			if !more {
				return
			}
			n.pause(wait)
		}
	}()
}

// pause waits, or until there is a new debt.
func (n *node) pause(wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.wake:
	}
}

// step does what is due, one command, and returns how long to wait before the
// next step, and whether there will be one.
func (n *node) step() (wait time.Duration, more bool) {
	n.mu.Lock()
	now := time.Now()
	n.debts = slices.DeleteFunc(n.debts, func(d debt) bool { return d.over(now, !n.silent.IsZero()) })
	n.owing.Store(len(n.debts) > 0)
	if !n.silent.IsZero() && len(n.debts) == 0 && now.Sub(n.wanted) > remembered {
		n.silent = time.Time{}
	}
	if !n.silent.IsZero() {
		probe := n.probe
		n.mu.Unlock()
		return n.knock(probe), true
	}
	next := -1
	for i, d := range n.debts {
		if !d.suspended && (next < 0 || d.due.Before(n.debts[next].due)) {
			next = i
		}
	}
	if next < 0 {
		n.tending = false
		n.mu.Unlock()
		return 0, false
	}
	d := n.debts[next]
	if wait := d.due.Sub(now); wait > 0 {
		n.mu.Unlock()
		return wait, true
	}
	n.debts = slices.Delete(n.debts, next, next+1)
	n.paying = &d
	n.mu.Unlock()
	n.pay(d)
	return 0, true
}

// knock asks the node the probe, and returns how long to wait before the next.
func (n *node) knock(probe pool.Request) time.Duration {
	start := time.Now()
	_, err := n.pool.Ask(context.Background(), probe)
	if unanswered(err) {
		return minBackoff - time.Since(start) // it may have come back at once
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = time.Time{}
	n.putOff(time.Now())
	return 0
}

// pay sends a release that the node is owed, and keeps it if that did not
// settle it.
func (n *node) pay(d debt) {
	a, err := n.put(context.Background(), d.release)
	now := time.Now()
	settled := false
	switch {
	case err != nil: // a server may refuse for a while: it is loading, or busy, or no master yet
		d.backoff = min(max(2*d.backoff, minBackoff), maxBackoff)
		d.due = now.Add(d.backoff)
	case d.times <= onceAnswered, a.State == pool.Yes && !d.release.Reused:
		settled = true
	case a.State == pool.Yes: // of several acquires the others may take effect yet
		d.due = now.Add(min(overtaken, d.release.Timeout))
	default:
		d.times--
		d.due = now.Add(d.release.Timeout)
		if d.times > onceAnswered {
			d.due = now.Add(min(overtaken, d.release.Timeout))
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.paying = nil
	if i := n.debtLike(d); !settled && i >= 0 { // which has come meanwhile
		n.debts[i].repeat(d)
	} else if !settled {
		n.debts = append(n.debts, d)
	}
	if unanswered(err) { // whatever the node has not answered may take effect yet
		n.putOff(now)
	}
	n.owing.Store(len(n.debts) > 0)
}
