package redlatch

import (
	"crypto/rand"
	"encoding/base64"
	"math"
	"time"
)

// The defaults are redsync's.
const (
	defaultExpiry        = 8 * time.Second
	defaultTries         = 32
	defaultDriftFactor   = 0.01
	defaultTimeoutFactor = 0.05
	minRetryDelay        = 50 * time.Millisecond
	maxRetryDelay        = 250 * time.Millisecond

	// A node timeout that was not asked for is no shorter than this, or than
	// half the expiry: a twentieth of a short expiry is less than a round trip.
	minTimeout = 50 * time.Millisecond

	// expiryPrecision is what Redlock takes off a lock's validity besides the
	// drift: servers expire keys to the millisecond, and clocks of short
	// lengths of time drift by one more.
	expiryPrecision = 2 * time.Millisecond
)

// A DelayFunc returns how long to wait before the next try. It is given the
// number of tries so far, 1 or more. At 0 or less the next try follows at once.
type DelayFunc func(tries int) time.Duration

// An Option configures a Mutex.
type Option interface {
	// Apply configures m, which nobody else uses meanwhile: NewMutex calls it
	// before it returns m.
	Apply(m *Mutex)
}

// An OptionFunc is an Option that is a function.
type OptionFunc func(*Mutex)

// Apply calls f.
func (f OptionFunc) Apply(m *Mutex) { f(m) }

// WithExpiry sets how long the nodes keep the lock: from when it is acquired or
// extended until nobody need fear its holder any more. The default is 8 s, the
// least a millisecond; the part below a millisecond is dropped.
//
// The holder must consider the lock lost earlier, at [Mutex.Until]: by the
// drift factor's share of the expiry, and by 2 ms, if more than that is left.
func WithExpiry(expiry time.Duration) Option {
	return OptionFunc(func(m *Mutex) { m.expiry = expiry })
}

// WithTries sets how often Lock tries to acquire the lock before it fails. The
// default is 32, the least 1. With the default delays that is about 5 s. With [Forever]
// it waits as long as its context lasts.
//
// These are the tries of somebody who polls, and measure patience. A waiter looks when it
// is its turn, which costs no try; and a try that is of no use passes without a look.
func WithTries(tries int) Option {
	return OptionFunc(func(m *Mutex) { m.tries = tries })
}

// WithLocalHandover lets Unlock hand the lock over to whoever has waited longest for it among
// the goroutines that use the same Locker, by a Mutex of the same name, up to so many times in
// a row: no node is asked, and the next holder's Until is that of the one before, unless less
// than half of what it may expect is left of it. So a lock that one process takes again and
// again costs little, and others wait for so many holders at most. The default is 0, the
// least, too. Who gets the lock like that has the same Value.
//
// A Mutex with [WithSetNXOnExtend] hands nothing over, and nor does one to a Mutex of a
// longer expiry.
func WithLocalHandover(holders int) Option {
	return OptionFunc(func(m *Mutex) { m.handovers = holders })
}

// WithRetryDelay sets how long Lock waits between two tries, unless the lock is handed to
// it before. The default is a
// random time from 50 to 250 ms, anew for each: contenders that wait equally
// long meet again and again, so prefer a [WithRetryDelayFunc] that varies (S9).
func WithRetryDelay(delay time.Duration) Option {
	return OptionFunc(func(m *Mutex) {
		m.delay, m.delayGiven = func(int) time.Duration { return delay }, true
	})
}

// WithRetryDelayFunc sets how Lock chooses the time between two tries.
func WithRetryDelayFunc(delay DelayFunc) Option {
	return OptionFunc(func(m *Mutex) { m.delay, m.delayGiven = delay, true })
}

// WithDriftFactor sets the share of the expiry by which the clocks of clients
// and servers may drift apart meanwhile. The default is 0.01; 0 or more, and
// less than 1.
func WithDriftFactor(factor float64) Option {
	return OptionFunc(func(m *Mutex) { m.driftFactor = factor })
}

// WithTimeoutFactor sets the node timeout: how long one node is waited for, as
// a share of the expiry, more than 0 and at most 1. It bounds every command,
// also those of Unlock and Extend. The default is 0.05, so 400 ms of 8 s, but
// not less than 50 ms, or than half the expiry if that is shorter.
func WithTimeoutFactor(factor float64) Option {
	return OptionFunc(func(m *Mutex) { m.timeoutFactor, m.timeoutGiven = factor, true })
}

