package redsync

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

// findings are what an error of redlatch tells of single nodes.
type findings struct {
	taken   []int         // that have another owner's key
	quorum  bool          // these are a quorum
	expired []error       // of those that no longer have the key
	failed  []*RedisError // the others
}

func find(err error) *findings {
	f := &findings{}
	f.walk(err)
	return f
}

func (f *findings) walk(err error) {
	switch e := err.(type) {
	case *redlatch.ErrTaken:
		f.taken, f.quorum = e.Nodes, true
	case *redlatch.ErrNodeTaken:
		f.taken = append(f.taken, e.Node)
	case *redlatch.RedisError:
		f.failed = append(f.failed, &RedisError{Node: e.Node, Err: own(e.Err)})
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			f.walk(err)
		}
	default:
		if errors.Is(err, redlatch.ErrLockAlreadyExpired) {
			f.expired = append(f.expired, err)
		}
	}
}

// own returns a node's error as the client library has it.
func own(err error) error {
	var refusal *pool.ServerError
	if errors.As(err, &refusal) && refusal.Err != nil {
		return refusal.Err
	}
	for errors.Is(err, pool.ErrNotSent) || errors.Is(err, pool.ErrClosed) {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	if errors.Is(err, pool.ErrNoAnswer) && !errors.Is(err, context.DeadlineExceeded) {
		return &noAnswer{err}
	}
	return err
}

// noAnswer is the error of a node that did not answer in time. For redsync's
// users that is the deadline of a context, although not of theirs.
type noAnswer struct{ err error }

func (e *noAnswer) Error() string        { return e.err.Error() }
func (e *noAnswer) Unwrap() error        { return e.err }
func (e *noAnswer) Is(target error) bool { return target == context.DeadlineExceeded }

// expired is an error of redlatch's that says that the lock has expired.
type expired struct{ error }

func (e *expired) Unwrap() error        { return e.error }
func (e *expired) Is(target error) bool { return target == ErrLockAlreadyExpired }

// join returns the findings as redsync does: *ErrTaken by itself, or everything
// joined; or nil if there are none. If ctx has ended, its error comes first.
func (f *findings) join(ctx context.Context, err error) error {
	if f.quorum {
		return &ErrTaken{Nodes: f.taken}
	}
	var joined []error
	if ended(ctx, err) {
		joined = append(joined, ctx.Err())
	}
	for _, node := range f.taken {
		joined = append(joined, &ErrNodeTaken{Node: node})
	}
	joined = append(joined, f.expired...)
	for _, e := range f.failed {
		joined = append(joined, e)
	}
	return errors.Join(joined...)
}

// ended reports whether the end of ctx is a reason for err.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err())
}

// generateError is an error of the function that generates values.
type generateError struct{ error }

func (e *generateError) Unwrap() error { return e.error }

// refused is an error of redlatch's that says that a call could not even begin, with
// the name that redsync would have for it. It matches both.
type refused struct{ name, err error }

// Error tells the reason once: that of redlatch begins with its own name.
func (r *refused) Error() string {
	reason := r.err
	if e, ok := reason.(interface{ Unwrap() []error }); ok {
		all := e.Unwrap()
		reason = all[len(all)-1]
	}
	return r.name.Error() + ": " + strings.TrimPrefix(reason.Error(), "redlatch: ")
}

func (r *refused) Unwrap() []error { return []error{r.name, r.err} }

// lockError returns err, of a Lock with so many tries, as redsync would.
func (m *Mutex) lockError(ctx context.Context, err error, tries int) error {
	var generate *generateError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &generate):
		return generate.error
	case errors.Is(err, redlatch.ErrConfig):
		return &refused{ErrFailed, err}
	case ended(ctx, err) && tries > 1:
		return failedIn(ctx)
	}
	f := find(err)
	f.countOtherTypes()
	f.quorum = f.quorum || len(f.taken) >= m.quorum
	if joined := f.join(ctx, err); joined != nil {
		return joined
	}
	return ErrFailed
}

// countOtherTypes counts as taken the nodes on which the key is not even a string:
// redsync does so, since SET NX does.
func (f *findings) countOtherTypes() {
	f.failed = slices.DeleteFunc(f.failed, func(e *RedisError) bool {
		other := strings.HasPrefix(e.Err.Error(), "WRONGTYPE ")
		if other {
			f.taken = append(f.taken, e.Node)
		}
		return other
	})
	slices.Sort(f.taken)
}

// unlockError returns err, of Unlock, as redsync would.
func unlockError(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, redlatch.ErrConfig):
		return err
	case errors.Is(err, redlatch.ErrNotLocked):
		return &refused{ErrLockAlreadyExpired, err}
	}
	f := find(err)
	for i := range f.expired {
		f.expired[i] = ErrLockAlreadyExpired
	}
	return f.join(ctx, err)
}

// extendError returns err, of Extend, as redsync would.
func extendError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redlatch.ErrConfig), errors.Is(err, redlatch.ErrNotLocked):
		return &refused{ErrExtendFailed, err}
	}
	if joined := find(err).expire().join(ctx, err); joined != nil {
		return joined
	}
	return ErrExtendFailed
}

// validError returns err, of Valid, as redsync would.
func validError(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, redlatch.ErrConfig) || errors.Is(err, redlatch.ErrNotLocked) {
		return err
	}
	return find(err).expire().join(ctx, err)
}

// expire makes the errors of nodes that no longer have the key match redsync's.
func (f *findings) expire() *findings {
	for i, err := range f.expired {
		f.expired[i] = &expired{err}
	}
	return f
}
