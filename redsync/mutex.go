package redsync

import (
	"context"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/dropin"
)

// A Mutex is a lock of one name, shared by everybody who uses that name on the
// same nodes. [Redsync.NewMutex] makes it. It may be used by several goroutines at
// once, as a [redlatch.Mutex] may.
//
// A Mutex that NewMutex did not make, as programs have in their tests, cannot be
// locked, and is unlocked and valid without asking anybody.
type Mutex struct {
	mutex     *redlatch.Mutex
	quorum    int
	tries     int
	semantics dropin.Semantics
}

// Redlatch returns the same lock as redlatch has it, with all that redsync has no
// name for. Both may be used side by side; errors are each one's own.
func (m *Mutex) Redlatch() *redlatch.Mutex { return m.inner() }

// Name returns the name, which is the key on the nodes.
func (m *Mutex) Name() string { return m.inner().Name() }

// Value returns the value that tells the owner of the last lock that was won, or
// what [WithValue] said; before that "". Unlock does not change it.
func (m *Mutex) Value() string { return m.inner().Value() }

// Until returns when the last lock that was won must be considered lost, unless it
// is extended before; before that the zero time. Unlock does not change it.
func (m *Mutex) Until() time.Time { return m.inner().Until() }

// TryLock is [Mutex.TryLockContext] with context.Background.
func (m *Mutex) TryLock() error { return m.TryLockContext(context.Background()) }

// TryLockContext is [Mutex.LockContext] with one try.
func (m *Mutex) TryLockContext(ctx context.Context) error {
	ctx = orBackground(ctx)
	return m.lockError(ctx, m.inner().TryLockContext(ctx), 1)
}

// Lock is [Mutex.LockContext] with context.Background.
func (m *Mutex) Lock() error { return m.LockContext(context.Background()) }

// LockContext acquires the lock. It blocks until it has it, the tries are used up
// ([WithTries]), or ctx has ended; a nil ctx is context.Background.
//
// It returns nil if the lock is held, until Until. Else its error is:
//
//   - [*ErrTaken], if the last try found the lock taken;
//   - else, joined, an [*ErrNodeTaken] or [*RedisError] for each node that is known
//     to be the reason;
//   - [ErrFailed], if ctx ended and this is a Lock with more than one try, or the
//     nodes took so long that nothing is left of the lock. It is equal to ErrFailed
//     (==), and in the first case matches the error of ctx, too;
//   - what the function given to [WithGenValueFunc] returned;
//   - one that matches [redlatch.ErrConfig] and ErrFailed.
func (m *Mutex) LockContext(ctx context.Context) error {
	ctx = orBackground(ctx)
	return m.lockError(ctx, m.inner().LockContext(ctx), m.tries)
}

// Unlock is [Mutex.UnlockContext] with context.Background.
func (m *Mutex) Unlock() (bool, error) { return m.UnlockContext(context.Background()) }

// UnlockContext releases the lock on every node, and returns true if a quorum has
// confirmed that it held it until now. If ctx has ended the release is sent all the
// same, and the nodes have 20 ms to answer.
//
// Else its error is [*ErrTaken], if the lock was found to be another's; or, joined,
// an [ErrLockAlreadyExpired], [*ErrNodeTaken] or [*RedisError] for each node that is
// known to be the reason, after the error of ctx if that has ended. The error for a
// Mutex that was never locked matches [redlatch.ErrNotLocked] besides.
func (m *Mutex) UnlockContext(ctx context.Context) (bool, error) {
	if m.mutex == nil {
		return true, nil
	}
	ctx = orBackground(ctx)
	ok, err := m.mutex.UnlockContext(ctx)
	return ok, unlockError(ctx, err)
}

// Extend is [Mutex.ExtendContext] with context.Background.
func (m *Mutex) Extend() (bool, error) { return m.ExtendContext(context.Background()) }

// ExtendContext makes the lock last for its whole expiry from now on, and returns
// true if a quorum of nodes that still held it has done so: Until then counts from
// this call.
//
// Else its error is [ErrExtendFailed], if that took so long that the lock was over
// meanwhile; else as for UnlockContext.
func (m *Mutex) ExtendContext(ctx context.Context) (bool, error) {
	ctx = orBackground(ctx)
	ok, err := m.inner().ExtendContext(ctx)
	return ok, extendError(ctx, err)
}

// Valid is [Mutex.ValidContext] with context.Background.
//
// Deprecated: Use Until, or, to ask the nodes, Redlatch().Valid.
func (m *Mutex) Valid() (bool, error) { return m.ValidContext(context.Background()) }

// ValidContext asks the nodes, and returns true if a quorum of them holds the
// lock's key with its value. The error is that of UnlockContext.
//
// Deprecated: Use Until, or, to ask the nodes, Redlatch().ValidContext.
func (m *Mutex) ValidContext(ctx context.Context) (bool, error) {
	if m.mutex == nil {
		return true, nil
	}
	ctx = orBackground(ctx)
	ok, err := m.mutex.ValidContext(ctx)
	return ok, validError(ctx, err)
}

// inner returns the lock; of a Mutex that NewMutex did not make, one that has no
// nodes.
func (m *Mutex) inner() *redlatch.Mutex {
	if m.mutex == nil {
		return redlatch.New().NewMutex("")
	}
	return m.mutex
}

func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}
