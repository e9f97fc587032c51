package redlatch

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// Forever is a number of tries for [WithTries]: Lock waits as long as its context lasts.
const Forever = math.MaxInt

// A waiter is a Lock that has to wait. It stands in line twice: in this process, for its
// turn to stand in the lines of the nodes. There it looks whether it can have the lock:
//
//	when                                       why
//	nodes have handed it the lock              they tell so, if they can be listened to
//	the key must have expired                  no node tells that; the first in line is the first
//	four times a second, or at each try        it is the first, and the holder may tell nobody;
//	                                           who is not the first does so seldom
//	soon, and then ever later (up to 50 ms)    it is the first, and nodes cannot tell
//	a node can be listened to, or no longer    messages may have been lost
//	after a round trip or two                  several shared the nodes, and none had a quorum
//
// Its methods are called by one goroutine, unless they say otherwise.
type waiter struct {
	m       *Mutex
	since   time.Time // when it began to wait
	attempt attempt   // what it stands in line with
	fresh   bool      // the attempt is over, and the next needs a new value
	last    outcome   // what came of it so far

	// Patience: which try it is, of how many, and when the next is due.
	try, tries int
	tick       time.Time

	// What the last look has told, if there was one.
	looked    time.Time
	place     int       // in line: 1 is the first; [pool.Joined], or 0 if there is no line
	listening bool      // enough nodes tell when they hand over the lock
	free      time.Time // when enough keys must have expired; zero if that is not known
	soon      time.Time // when to look again since nobody has the lock; zero if somebody may
	losses    int       // how often in a row nobody had it

	// While it stands at the nodes.
	told  chan int      // nodes that have handed it the lock; has room for each twice
	again chan struct{} // it had better look again; holds one such message
}

const (
	// A waiter that is the first in line and is not told when it is handed the lock looks
	// again after this share of the time that it has waited, within these bounds.
	pollShare = 20
	minPoll   = time.Millisecond
	maxPoll   = 50 * time.Millisecond

	// One that is told, and is not the first, looks whether all is as it was after so long for
	// each that is before it, up to the second, or its expiry: its turn may have come without a
	// word, or that of one which keeps silent; and it is to know when a key expires that was
	// set since it looked, before that expires.
	watchEach = 2 * time.Second
	maxWatch  = 10 * time.Second

	// expiryEach is how much later for each that is before it a waiter looks when the key must
	// have expired. Those may have left.
	expiryEach = 50 * time.Millisecond

	// maxRounds is how often a waiter asks again that has more nodes than any other, before
	// it gives them back.
	maxRounds = 8
)

// wait waits for the lock. Of a first try that was made, a is the attempt and first what
// came of it.
func (m *Mutex) wait(ctx context.Context, tries int, a attempt, first *outcome) error {
	m.locker.background.begin() // Close waits for whoever leaves the lines
	defer m.locker.background.end()
	w := &waiter{m: m, since: time.Now(), attempt: a, fresh: first == nil, tries: tries}
	w.tried()
	p := m.locker.queues.enter(m)
	defer m.locker.queues.leave(p) // should a function of the user's panic
	defer w.drop(ctx, true)
	if first != nil {
		w.last, w.since = *first, w.since.Add(-first.elapsed)
		w.attempt.unsure, w.attempt.used = first.unknown != 0, true
		if p.isTurn() {
			w.settle(ctx)
		} else { // whose turn it is needs the nodes that were taken, or are yet to answer
			w.drop(ctx, false)
		}
	}
	err := w.queue(ctx, p)
	if err != nil {
		w.drop(ctx, true)
	} else {
		w.over()
	}
	if m.locker.queues.leave(p) { // handed the lock, if in the moment in which it gave up
		return nil
	}
	return err
}

// tried counts a try, and finds out when the next is due, if there is one.
func (w *waiter) tried() {
	w.try++
	if w.try >= w.tries {
		return
	}
	delay := w.m.retryDelay(w.try)
	if w.looked.IsZero() || w.quiet() {
		delay = max(delay, minPoll) // it does not wait for an answer in between
	}
	w.tick = time.Now().Add(delay)
}

