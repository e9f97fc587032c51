package redlatch_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
)

// R14: what an error says, and by which of its types it is found.
func TestErrorsTellWhatEachNodeSaid(t *testing.T) {
	inWorld(t, 5, func(w *world) {
		down := errors.New("nobody listens")
		w.take(1)
		w.faulty[2].Refuse(down)
		w.faulty[3].Refuse(down)
		w.faulty[0].Delay(0, time.Millisecond) // so that the refusals are heard
		w.faulty[4].Delay(0, time.Millisecond)
		err := w.locker.NewMutex(name).TryLock()
		const want = "redlatch: failed to acquire lock: node #1: lock already taken; node #2: nobody listens; node #3: nobody listens"
		if err.Error() != want {
			w.Errorf("got  %s\nwant %s", err, want)
		}
		w.wantErr(err, redlatch.ErrFailed, down)
		if errors.As(err, new(*redlatch.ErrTaken)) {
			w.Error("a lock that one of five nodes has is called taken")
		}
	})
}

func TestErrorsAreFoundAsPointersAndValues(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[0].Refuse(errors.New("nobody listens"))
		w.take(1)
		w.faulty[2].Delay(0, time.Millisecond)
		err := w.locker.NewMutex(name).TryLock()

		var nodeTaken redlatch.ErrNodeTaken
		var nodeTakenPointer *redlatch.ErrNodeTaken
		if !errors.As(err, &nodeTaken) || nodeTaken.Node != 1 || !errors.As(err, &nodeTakenPointer) || nodeTakenPointer.Node != 1 {
			w.Errorf("ErrNodeTaken of node 1 is not found in %v", err)
		}
		var failed redlatch.RedisError
		var failedPointer *redlatch.RedisError
		if !errors.As(err, &failed) || failed.Node != 0 || !errors.As(err, &failedPointer) || failedPointer.Node != 0 {
			w.Errorf("RedisError of node 0 is not found in %v", err)
		}

		w.faulty[0].Refuse(nil)
		synctest.Wait()
		w.take(0)
		err = w.locker.NewMutex(name).TryLock()
		var taken redlatch.ErrTaken
		var takenPointer *redlatch.ErrTaken
		if !errors.As(err, &taken) || len(taken.Nodes) != 2 || !errors.As(err, &takenPointer) || len(takenPointer.Nodes) != 2 {
			w.Errorf("ErrTaken of two nodes is not found in %v", err)
		}
		if got, want := err.Error(), "redlatch: lock already taken, locked nodes: [0 1]"; got != want {
			w.Errorf("got %q, want %q", got, want)
		}
	})
}

// An ErrTaken matches the failure that it is the reason of, and no other.
func TestErrTakenMatchesItsCall(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		held := w.lock()
		synctest.Wait()
		m := w.locker.NewMutex(name, redlatch.WithValue("not that of "+held.Value()))
		_, extend := m.Extend()
		w.wantErr(extend, redlatch.ErrExtendFailed)
		lock := m.TryLock()
		w.wantErr(lock, redlatch.ErrFailed)
		_, unlock := m.Unlock()
		if errors.Is(extend, redlatch.ErrFailed) || errors.Is(lock, redlatch.ErrExtendFailed) || errors.Is(unlock, redlatch.ErrFailed) {
			w.Error("an error matches a failure of another call")
		}
		if !isTaken(extend) || !isTaken(lock) || !isTaken(unlock) {
			w.Errorf("got %v, %v, %v, want *ErrTaken", extend, lock, unlock)
		}
	})
}

// A lock that has expired is called expired, on the nodes where it has.
func TestExpiredIsNotTaken(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		m := w.lock(redlatch.WithExpiry(time.Hour))
		synctest.Wait()
		w.nodes[0].Clear()
		w.nodes[1].Clear()
		w.faulty[2].Delay(0, time.Millisecond)
		_, err := m.Unlock()
		const want = "redlatch: failed to unlock: node #0: lock already expired; node #1: lock already expired"
		if err == nil || err.Error() != want {
			w.Errorf("got  %v\nwant %s", err, want)
		}
		w.wantErr(err, redlatch.ErrLockAlreadyExpired)
	})
}

// The end of the context is told, and what the nodes had said by then.
func TestErrorOfAContextThatEnds(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(0)
		w.faulty[1].Hang()
		w.faulty[2].Hang()
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := w.locker.NewMutex(name).LockContext(ctx)
		const want = "redlatch: failed to acquire lock: context deadline exceeded; node #0: lock already taken"
		if err.Error() != want {
			w.Errorf("got  %s\nwant %s", err, want)
		}
	})
	inWorld(t, 1, func(w *world) {
		w.faulty[0].Hang()
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := w.locker.NewMutex(name).LockContext(ctx)
		const want = "redlatch: failed to acquire lock: context deadline exceeded"
		if err.Error() != want {
			w.Errorf("got  %s\nwant %s", err, want)
		}
	})
}
