package redlatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redlatch/redlatch/internal/dropin"
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
	err    error // what is wrong with the configuration

	expiry        time.Duration
	timeout       time.Duration // the node timeout
	tries         int
	delay         DelayFunc
	driftFactor   float64
	timeoutFactor float64
	generate      func() (string, error)
	timeoutGiven  bool
	shuffle       bool
	setNXOnExtend bool
	semantics     dropin.Semantics

	mu    sync.Mutex
	value string   // of the lock that was won last; guarded by mu
	until deadline // of that lock; zero if it came by WithValue; guarded by mu
	held  bool     // it has not been unlocked; guarded by mu

	lanes []lane // one for each node; nil if the only node is asked directly
}

// Name returns the name, which is the key on the nodes.
func (m *Mutex) Name() string { return m.name }

// Value returns the value that tells the owner of the last lock that was won, or
// what [WithValue] said; before that "". Unlock does not change it.
func (m *Mutex) Value() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.value
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
// an error in which errors.Is and errors.As find the end of ctx, and for each
// node [*ErrNodeTaken] or [*RedisError]. Then nothing of it is left on the
// nodes that answer; what may be on others is released in the background.
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
	var value string
	for try := 1; ; try++ {
		var err error
		if try == 1 || !m.semantics.OneValue { // for each try (S1)
			if value, err = m.newValue(); err != nil {
				return failed(ErrFailed, err)
			}
		}
		err = m.try(ctx, value, try > 1)
		if err == nil || try >= tries || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return err
		}
		if !pause(ctx, m.delay(try)) {
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

// try is one attempt to acquire the lock with value: ask, judge, undo.
func (m *Mutex) try(ctx context.Context, value string, again bool) error {
	req := m.request(pool.Acquire, value)
	req.Explain = again // the first try is the plain command that usually wins
	start := time.Now() // before the first byte is sent: the nodes count from later than this (S3)
	until := m.validUntil(start)
	t, r := m.ask(ctx, req)
	if t.verdict == quorum.Won && !until.passed(time.Now()) { // a majority, and validity left (S6)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.value, m.until, m.held = value, until, true
		return nil
	}
	wait := m.patience(time.Since(start))
	m.undo(ctx, req, t, wait)
	if t.verdict == quorum.Won {
		return failed(ErrFailed, errTooLate)
	}
	if r != nil {
		m.linger(ctx, r, &t, wait)
	}
	return t.err(ctx, m, ErrFailed)
}

// Unlock is [Mutex.UnlockContext] with context.Background.
func (m *Mutex) Unlock() (bool, error) { return m.UnlockContext(context.Background()) }

// UnlockContext releases the lock on every node, and returns true if a quorum
// has confirmed that it held it until now.
//
// It returns when that is decided, or ctx has ended, also if it had from the
// start: the release is sent all the same, and, to nodes that do not answer, in
// the background for as long as the key could still be there.
//
// The error of a release that a quorum did not confirm is [*ErrTaken] by itself
// if the lock was found to be another's; else one in which errors.Is and
// errors.As find [ErrLockAlreadyExpired] where the key was gone,
// [*ErrNodeTaken], [*RedisError], the end of ctx, or [ErrNotLocked].
func (m *Mutex) UnlockContext(ctx context.Context) (bool, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if m.err != nil {
		return false, failed(errUnlockFailed, m.err)
	}
	m.mu.Lock()
	m.held = false // so that an Extend under way does not set the key anew
	value := m.value
	m.mu.Unlock()
	if value == "" {
		return false, failed(errUnlockFailed, ErrNotLocked)
	}
	t, _ := m.ask(ctx, m.request(pool.Release, value))
	if t.verdict == quorum.Won {
		return true, nil
	}
	return false, t.err(ctx, m, errUnlockFailed)
}

// Extend is [Mutex.ExtendContext] with context.Background.
func (m *Mutex) Extend() (bool, error) { return m.ExtendContext(context.Background()) }

// ExtendContext makes the lock last for its whole expiry from now on, and
// returns true if a quorum of nodes that still held it has done so: Until is
// then later. Nodes that lost the lock, or never had it, are given it again in
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
	value, old, held := m.value, m.until, m.held
	m.mu.Unlock()
	start := time.Now() // before the first byte is sent: the nodes count from later than this (S3)
	switch {
	case !held:
		return false, failed(ErrExtendFailed, ErrNotLocked)
	case !old.isZero() && old.passed(start): // (S11)
		return false, failed(ErrExtendFailed, ErrLockAlreadyExpired)
	}
	until := m.validUntil(start)
	t, _ := m.ask(ctx, m.request(pool.Extend, value))
	if t.verdict != quorum.Won {
		return false, t.err(ctx, m, ErrExtendFailed)
	}
	if err := m.prolong(value, until); err != nil {
		return false, failed(ErrExtendFailed, err)
	}
	return true, nil
}

// prolong makes the lock of value, which a quorum has just extended, last until
// until; unless it was lost or unlocked while they did.
func (m *Mutex) prolong(value string, until deadline) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now() // after the last answer that counts
	switch {
	case !m.held || m.value != value:
		return errUnlocked
	case !m.until.isZero() && m.until.passed(now), until.passed(now): // (S11)
		return errTooLate
	case until.mono.After(m.until.mono): // and not a later one, of another Extend
		m.until = until
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
	value := m.Value()
	if value == "" {
		return false, failed(errNotValid, ErrNotLocked)
	}
	t, _ := m.ask(ctx, m.request(pool.Look, value))
	if t.verdict == quorum.Won {
		return true, nil
	}
	return false, t.err(ctx, m, errNotValid)
}

// ready returns why op cannot even begin, or nil.
func (m *Mutex) ready(ctx context.Context, op error) error {
	if m.err != nil {
		return failed(op, m.err)
	}
	if ctx.Err() != nil {
		return failed(op, ended(ctx)...)
	}
	return nil
}

func (m *Mutex) request(op pool.Op, value string) pool.Request {
	return pool.Request{Op: op, Name: m.name, Value: value, Expiry: m.expiry, Timeout: m.timeout}
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

// holds reports whether the lock of value is held: it was not unlocked, and its
// Until has not passed.
func (m *Mutex) holds(value string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held && m.inTime(value)
}

// valid reports whether the Until of the lock of value has not passed.
func (m *Mutex) valid(value string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inTime(value)
}

// inTime is valid for a caller that holds mu.
func (m *Mutex) inTime(value string) bool {
	return m.value == value && !m.until.passed(time.Now())
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