// queue waits in this process for its turn, and then at the nodes.
func (w *waiter) queue(ctx context.Context, p *place) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if !time.Now().Before(w.tick) {
			if w.tried(); w.try >= w.tries {
				return w.m.poll(ctx, 1, true)
			}
		}
		at := w.tick
		if until := w.m.locker.queues.until(p.name); !until.IsZero() && until.Before(at) {
			at = until // the holder may be over then
		}
		timer.Reset(time.Until(at))
		select {
		case <-p.turn:
			if p.given {
				return nil
			}
			return w.stand(ctx)
		case <-timer.C:
		case <-ctx.Done():
		case <-w.m.locker.closed:
			return w.failed(ctx)
		}
	}
	return w.failed(ctx)
}

// stand waits in line at the nodes.
func (w *waiter) stand(ctx context.Context) error {
	// There is room for all that may come while it looks. One that there is no room for
	// makes no difference: it will look.
	w.told, w.again = make(chan int, 2*len(w.m.locker.nodes)), make(chan struct{}, 1)
	for {
		last := w.try >= w.tries
		if w.m.locker.isClosed() { // and may have been before this Lock was known to wait
			return w.failed(ctx)
		}
		if err := w.look(ctx); err != nil {
			return err
		}
		switch {
		case w.last.won:
			return nil
		case last || w.last.ended:
			return w.surrender(ctx)
		}
		w.settle(ctx)
		if !w.rest(ctx) {
			return w.failed(ctx)
		}
	}
}

// failed returns the error of a waiter that has stopped waiting between two looks.
func (w *waiter) failed(ctx context.Context) error {
	reasons := ended(ctx)
	if ctx.Err() == nil {
		reasons = []error{ErrClosed}
	}
	if w.last.err != nil {
		reasons = append(reasons, w.last.err)
	}
	return failed(ErrFailed, reasons...)
}

// look asks the nodes for the lock, and stands in their lines if they refuse.
func (w *waiter) look(ctx context.Context) error {
	m, l := w.m, w.m.locker
	if w.fresh {
		value, err := m.newValue()
		if err != nil {
			return failed(ErrFailed, err)
		}
		w.attempt, w.fresh = m.begin(value), false
	}
	req := m.request(pool.Acquire, w.attempt)
	req.Wait, req.Again, req.TellNext = true, w.attempt.waits, len(l.nodes) > 1
	if !w.attempt.waits { // before it can be handed anything
		w.attempt.waits, w.attempt.inbox = true, l.inbox.add(w, w.attempt.value)
	}
	req.Inbox, req.Waited = w.attempt.inbox, time.Since(w.since)
	req.Reused, w.attempt.used = w.attempt.used, true
	for len(w.told) > 0 {
		<-w.told // this look is what that was about
	}
	w.last = m.acquire(ctx, w.attempt, req)
	w.attempt.unsure = w.attempt.unsure || w.last.unknown != 0
	if o := &w.last; !o.won && !o.ended && o.r != nil { // what decides nothing any more tells something all the same
		m.linger(ctx, o.r, &o.tally, time.Now().Add(max(o.elapsed, minPoll)))
	}
	w.looked = time.Now()
	w.learn()
	return nil
}

// learn notes what the last look has told.
func (w *waiter) learn() {
	l := w.m.locker
	var listening, gone quorum.Set
	w.place, w.soon, w.free = 0, time.Time{}, time.Time{}
	type end struct {
		node int
		at   time.Time
	}
	var ends []end
	for i, a := range w.last.answers {
		switch {
		case w.last.votes.Yes.Has(i):
			gone = gone.With(i)
		case a.State == pool.Other && a.TTL > 0:
			// It was so long at the least when the node said so: that was before now. The
			// node counts whole milliseconds.
			ends = append(ends, end{i, w.looked.Add(a.TTL + time.Millisecond)})
		}
		if a.State != pool.Other || a.Place == 0 {
			continue
		}
		if l.nodes[i].hears.Load() {
			listening = listening.With(i)
		}
		if w.place == 0 || w.place == pool.Joined || a.Place > 0 && a.Place < w.place {
			w.place = a.Place
		}
	}
	w.listening = l.rule.Judge(quorum.Votes{Yes: listening}) == quorum.Won
	slices.SortFunc(ends, func(a, b end) int { return a.at.Compare(b.at) })
	for _, e := range ends {
		gone = gone.With(e.node)
		if l.rule.Judge(quorum.Votes{Yes: gone}) == quorum.Won {
			w.free = e.at
			break
		}
	}
}

