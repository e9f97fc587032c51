package redlatch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

func TestContextEndsBefore(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		synctest.Wait()
		for i := range w.nodes {
			w.sent(i)
		}
		cause := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		w.wantErr(w.locker.NewMutex(name).LockContext(ctx), context.Canceled, cause, redlatch.ErrFailed)
		w.wantFalse(m.ExtendContext(ctx))(context.Canceled, cause, redlatch.ErrExtendFailed)
		w.wantFalse(m.ValidContext(ctx))(context.Canceled, cause)
		for i := range w.nodes {
			if got := w.sent(i); len(got) != 0 {
				w.Errorf("node %d was asked %v", i, got)
			}
		}
	})
}

func TestContextEndsWhileWaiting(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		w.lock(redlatch.WithExpiry(time.Hour))
		ctx, cancel := context.WithTimeout(context.Background(), 175*time.Millisecond)
		defer cancel()
		m := w.locker.NewMutex(name, redlatch.WithRetryDelay(50*time.Millisecond))
		w.took(175*time.Millisecond, func() {
			err := m.LockContext(ctx)
			w.wantErr(err, context.DeadlineExceeded, redlatch.ErrFailed)
			if !errors.As(err, new(*redlatch.ErrTaken)) {
				w.Errorf("%v: it does not say that the lock was taken", err)
			}
		})
	})
}

// Also if it ends just when a try is answered.
func TestContextEndsWithTheAnswer(t *testing.T) {
	for _, n := range []int{1, 3} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var pools []pool.Pool
		for range n {
			pools = append(pools, punctual(func(context.Context, pool.Request) (pool.Answer, error) {
				defer cancel()
				return pool.Answer{State: pool.Other}, nil
			}))
		}
		err := redlatch.New(pools...).NewMutex(name).LockContext(ctx)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, redlatch.ErrFailed) {
			t.Errorf("N=%d: got %v, want context.Canceled", n, err)
		}
	}
}

// The commands of a round have the caller's values, and not its end: what was
// sent is brought to its end.
func TestCommandsOutliveTheCaller(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "trace"))
	defer cancel()
	var pools []pool.Pool
	for range 3 {
		pools = append(pools, asker(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
			if ctx.Value(key{}) != "trace" || ctx.Done() != nil {
				t.Errorf("%v has a context with the value %v that can end: %v", req.Op, ctx.Value(key{}), ctx.Done() != nil)
			}
			return pool.Answer{State: pool.Yes}, nil
		}))
	}
	m := redlatch.New(pools...).NewMutex(name)
	if err := m.LockContext(ctx); err != nil {
		t.Error(err)
	}
	if ok, err := m.UnlockContext(ctx); !ok {
		t.Error(err)
	}
}
