package redsync

import (
	"time"

	"github.com/redlatch/redlatch"
)

const defaultTries = 32

// A DelayFunc returns how long to wait before the next try. It is given the
// number of tries so far, 1 or more. At 0 or less the next try follows at once.
type DelayFunc func(tries int) time.Duration

// An Option configures a Mutex.
type Option interface {
	// Apply configures the Mutex, which nobody else uses yet.
	Apply(*Mutex)
}

// An OptionFunc is an Option that is a function.
type OptionFunc func(*Mutex)

// Apply calls f.
func (f OptionFunc) Apply(mutex *Mutex) { f(mutex) }

// native is an Option that is one of redlatch's.
type native struct{ redlatch.Option }

// Apply implements Option.
func (n native) Apply(m *Mutex) { n.Option.Apply(m.inner()) }

// WithRedlatch returns an option of redlatch that redsync has no name for.
func WithRedlatch(option redlatch.Option) Option { return native{option} }

// WithExpiry sets how long the nodes keep the lock. The default is 8 s, the least
// a millisecond; the part below a millisecond is dropped.
func WithExpiry(expiry time.Duration) Option { return native{redlatch.WithExpiry(expiry)} }

// WithTries sets how often Lock tries to acquire the lock before it fails. The
// default is 32, the least 1. With the default delays that is about 5 s.
func WithTries(tries int) Option {
	return OptionFunc(func(m *Mutex) {
		m.tries = tries
		redlatch.WithTries(tries).Apply(m.inner())
	})
}

// WithRetryDelay sets how long Lock waits between two tries. The default is a
// random time from 50 to 250 ms, anew for each.
func WithRetryDelay(delay time.Duration) Option { return native{redlatch.WithRetryDelay(delay)} }

// WithRetryDelayFunc sets how Lock chooses the time between two tries.
func WithRetryDelayFunc(delayFunc DelayFunc) Option {
	return native{redlatch.WithRetryDelayFunc(redlatch.DelayFunc(delayFunc))}
}

// WithSetNXOnExtend makes Extend set the key again on a node that has lost it,
// while this Mutex holds the lock: before Until, and not after Unlock.
func WithSetNXOnExtend() Option { return native{redlatch.WithSetNXOnExtend()} }

// WithDriftFactor sets the share of the expiry by which the clocks of clients and
// servers may drift apart. The default is 0.01; 0 or more, and less than 1.
func WithDriftFactor(factor float64) Option { return native{redlatch.WithDriftFactor(factor)} }

// WithTimeoutFactor sets how long one node is waited for, by every call, as a share
// of the expiry, more than 0 and at most 1. The default is 0.05, so 400 ms of 8 s,
// but not less than 50 ms, or than half the expiry if that is shorter.
func WithTimeoutFactor(factor float64) Option { return native{redlatch.WithTimeoutFactor(factor)} }

// WithGenValueFunc sets how the value is made that tells one owner from another:
// once for each Lock. Its error is returned as it is. The default is 16 bytes of
// crypto/rand in base64. A value must not be empty, and should be unique.
func WithGenValueFunc(genValueFunc func() (string, error)) Option {
	return OptionFunc(func(m *Mutex) {
		if genValueFunc == nil {
			redlatch.WithGenValueFunc(nil).Apply(m.inner())
			return
		}
		m.semantics.OneValue = true
		redlatch.WithGenValueFunc(func() (string, error) {
			value, err := genValueFunc()
			if err != nil {
				err = &generateError{err}
			}
			return value, err
		}).Apply(m.inner())
	})
}

// WithValue makes the Mutex the holder of a lock that was acquired elsewhere, by
// the Mutex whose Value this is: to extend or unlock it here. A Lock replaces the
// value by one of its own.
func WithValue(v string) Option { return native{redlatch.WithValue(v)} }

// WithFailFast has no effect: every call returns as soon as a quorum has decided
// it, either way, and leaves nothing behind.
func WithFailFast(b bool) Option { return native{redlatch.WithFailFast(b)} }

// WithShufflePools makes every call begin with a random node, in place of the
// first. All are asked at once in any case, and keep their numbers in errors.
func WithShufflePools(b bool) Option { return native{redlatch.WithShufflePools(b)} }