// WithGenValueFunc sets how the value is made that tells one owner from another: for each
// Lock and TryLock, and anew for a further try where a release of the last one may still be
// under way; never for the others' use. The default is 16 bytes of crypto/rand in base64.
// A value must not be empty, and must be unique over all clients and all that it was made
// for (S1): what is left of an earlier try is told from the lock by nothing else.
func WithGenValueFunc(generate func() (string, error)) Option {
	return OptionFunc(func(m *Mutex) { m.generate = generate })
}

// WithValue makes the Mutex the holder of a lock that was acquired elsewhere,
// by the Mutex whose Value this is: to extend or unlock it here. Until when it
// is held is not known, so Until is zero before the first Extend. A Lock
// replaces the value by one of its own.
func WithValue(value string) Option {
	return OptionFunc(func(m *Mutex) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.won, m.until, m.since, m.held = attempt{value: value}, deadline{}, time.Time{}, value != ""
	})
}

// WithFailFast has no effect. Every call returns as soon as a quorum has decided
// it, either way; with redsync, where the option comes from, one has to ask for
// that, and pays with keys that nobody owns.
func WithFailFast(bool) Option {
	return OptionFunc(func(*Mutex) {})
}

// WithShufflePools makes every call begin with a random node, in place of the
// first. All are asked at once in any case, and keep their numbers in errors.
func WithShufflePools(shuffle bool) Option {
	return OptionFunc(func(m *Mutex) { m.shuffle = shuffle })
}

// WithSetNXOnExtend makes Extend set the key again on a node that has lost it,
// as after a restart without data, and count that node as one that extended.
// It does so only while this Mutex holds the lock: before Until, and not after
// Unlock.
//
// Use it only where a lock that outlives its servers' memory is worth more than
// exclusion: another client may have held, and given back, the lock in between,
// and nobody is told. Without the option a node that has lost the key is given
// it again too, but only after a quorum that still had it has extended it.
func WithSetNXOnExtend() Option {
	return OptionFunc(func(m *Mutex) { m.setNXOnExtend = true })
}

// check returns what is wrong with m's configuration.
func (m *Mutex) check() error {
	switch {
	case m.expiry < time.Millisecond:
		return badConfig("the expiry is %v: it must be at least 1ms", m.expiry)
	case m.tries < 1:
		return badConfig("the number of tries is %d: it must be at least 1", m.tries)
	case m.handovers < 0:
		return badConfig("the number of local handovers is %d: it must be at least 0", m.handovers)
	case m.delay == nil && m.delayGiven:
		return badConfig("the retry delay function is nil")
	case !(m.driftFactor >= 0 && m.driftFactor < 1): // so that NaN is out of range too
		return badConfig("the drift factor is %v: it must be at least 0 and less than 1", m.driftFactor)
	case !(m.timeoutFactor > 0 && m.timeoutFactor <= 1):
		return badConfig("the timeout factor is %v: it must be more than 0 and at most 1", m.timeoutFactor)
	case m.generate == nil:
		return badConfig("the function that generates values is nil")
	}
	return nil
}

// nodeTimeout returns how long one node is waited for.
func (m *Mutex) nodeTimeout() time.Duration {
	timeout := m.expiry
	if share := float64(m.expiry) * m.timeoutFactor; share < math.MaxInt64 { // else it was rounded up to what no Duration holds
		timeout = time.Duration(share)
	}
	if !m.timeoutGiven {
		timeout = max(timeout, min(minTimeout, m.expiry/2))
	}
	return max(timeout, 1) // 0 would be no timeout at all
}

// retryDelay returns how long to wait before the next try.
func (m *Mutex) retryDelay(tries int) time.Duration {
	if m.delay != nil {
		return m.delay(tries)
	}
	return minRetryDelay + m.machine.N(maxRetryDelay-minRetryDelay)
}

func randomValue() (string, error) {
	var random [16]byte
	rand.Read(random[:]) // never fails: it crashes the program rather than return an error
	return base64.StdEncoding.EncodeToString(random[:]), nil
}
