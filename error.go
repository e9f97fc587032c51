package redlatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// ErrFailed is matched by every error that Lock and TryLock return.
var ErrFailed = errors.New("redlatch: failed to acquire lock")

// ErrExtendFailed is matched by every error that Extend returns.
var ErrExtendFailed = errors.New("redlatch: failed to extend lock")

// ErrLockAlreadyExpired is matched by an error of Unlock, Extend or Valid if
// the lock had come to its end: its key was found absent on a node, or, for
// Extend, its Until had passed and nothing was sent.
var ErrLockAlreadyExpired = errors.New("redlatch: lock has already expired")

// ErrNotLocked is matched by an error of Unlock, Extend or Valid if there is
// nothing to unlock, extend or look at: the Mutex was never locked, or, for
// Extend, it has been unlocked. Nothing was sent.
var ErrNotLocked = errors.New("redlatch: not locked by this mutex")

// ErrClosed is matched by the error of a Lock of a [Locker] that was closed.
var ErrClosed = errors.New("redlatch: the Locker was closed")

// ErrConfig is matched by the error of every call of a Mutex that cannot work
// as it was configured. Nothing was sent.
var ErrConfig = errors.New("redlatch: bad configuration")

var (
	errUnlockFailed = errors.New("redlatch: failed to unlock")
	errNotValid     = errors.New("redlatch: lock is not valid")
	errTooLate      = errors.New("redlatch: the quorum took longer than the lock is valid for")
	errUnlocked     = fmt.Errorf("%w: it was unlocked meanwhile", ErrNotLocked)
)

// ErrTaken says that other owners' keys are on so many nodes that no quorum is
// left: on a majority of them, or, of an even number, on half. Lock, TryLock,
// Unlock, Extend and Valid return it as *ErrTaken, by itself; where more is to
// be told, as one of the errors that errors.As finds. A value of the type is
// found by errors.As, too.
type ErrTaken struct {
	Nodes []int // the nodes that said so, ascending, by their place in the pools

	op error // what failed for it: ErrFailed, ErrExtendFailed, …
}

// Error implements error.
func (e ErrTaken) Error() string {
	return fmt.Sprintf("redlatch: lock already taken, locked nodes: %v", e.Nodes)
}

// Is reports whether target is what the call that returned e failed with.
func (e ErrTaken) Is(target error) bool { return e.op != nil && target == e.op }

// As lets errors.As find e by value.
func (e *ErrTaken) As(target any) bool { return asValue(e, target) }

// ErrNodeTaken says that another owner's key is on one node, where that is not
// enough for an [ErrTaken]. It is found by errors.As as *ErrNodeTaken or by value, in errors
// of Lock, TryLock, Unlock, Extend and Valid.
type ErrNodeTaken struct {
	Node int // by its place in the pools
}

// Error implements error.
func (e ErrNodeTaken) Error() string { return fmt.Sprintf("node #%d: lock already taken", e.Node) }

// As lets errors.As find e by value.
func (e *ErrNodeTaken) As(target any) bool { return asValue(e, target) }

// RedisError is one node's failure: the server's own words, or why it could not
// be asked or did not answer. It is found by errors.As as *RedisError or by
// value, in errors of Lock, TryLock, Unlock, Extend and Valid.
type RedisError struct {
	Node int // by its place in the pools
	Err  error
}

// Error implements error.
func (e RedisError) Error() string { return fmt.Sprintf("node #%d: %s", e.Node, e.Err) }

// Unwrap returns Err.
func (e RedisError) Unwrap() error { return e.Err }

// As lets errors.As find e by value.
func (e *RedisError) As(target any) bool { return asValue(e, target) }

// asValue copies what e points to into target if target has e's type.
func asValue[E any](e *E, target any) bool {
	value, ok := target.(*E)
	if ok {
		*value = *e
	}
	return ok
}

// nodeExpired says that a node no longer has the key.
type nodeExpired struct{ node int }

func (e *nodeExpired) Error() string        { return fmt.Sprintf("node #%d: lock already expired", e.node) }
func (e *nodeExpired) Is(target error) bool { return target == ErrLockAlreadyExpired }

// failure is what a call failed with, and the reasons for it. It matches all.
type failure struct {
	op      error
	reasons []error
}

func failed(op error, reasons ...error) error { return &failure{op, reasons} }

func (f *failure) Error() string {
	var b strings.Builder
	b.WriteString(f.op.Error())
	for i, reason := range f.reasons {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimPrefix(reason.Error(), "redlatch: "))
	}
	return b.String()
}

func (f *failure) Unwrap() []error { return append([]error{f.op}, f.reasons...) }

// ended returns the errors of a context that has ended: its own, and the cause
// that its owner may have given.
func ended(ctx context.Context) []error {
	reasons := []error{ctx.Err()}
	if cause := context.Cause(ctx); cause != reasons[0] {
		reasons = append(reasons, cause)
	}
	return reasons
}

// isEnd reports whether err is that of a context that has ended.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func badConfig(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
