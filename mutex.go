package redlatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redlatch/redlatch/internal/dropin"
	"github.com/redlatch/redlatch/internal/machine"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A Mutex is a lock of one name, shared by everybody who uses that name on the
// same nodes. [Locker.NewMutex] makes it.
//
// It may be used by several goroutines at once, and then excludes them from each
// other like any others. But it knows one owner: whoever calls Unlock or Extend
// does so for whoever locked it last. Goroutines that might overrun the expiry
// should have a Mutex each.
type Mutex struct {
	locker *Locker
	name   string
	err    error // what is wrong with the options, besides what check finds

	expiry        time.Duration
	tries         int
	delay         DelayFunc // nil is random, if none was given
	driftFactor   float64
	timeoutFactor float64
	generate      func() (string, error)
	timeoutGiven  bool
	delayGiven    bool
	shuffle       bool
	setNXOnExtend bool
	handovers     int
	semantics     *dropin.Semantics
	machine       machine.Machine

	mu     sync.Mutex
	won    attempt   // the last that won, or what WithValue said; guarded by mu
	until  deadline  // until when that is valid; zero if it came by WithValue; guarded by mu
	since  time.Time // what until counts from; guarded by mu
	held   bool      // it has not been unlocked; guarded by mu
	latest string    // the value of the last attempt that was begun; guarded by mu
	lanes  []lane    // those of that; guarded by mu
	freed  []lane    // those of the last Unlock, if nothing was begun since; guarded by mu
}

// An attempt is one try to acquire the lock and, if that wins, the lock that is held
// since.
type attempt struct {
	id    uint64 // 1 and up, in this Locker; 0 is the lock that WithValue speaks of
	value string
	lanes []lane // one for each node; nil if the only node is asked directly
	next  string // whom the nodes are to hand the lock to; "" if each finds somebody
	inbox string // where they tell it something while it waits
	waits bool   // it has stood in the nodes' lines, and may still do so
	used  bool   // several acquires of the value may be under way

	// unsure means that the only node has let an acquire go unanswered, and one of the same
	// value was made since. Of several nodes their lanes know.
	unsure bool

	// handed means that the lock was handed over by another Mutex of this process, and
	// passed that it was handed over to one.
	handed, passed bool
}

// Name returns the name, which is the key on the nodes.
func (m *Mutex) Name() string { return m.name }

// Value returns the value that tells the owner of the last lock that was won, or
// what [WithValue] said; before that "". Unlock does not change it.
func (m *Mutex) Value() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.won.value
}

// Until returns when the last lock that was won must be considered lost, unless
// it is extended before; before that the zero time. Unlock does not change it.
//
// It counts from before the nodes were asked, less the drift and 2 ms. It has a
// monotonic reading; if the machine may have been suspended meanwhile, compare
// the wall clock, too: time.Now().Round(0).Before(m.Until().Round(0)).
func (m *Mutex) Until() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.until.mono
}

// Lock is [Mutex.LockContext] with context.Background.
func (m *Mutex) Lock() error { return m.LockContext(context.Background()) }

// LockContext acquires the lock. It blocks until it has it, the tries are used
// up ([WithTries]), or ctx has ended; a nil ctx is context.Background. When ctx
// ends it returns at once.
//
// It returns nil if the lock is held, until Until. Every other error matches
// [ErrFailed]: [*ErrTaken] by itself if the last try found the lock taken; else
// an error in which errors.Is and errors.As find the end of ctx or [ErrClosed], and for
// each node [*ErrNodeTaken] or [*RedisError]. Then nothing of it is left on the
// nodes that answer; what may be on others is released in the background.
//
// Of those who wait the first who came is the first to have the lock: in this process, and
// as far as the nodes know, on all. See [Locker] for what that keeps open.
//
// Locking a Mutex that is held waits for it to be unlocked or to expire.
func (m *Mutex) LockContext(ctx context.Context) error { return m.lock(ctx, m.tries) }

// TryLock is [Mutex.TryLockContext] with context.Background.
func (m *Mutex) TryLock() error { return m.TryLockContext(context.Background()) }

// TryLockContext is [Mutex.LockContext] with one try.
func (m *Mutex) TryLockContext(ctx context.Context) error { return m.lock(ctx, 1) }

func (m *Mutex) lock(ctx context.Context, tries int) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := m.ready(ctx, ErrFailed); err != nil {
		return err
	}
	if m.locker.isClosed() {
		return failed(ErrFailed, ErrClosed)
	}
	return m.acquireOrWait(ctx, tries)
}

