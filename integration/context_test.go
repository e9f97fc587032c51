package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
)

// ended returns a context that has ended, and why.
func ended() (context.Context, error) {
	cause := errors.New("the caller has gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return ctx, cause
}

func TestLockContextThatHasEnded(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		ctx, cause := ended()
		for name, call := range map[string]func(context.Context) error{
			"Lock": m.LockContext, "TryLock": m.TryLockContext,
		} {
			wantEnd(t, name, call(ctx), context.Canceled, cause, redlatch.ErrFailed)
		}
		wantNothingSent(t, nodes)
	})
}

func TestExtendContextThatHasEnded(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient, redlatch.WithValue("value"))
		ctx, cause := ended()
		ok, err := m.ExtendContext(ctx)
		if ok {
			t.Error("got true")
		}
		wantEnd(t, "Extend", err, context.Canceled, cause, redlatch.ErrExtendFailed)
		if ok, err = m.ValidContext(ctx); ok {
			t.Error("Valid: got true")
		}
		wantEnd(t, "Valid", err, context.Canceled, cause)
		wantNothingSent(t, nodes)
	})
}

func TestUnlockContextThatHasEnded(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		ctx, cause := ended()
		if ok, err := m.UnlockContext(ctx); !ok { // a quorum may have been quicker than the look at ctx
			wantEnd(t, "Unlock", err, context.Canceled, cause)
		}
		nothingLeftForGood(t, nodes)
	})
}

func TestLockContextThatEndsWhileWaiting(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		all(t, nodes, command("SET", "lock", "another's"))
		for _, delay := range []time.Duration{0, time.Hour} { // it ends during a try, or between two
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			m := locker(t, nodes).NewMutex("lock", patient, redlatch.WithTries(1_000_000), redlatch.WithRetryDelay(delay))
			err := m.LockContext(ctx)
			cancel()
			wantEnd(t, "Lock", err, context.DeadlineExceeded, redlatch.ErrFailed)
		}
		held(t, nodes, "lock", "another's")
	})
}

// A lock that is released at the very moment when its waiter gives up is either
// the waiter's or free.
func TestLockContextThatEndsAtAnyTime(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		for i := range 100 {
			m := l.NewMutex("lock", brisk)
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				time.Sleep(time.Duration(i) * 10 * time.Microsecond) // from before Lock has begun until after its end
				cancel()
			}()
			if err := m.LockContext(ctx); err == nil {
				unlock(t, m)
			} else if !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want context.Canceled", err)
			}
			cancel()
			nothingLeft(t, nodes)
		}
	})
}

// wantEnd checks that err matches all of these.
func wantEnd(t *testing.T, call string, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("%s: %v does not match %q", call, err, target)
		}
	}
}

func wantNothingSent(t *testing.T, nodes []*servers.Server) {
	t.Helper()
	for i, s := range nodes {
		if sent := commands(t, s); len(sent) != 0 {
			t.Errorf("node #%d was sent %v, want nothing", i, sent)
		}
	}
}
