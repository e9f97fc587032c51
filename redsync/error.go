package redsync

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// ErrFailed is returned by Lock and TryLock: see [Mutex.LockContext].
var ErrFailed error = failed{}

// ErrExtendFailed is returned by Extend: see [Mutex.ExtendContext].
var ErrExtendFailed = errors.New("redsync: failed to extend lock")

// ErrLockAlreadyExpired is matched by an error of Unlock, Extend or Valid if the
// lock had come to its end.
var ErrLockAlreadyExpired = errors.New("redsync: failed to unlock, lock was already expired")

// ErrTaken says that other owners' keys are on a quorum of nodes. Lock, TryLock,
// Unlock, Extend and Valid return it as *ErrTaken.
type ErrTaken struct {
	Nodes []int // the nodes that have said so, ascending, by their place in the pools
}

// Error implements error.
func (err ErrTaken) Error() string {
	return fmt.Sprintf("lock already taken, locked nodes: %v", err.Nodes)
}

// ErrNodeTaken says that another owner's key is on one node, where that is not
// enough for an [ErrTaken]. It is returned as *ErrNodeTaken, among others.
type ErrNodeTaken struct {
	Node int // by its place in the pools
}

// Error implements error.
func (err ErrNodeTaken) Error() string {
	return fmt.Sprintf("node #%d: lock already taken", err.Node)
}

// RedisError is one node's failure. It is returned as *RedisError, among others.
type RedisError struct {
	Node int   // by its place in the pools
	Err  error // the client library's, as far as it has one
}

// Error implements error.
func (e RedisError) Error() string { return fmt.Sprintf("node #%d: %s", e.Node, e.Err) }

// Unwrap returns Err.
func (e RedisError) Unwrap() error { return e.Err }

// failed is ErrFailed, with the end of a context or without. Programs written for
// redsync compare with ErrFailed (==), where redsync hides the context's error; so
// what tells the one from the other must make no difference to that. Zero and
// negative zero are equal, and yet not the same.
type failed struct{ canceled, late float64 }

var negativeZero = math.Copysign(0, -1)

// failedIn returns ErrFailed as it is when ctx has ended.
func failedIn(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return failed{late: negativeZero}
	}
	return failed{canceled: negativeZero}
}

// Error implements error.
func (f failed) Error() string {
	const text = "redsync: failed to acquire lock"
	if err := f.Unwrap(); err != nil {
		return text + ": " + err.Error()
	}
	return text
}

// Unwrap returns the error of the context that has ended, if one has.
func (f failed) Unwrap() error {
	switch {
	case math.Signbit(f.canceled):
		return context.Canceled
	case math.Signbit(f.late):
		return context.DeadlineExceeded
	}
	return nil
}