// acquireOrWait tries to acquire the lock, and waits for it if that is of use.
func (m *Mutex) acquireOrWait(ctx context.Context, tries int) error {
	switch {
	case tries == 1 || m.semantics.OneValue: // a value that others use stands in no line
		return m.poll(ctx, tries, false)
	case m.locker.queues.busy(m.name):
		return m.wait(ctx, tries, attempt{}, nil)
	}
	value, err := m.newValue()
	if err != nil {
		return failed(ErrFailed, err)
	}
	a := m.begin(value)
	o := m.acquire(ctx, a, m.request(pool.Acquire, a)) // the plain command, that usually wins
	switch {
	case o.won:
		return nil
	case o.ended:
		return m.surrender(ctx, a, &o)
	}
	return m.wait(ctx, tries, a, &o)
}

// poll tries to acquire the lock, and tries again after a delay, by itself.
func (m *Mutex) poll(ctx context.Context, tries int, explain bool) error {
	var value string
	for try := 1; ; try++ {
		var err error
		if try == 1 || !m.semantics.OneValue { // for each try (S1)
			if value, err = m.newValue(); err != nil {
				return failed(ErrFailed, err)
			}
		}
		err = m.attempt(ctx, m.begin(value), explain || try > 1)
		if err == nil || try >= tries || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return err
		}
		if !pause(ctx, m.retryDelay(try)) {
			return failed(ErrFailed, append(ended(ctx), err)...)
		}
	}
}

// newValue returns a value that nobody else has.
func (m *Mutex) newValue() (string, error) {
	value, err := m.generate()
	if err == nil && value == "" {
		err = badConfig("the function that generates values returned an empty one")
	}
	return value, err
}

// begin returns a new attempt.
func (m *Mutex) begin(value string) attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := attempt{id: m.locker.attempts.Add(1), value: value}
	switch {
	case value == m.latest: // in line with what is still to be done about that value
		a.lanes = m.lanes
	case m.freed != nil: // in line with the release, which some nodes may not have had yet
		a.lanes = m.freed
	default:
		a.lanes = m.locker.newLanes()
	}
	m.latest, m.lanes, m.freed = value, a.lanes, nil
	return a
}

// current returns the attempt that won last. The caller holds mu.
func (m *Mutex) current() attempt {
	if m.won.lanes == nil { // it came by WithValue
		m.won.lanes = m.locker.newLanes()
	}
	return m.won
}

// attempt is one try to acquire the lock: ask, judge, undo.
func (m *Mutex) attempt(ctx context.Context, a attempt, explain bool) error {
	req := m.request(pool.Acquire, a)
	req.Explain = explain // the first try is the plain command that usually wins
	o := m.acquire(ctx, a, req)
	if o.won {
		return nil
	}
	return m.surrender(ctx, a, &o)
}

// surrender undoes an attempt that has failed for good, and returns why it has.
func (m *Mutex) surrender(ctx context.Context, a attempt, o *outcome) error {
	until := m.patience(o.elapsed)
	m.undo(ctx, a, o.tally, until, a.waits)
	if o.r != nil && o.verdict != quorum.Won {
		m.linger(ctx, o.r, &o.tally, until)
		return o.tally.err(ctx, m, ErrFailed)
	}
	return o.err
}

// An outcome is what came of asking the nodes for the lock.
type outcome struct {
	tally
	won     bool  // the lock is held
	err     error // if not, why
	r       *round
	elapsed time.Duration
}

// acquire asks the nodes for the lock, and judges what they say. What they may have given
// is not undone.
func (m *Mutex) acquire(ctx context.Context, a attempt, req pool.Request) outcome {
	start := m.machine.Now() // before the first byte is sent: the nodes count from later than this (S3)
	until := m.validUntil(start)
	t, r := m.ask(ctx, a, req)
	now := m.machine.Now()
	o := outcome{tally: t, r: r, elapsed: now.Sub(start)}
	switch {
	case t.verdict != quorum.Won:
		o.err = t.err(ctx, m, ErrFailed)
	case until.passed(now): // a majority, but no validity left after the last answer that counts (S6)
		o.err = failed(ErrFailed, errTooLate)
	default:
		o.won, a.next = true, t.next()
		m.win(a, start, until)
	}
	return o
}

// win notes that m has the lock until until, which counts from start.
func (m *Mutex) win(a attempt, start time.Time, until deadline) {
	m.mu.Lock()
	m.won, m.until, m.since, m.held = a, until, start, true
	m.mu.Unlock()
	if m.handovers > 0 { // before it leaves the queue, and the next there turns to the nodes
		m.locker.queues.hold(m)
	}
}