// settle decides, after a look in vain, what becomes of what it may have taken, and whether
// to look again soon. It stays in the lines by the same value, if it can.
func (w *waiter) settle(ctx context.Context) {
	o := &w.last
	base := max(o.elapsed, minPoll)
	mine := o.votes.Yes | w.attempt.taken() // some may have said so after a look was over
	switch {
	case o.verdict == quorum.Won: // but too late
		w.drop(ctx, false)
		return
	case mine == 0 && w.reusable():
		if w.unsure() {
			w.lookSoon(base)
		} else {
			w.losses = 0
		}
		return
	}
	taken, leads := w.compare(mine)
	switch {
	case !w.reusable():
		w.drop(ctx, false)
	case leads && w.losses < maxRounds:
		w.losses++
		w.soon = time.Now().Add(base/2 + w.m.machine.N(base))
		return
	case !w.giveBack(ctx, mine):
		w.drop(ctx, false)
	}
	if taken || mine == 0 {
		w.losses = 0
		return
	}
	w.lookSoon(base)
}

// lookSoon has it look again soon, and then ever later, each time at random.
func (w *waiter) lookSoon(base time.Duration) {
	w.losses++
	w.soon = time.Now().Add(base + w.m.machine.N(base<<min(w.losses, 8)))
}

// unsure reports whether a node that was asked may have given w the lock, and not said so.
func (w *waiter) unsure() bool {
	for _, i := range w.last.unknown.Nodes() {
		if !refused(w.last.errs[i]) {
			return true
		}
	}
	return false
}

// reusable reports whether the value can be used for the next look, although acquires of it
// may still be under way: no release of it is (S1), and a node that holds it takes it for
// acquired anew. One that has no lines would refuse it, or be believed to have acquired it
// later than it has. Of one that nobody knows to have any nothing is assumed that a new value
// does not make up for.
func (w *waiter) reusable() bool {
	o := &w.last
	for i, n := range w.m.locker.nodes {
		hasNot := o.votes.No.Has(i) && (!o.unknown.Has(i) || refused(o.errs[i]))
		switch n.lines.Load() {
		case linesUnknown:
			if !hasNot {
				return false
			}
		case noLines:
			return false
		}
	}
	return true
}

// compare tells, of a look after which some of the nodes are w's, whether another owner may have
// a quorum of them; and if none has, whether w has most. All who share the nodes see that
// alike, more or less, and the others give back what they have.
func (w *waiter) compare(mine quorum.Set) (taken, leads bool) {
	o, rule := &w.last, w.m.locker.rule
	switch {
	case o.answers == nil: // the first try, which does not ask who has the others
		return false, true
	case rule.Judge(quorum.Votes{Yes: mine | o.other}) != quorum.Won: // so few nodes answer that nobody gets anywhere
		return true, false
	}
	owners := make(map[string]quorum.Set)
	for _, i := range o.other.Nodes() {
		owner := o.answers[i].Owner
		if owner == "" { // it is not told
			return false, false
		}
		owners[owner] = owners[owner].With(i)
	}
	leads = true
	unheard := quorum.First(len(w.m.locker.nodes)) &^ (mine | o.votes.No)
	for owner, nodes := range owners {
		if rule.Judge(quorum.Votes{Yes: nodes | unheard}) == quorum.Won {
			return true, false
		}
		if n := nodes.Len(); n > mine.Len() || n == mine.Len() && owner < w.attempt.value {
			leads = false
		}
	}
	return false, leads
}

// giveBack releases the nodes that are w's, and reports whether all have
// confirmed that: then the value can be used again, for no release of it is under way.
func (w *waiter) giveBack(ctx context.Context, mine quorum.Set) bool {
	m, o := w.m, &w.last
	req := m.request(pool.Release, w.attempt)
	t, r := m.askThese(ctx, w.attempt, req, mine)
	m.linger(ctx, r, &t, m.patience(o.elapsed))
	for _, i := range mine.Nodes() {
		if !t.heard(i) || t.errs != nil && t.errs[i] != nil {
			return false
		}
	}
	return true
}

// drop undoes what the attempt may have taken, and leaves the lines. If w will not come
// back, the next has the lock.
func (w *waiter) drop(ctx context.Context, forGood bool) {
	if w.over() {
		w.m.undo(ctx, w.attempt, w.last.tally, w.m.patience(w.last.elapsed), forGood)
	}
}

// surrender is drop after the last look, and returns why that was in vain.
func (w *waiter) surrender(ctx context.Context) error {
	w.over()
	return w.m.surrender(ctx, w.attempt, &w.last)
}

// over notes that the attempt is over, and reports whether there was one.
func (w *waiter) over() bool {
	was := !w.fresh
	w.fresh = true
	if was && w.attempt.waits {
		w.m.locker.inbox.remove(w.attempt.value)
	}
	return was
}

// quiet reports whether a try may pass without a look: w is told when its turn comes, and
// looks for what nobody tells at times of its own.
func (w *waiter) quiet() bool {
	return w.listening && (w.place > 1 || w.place == 1 && w.m.delay == nil)
}

// rest waits until there is reason to look again. It returns false if there is none to wait
// on: ctx has ended, or the Locker was closed.
func (w *waiter) rest(ctx context.Context) bool {
	var handed quorum.Set
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil { // what is due is done in this order: give up, count a try, look
		at, counts := w.next(), false
		if !w.tick.After(at) {
			at, counts = w.tick, true
		}
		if !time.Now().Before(at) {
			if counts {
				w.tried()
			}
			if !counts || w.try >= w.tries || !w.quiet() {
				return true
			}
			continue
		}
		timer.Reset(time.Until(at))
		select {
		case i := <-w.told:
			handed = handed.With(i)
			if w.m.locker.rule.Judge(quorum.Votes{Yes: handed}) == quorum.Won {
				return true
			}
			w.sooner(max(2*w.last.elapsed, minPoll)) // the others will not be much later
		case <-w.again:
			w.sooner(minPoll) // as may the other nodes
		case <-timer.C:
		case <-ctx.Done():
		case <-w.m.locker.closed:
			return false
		}
	}
	return false
}

// sooner has it look again after the given time, if that was not to be sooner.
func (w *waiter) sooner(after time.Duration) {
	if at := time.Now().Add(after); w.soon.IsZero() || at.Before(w.soon) {
		w.soon = at
	}
}

// next returns when to look again, whatever the patience says.
func (w *waiter) next() time.Time {
	next := w.looked.Add(min(maxWatch, max(w.m.expiry, maxRetryDelay)))
	earlier := func(at time.Time) {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	earlier(w.soon)
	switch {
	case w.listening && w.place > 1:
		earlier(w.looked.Add(time.Duration(w.place-1) * watchEach))
	case w.quiet(): // no less often than it might try
		earlier(w.looked.Add(maxRetryDelay))
	case w.place != 0 && !w.listening && w.place <= 1:
		waited := w.looked.Sub(w.since)
		earlier(w.looked.Add(min(max(waited/pollShare, minPoll), maxPoll)))
	}
	if !w.free.IsZero() { // who is not the first lets the others try
		earlier(w.free.Add(time.Duration(max(w.place-1, 0)) * expiryEach))
	}
	return next
}

// lookAgain is called by those who know that it had better.
func (w *waiter) lookAgain() {
	select {
	case w.again <- struct{}{}:
	default:
	}
}

// handed is called when node i has handed it the lock.
func (w *waiter) handed(i int) {
	select {
	case w.told <- i:
	default:
	}
}