// Unlock is [Mutex.UnlockContext] with context.Background.
func (m *Mutex) Unlock() (bool, error) { return m.UnlockContext(context.Background()) }

// UnlockContext releases the lock on every node, and returns true if a quorum
// has confirmed that it held it until now.
//
// It returns when that is decided and nodes that are about as quick have answered,
// or when ctx has ended. If it had from the start the release is sent all the same,
// and the nodes have 20 ms to answer. Those that do not are sent it in the background,
// for as long as the key could still be there.
//
// The error of a release that a quorum did not confirm is [*ErrTaken] by itself
// if the lock was found to be another's; else one in which errors.Is and
// errors.As find [ErrLockAlreadyExpired] where the key was gone,
// [*ErrNodeTaken], [*RedisError], the end of ctx, or [ErrNotLocked].
func (m *Mutex) UnlockContext(ctx context.Context) (bool, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := m.problem(); err != nil {
		return false, failed(errUnlockFailed, err)
	}
	if m.handovers > 0 && m.locker.queues.pass(m) {
		return true, nil
	}
	m.mu.Lock()
	m.held = false // so that an Extend under way does not set the key anew
	a := m.current()
	if m.handovers > 0 || a.handed {
		defer m.locker.queues.release(m) // when the nodes have it back
	}
	if a.passed {
		m.mu.Unlock()
		return false, failed(errUnlockFailed, ErrNotLocked)
	}
	m.freed = a.lanes
	m.mu.Unlock()
	if a.value == "" {
		return false, failed(errUnlockFailed, ErrNotLocked)
	}
	waiting := ctx
	if ctx.Err() != nil { // the key must still go, and the program may be about to
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
	}
	t, r := m.ask(waiting, a, m.release(a))
	if t.verdict != quorum.Won {
		return false, t.err(ctx, m, errUnlockFailed)
	}
	if r != nil { // for the others to get it, too, if they are about as quick
		now := time.Now()
		for _, i := range m.locker.late(now).Nodes() { // as these are not
			if !t.heard(i) {
				t.count(m.locker, i, pool.Answer{}, errLate)
			}
		}
		m.linger(waiting, r, &t, now.Add(2*now.Sub(r.start)))
	}
	return true, nil
}

// Extend is [Mutex.ExtendContext] with context.Background.
func (m *Mutex) Extend() (bool, error) { return m.ExtendContext(context.Background()) }

// ExtendContext makes the lock last for its whole expiry from now on, and
// returns true if a quorum of nodes that still held it has done so: Until then
// counts from this call. Nodes that lost the lock, or never had it, are given it again in
// the background, and count from the next time on.
//
// It returns when that is decided, or ctx has ended. A lock whose Until has
// passed is lost, whatever its keys say, and cannot be extended.
//
// Until stays as it is if the extension fails; if a node's failure is the
// reason, trying again may help. The error matches [ErrExtendFailed]:
// [*ErrTaken] by itself if the lock was found to be another's; else one in which
// errors.Is and errors.As find [ErrLockAlreadyExpired], [*ErrNodeTaken],
// [*RedisError], the end of ctx, or [ErrNotLocked].
func (m *Mutex) ExtendContext(ctx context.Context) (bool, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := m.ready(ctx, ErrExtendFailed); err != nil {
		return false, err
	}
	m.mu.Lock()
	a, old, held := m.current(), m.until, m.held
	m.mu.Unlock()
	start := m.machine.Now() // before the first byte is sent: the nodes count from later than this (S3)
	switch {
	case !held:
		return false, failed(ErrExtendFailed, ErrNotLocked)
	case !old.isZero() && old.passed(start): // (S11)
		return false, failed(ErrExtendFailed, ErrLockAlreadyExpired)
	}
	until := m.validUntil(start)
	t, _ := m.ask(ctx, a, m.request(pool.Extend, a))
	if t.verdict != quorum.Won {
		return false, t.err(ctx, m, ErrExtendFailed)
	}
	if err := m.prolong(a, start, until); err != nil {
		return false, failed(ErrExtendFailed, err)
	}
	return true, nil
}

// prolong makes the lock, which a quorum has just extended, last until until, which
// counts from start; unless it was lost or unlocked while they did.
func (m *Mutex) prolong(a attempt, start time.Time, until deadline) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.machine.Now() // after the last answer that counts
	switch {
	case !m.held || m.won.id != a.id:
		return errUnlocked
	case !m.until.isZero() && m.until.passed(now), until.passed(now): // (S11)
		return errTooLate
	case !start.Before(m.since): // else another Extend came after this one
		m.until, m.since = until, start
	}
	return nil
}

// Valid is [Mutex.ValidContext] with context.Background.
func (m *Mutex) Valid() (bool, error) { return m.ValidContext(context.Background()) }

// ValidContext asks the nodes, and returns true if a quorum of them holds the
// lock's key with its value. It looks at the servers and at no clock, and sees
// what Until cannot: a key that was deleted or evicted. What it says was true
// when the nodes said it.
//
// It returns when that is decided, or ctx has ended. The error is that of
// [Mutex.UnlockContext].
func (m *Mutex) ValidContext(ctx context.Context) (bool, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := m.ready(ctx, errNotValid); err != nil {
		return false, err
	}
	m.mu.Lock()
	a := m.current()
	m.mu.Unlock()
	if a.value == "" || a.passed {
		return false, failed(errNotValid, ErrNotLocked)
	}
	t, _ := m.ask(ctx, a, m.request(pool.Look, a))
	if t.verdict == quorum.Won {
		return true, nil
	}
	return false, t.err(ctx, m, errNotValid)
}

// ready returns why op cannot even begin, or nil.
func (m *Mutex) ready(ctx context.Context, op error) error {
	if err := m.problem(); err != nil {
		return failed(op, err)
	}
	if ctx.Err() != nil {
		return failed(op, ended(ctx)...)
	}
	return nil
}

// problem returns what is wrong with the configuration, or nil. An option may have
// been applied at any time.
func (m *Mutex) problem() error {
	switch {
	case m.err != nil:
		return m.err
	case m.locker.err != nil:
		return m.locker.err
	}
	return m.check()
}

func (m *Mutex) request(op pool.Op, a attempt) pool.Request {
	return pool.Request{
		Op: op, Name: m.name, Value: a.value, Expiry: m.expiry, Timeout: m.nodeTimeout(),
		Reused: op == pool.Acquire && m.semantics.OneValue,
	}
}

// release returns the request that gives the lock back, to whoever waits for it.
func (m *Mutex) release(a attempt) pool.Request {
	req := m.request(pool.Release, a)
	req.HandOver, req.Next, req.Reused = true, a.next, a.used
	req.Again, req.Inbox = a.waits && !m.locker.alone, a.inbox // one node has taken it out of its line
	return req
}

// validUntil returns until when a lock is valid whose nodes were first asked at
// start: its expiry, less what clocks may drift apart meanwhile (S7).
func (m *Mutex) validUntil(start time.Time) deadline {
	expiry := m.expiry.Truncate(time.Millisecond) // as the nodes keep it
	valid := expiry - time.Duration(float64(expiry)*m.driftFactor)
	if valid > expiryPrecision && !m.semantics.WholeValidity {
		valid -= expiryPrecision
	}
	return newDeadline(start.Add(valid))
}

// holds reports whether the lock of a is held: it was not unlocked, and its Until has
// not passed, as far as that is known.
func (m *Mutex) holds(a attempt) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held && m.won.id == a.id && (m.until.isZero() || !m.until.passed(m.machine.Now()))
}

// valid reports whether the Until of the lock of a has not passed.
func (m *Mutex) valid(a attempt) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.won.id == a.id && !m.until.passed(m.machine.Now())
}

// holdsUntil returns until when the lock is held; the zero time if it is not.
func (m *Mutex) holdsUntil() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.machine.Now()
	if !m.held || m.until.passed(now) {
		return time.Time{}
	}
	return time.Now().Add(m.until.mono.Sub(now)) // the machine may have clocks of its own
}

// handTo hands the lock that m holds over to next, which is of the same name and Locker, if
// half of what next may expect of it is left, and an Extend of m that is still under way
// can do it no harm: by a key that it sets, or by a shorter expiry.
func (m *Mutex) handTo(next *Mutex) bool {
	m.mu.Lock()
	a, until, since := m.current(), m.until, m.since
	now := m.machine.Now()
	left := until.mono.Sub(now)
	if !m.held || until.passed(now) || left < next.validUntil(now).mono.Sub(now)/2 || m.setNXOnExtend || m.expiry < next.expiry {
		m.mu.Unlock()
		return false
	}
	m.held, m.won.passed = false, true
	m.mu.Unlock()
	next.mu.Lock()
	defer next.mu.Unlock()
	a.handed = true
	next.latest, next.lanes, next.freed = a.value, a.lanes, nil
	next.won, next.until, next.since, next.held = a, until, since, true
	return true
}

// pause waits, and reports whether it did so to the end: ctx had not ended.
func pause(ctx context.Context, delay time.Duration) bool {
	if delay <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
