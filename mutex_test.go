package redlatch_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

func TestLockAndUnlock(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.locker.NewMutex(name)
		if m.Name() != name || m.Value() != "" || !m.Until().IsZero() {
			w.Errorf("a new mutex has the name %q, the value %q, until %v", m.Name(), m.Value(), m.Until())
		}
		start := time.Now()
		if err := m.Lock(); err != nil {
			w.Fatal(err)
		}
		if len(m.Value()) != 24 {
			w.Errorf("the value is %q, want 24 characters", m.Value())
		}
		if got, want := m.Until(), start.Add(valid); !got.Equal(want) {
			w.Errorf("Until is %v after the start, want %v", got.Sub(start), valid)
		}
		value := m.Value()
		w.wantKeys(slices.Repeat([]string{value}, len(w.nodes))...)
		w.wantTrue(m.Valid())
		w.wantTrue(m.Unlock())
		w.wantNone()
		if m.Value() != value || m.Until() != start.Add(valid) {
			w.Error("Unlock has changed the value or until")
		}
	})
}

// R3: the key is named as the mutex, holds the value, and lives for the expiry.
func TestKey(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock(redlatch.WithExpiry(1500*time.Millisecond + 999*time.Microsecond))
		for i, node := range w.nodes {
			synctest.Wait()
			a, err := node.Ask(context.Background(), pool.Request{Op: pool.Look, Name: name, Value: m.Value()})
			if err != nil || a.State != pool.Yes || a.TTL != 1500*time.Millisecond {
				w.Errorf("node %d: %+v, %v", i, a, err)
			}
		}
		if got, want := time.Until(m.Until()), 1483*time.Millisecond; got != want {
			w.Errorf("it is valid for %v, want %v", got, want)
		}
	})
}

func TestTryLockTaken(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		first := w.lock()
		synctest.Wait()
		for i := range w.nodes {
			w.sent(i)
		}
		second := w.locker.NewMutex(name)
		err := second.TryLock()
		taken, ok := err.(*redlatch.ErrTaken)
		if !ok {
			w.Fatalf("got %T %v, want *ErrTaken", err, err)
		}
		if want := (len(w.nodes) + 1) / 2; len(taken.Nodes) < want {
			w.Errorf("%v were taken, want %d nodes", taken.Nodes, want)
		}
		w.wantErr(err, redlatch.ErrFailed)
		if second.Value() != "" || !second.Until().IsZero() {
			w.Error("the value or until of a lock that failed is set")
		}
		for i := range w.nodes { // what says taken has nothing of ours
			if got := w.sent(i); !slices.Equal(got, []pool.Op{pool.Acquire}) {
				w.Errorf("node %d was asked %v, want one acquire", i, got)
			}
		}
		w.wantTrue(first.Unlock())
		if err := second.TryLock(); err != nil {
			w.Error(err)
		}
	})
}

func TestLockWaits(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		first := w.lock()
		time.AfterFunc(time.Second, func() { w.wantTrue(first.Unlock()) })
		second := w.locker.NewMutex(name, redlatch.WithRetryDelay(70*time.Millisecond))
		w.took(time.Second, func() {
			if err := second.Lock(); err != nil {
				w.Error(err)
			}
		})
		w.wantTrue(second.Valid())
	})
}

// A holder that is never heard of again costs no more than the expiry.
func TestLockAfterExpiry(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		w.lock(redlatch.WithExpiry(time.Second))
		second := w.locker.NewMutex(name, redlatch.WithRetryDelay(100*time.Millisecond))
		w.took(time.Second, func() {
			if err := second.Lock(); err != nil {
				w.Error(err)
			}
		})
	})
}

func TestLockGivesUp(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		w.lock(redlatch.WithExpiry(time.Hour))
		var tries []int
		m := w.locker.NewMutex(name, redlatch.WithTries(4), redlatch.WithRetryDelayFunc(func(n int) time.Duration {
			tries = append(tries, n)
			return time.Duration(n) * time.Second
		}))
		for i := range w.nodes {
			w.sent(i)
		}
		w.took(6*time.Second, func() {
			if err := m.Lock(); !errors.As(err, new(*redlatch.ErrTaken)) {
				w.Errorf("got %v, want *ErrTaken", err)
			}
		})
		if want := []int{1, 2, 3}; !slices.Equal(tries, want) {
			w.Errorf("the delay function was called with %v, want %v", tries, want)
		}
		for i := range w.nodes { // with what it takes to join the line, to be told, and to leave
			got := w.sent(i)
			if n := len(got) - 1; n < 4 || n > 4+2+len(w.nodes) || !slices.Equal(got, append(slices.Repeat([]pool.Op{pool.Acquire}, n), pool.Release)) {
				w.Errorf("node %d was asked %v", i, got)
			}
		}
	})
}

// The first try is the plain command that usually wins; a waiter stands in line.
func TestOnlyRetriesWait(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.take(0)
		w.locker.NewMutex(name, redlatch.WithTries(3)).Lock()
		for i, req := range w.faulty[0].Requests() {
			if req.Op == pool.Acquire && req.Wait != (i > 0) {
				w.Errorf("request %d: it stands in line: %v", i, req.Wait)
			}
		}
	})
}

// With the default delays a Lock gives up after 31 of 50 to 250 ms.
func TestDefaultDelays(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.take(0)
		m := w.locker.NewMutex(name)
		start := time.Now()
		w.wantErr(m.Lock(), redlatch.ErrFailed)
		if took := time.Since(start); took < 31*50*time.Millisecond || took > 31*250*time.Millisecond {
			w.Errorf("31 delays took %v", took)
		}
		// It is told if the lock is handed to it, and looks four times a second whether that was
		// given back by somebody who tells nobody.
		if got := len(w.sent(0)); got < 32/2 || got > 32 {
			w.Errorf("%d requests in %v", got, time.Since(start))
		}
	})
}

func TestRelockWaitsForItself(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock(redlatch.WithExpiry(2*time.Second), redlatch.WithRetryDelay(100*time.Millisecond))
		value := m.Value()
		if err := m.TryLock(); !errors.As(err, new(*redlatch.ErrTaken)) {
			w.Errorf("got %v, want *ErrTaken", err)
		}
		if m.Value() != value {
			w.Error("a TryLock that failed has changed the value")
		}
		w.took(2*time.Second, func() {
			if err := m.Lock(); err != nil {
				w.Error(err)
			}
		})
		if m.Value() == value {
			w.Error("the second lock has the value of the first")
		}
		w.wantTrue(m.Unlock())
		w.wantNone()
	})
}

func TestUnlockOfNothing(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.locker.NewMutex(name)
		w.wantFalse(m.Unlock())(redlatch.ErrNotLocked)
		w.wantFalse(m.Extend())(redlatch.ErrNotLocked, redlatch.ErrExtendFailed)
		w.wantFalse(m.Valid())(redlatch.ErrNotLocked)
		for i := range w.nodes {
			if got := w.sent(i); len(got) != 0 {
				w.Errorf("node %d was asked %v", i, got)
			}
		}
	})
}

func TestUnlockTwice(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		w.wantTrue(m.Unlock())
		w.wantFalse(m.Unlock())(redlatch.ErrLockAlreadyExpired)
		w.wantFalse(m.Valid())(redlatch.ErrLockAlreadyExpired)
		w.wantFalse(m.Extend())(redlatch.ErrNotLocked)
		w.wantNone()
	})
}

func TestExpired(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		time.Sleep(expiry)
		w.wantFalse(m.Valid())(redlatch.ErrLockAlreadyExpired)
		w.wantFalse(m.Extend())(redlatch.ErrLockAlreadyExpired)
		ok, err := m.Unlock()
		w.wantFalse(ok, err)(redlatch.ErrLockAlreadyExpired)
		if errors.As(err, new(*redlatch.ErrTaken)) || errors.As(err, new(*redlatch.ErrNodeTaken)) {
			w.Errorf("%v: a lock that has expired is called taken", err)
		}
	})
}

func TestAnothers(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock(redlatch.WithExpiry(time.Hour))
		synctest.Wait()
		for i, node := range w.nodes {
			node.Clear()
			w.take(i)
		}
		for what, call := range map[string]func() (bool, error){"Unlock": m.Unlock, "Extend": m.Extend, "Valid": m.Valid} {
			if what == "Unlock" {
				continue // last, since nothing can be extended after it
			}
			if ok, err := call(); ok || !isTaken(err) {
				w.Errorf("%s: %v, %T %v, want *ErrTaken", what, ok, err, err)
			}
		}
		if ok, err := m.Unlock(); ok || !isTaken(err) {
			w.Errorf("Unlock: %v, %T %v, want *ErrTaken", ok, err, err)
		}
		w.wantKeys(slices.Repeat([]string{"another"}, len(w.nodes))...)
	})
}

func isTaken(err error) bool {
	_, ok := err.(*redlatch.ErrTaken)
	return ok
}

func TestHandOver(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		first := w.lock()
		second := w.locker.NewMutex(name, redlatch.WithValue(first.Value()))
		if second.Value() != first.Value() || !second.Until().IsZero() {
			w.Errorf("it has the value %q, until %v", second.Value(), second.Until())
		}
		w.wantTrue(second.Valid())
		time.Sleep(time.Second)
		w.wantTrue(second.Extend())
		if got := time.Until(second.Until()); got != valid {
			w.Errorf("it is valid for %v, want %v", got, valid)
		}
		w.wantTrue(second.Unlock())
		w.wantNone()
		third := w.locker.NewMutex(name, redlatch.WithValue("something else"))
		w.wantFalse(third.Unlock())(redlatch.ErrLockAlreadyExpired)
		if err := third.Lock(); err != nil || third.Value() == "something else" {
			w.Errorf("Lock: %v, with the value %q", err, third.Value())
		}
	})
}

func TestGeneratorFails(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		broken := errors.New("no more entropy")
		m := w.locker.NewMutex(name, redlatch.WithGenValueFunc(func() (string, error) { return "", broken }))
		w.took(0, func() { w.wantErr(m.Lock(), broken, redlatch.ErrFailed) })
		m = w.locker.NewMutex(name, redlatch.WithGenValueFunc(func() (string, error) { return "", nil }))
		w.took(0, func() { w.wantErr(m.Lock(), redlatch.ErrConfig, redlatch.ErrFailed) })
		for i := range w.nodes {
			if got := w.sent(i); len(got) != 0 {
				w.Errorf("node %d was asked %v", i, got)
			}
		}
	})
}

func TestNilContext(t *testing.T) {
	m := redlatch.New(memory.New()).NewMutex(name)
	var none context.Context
	if err := m.LockContext(none); err != nil {
		t.Error(err)
	}
	if ok, err := m.ExtendContext(none); !ok {
		t.Error(err)
	}
	if ok, err := m.ValidContext(none); !ok {
		t.Error(err)
	}
	if ok, err := m.UnlockContext(none); !ok {
		t.Error(err)
	}
	if err := m.TryLockContext(none); err != nil {
		t.Error(err)
	}
}

func TestShufflePoolsKeepsTheirNumbers(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(1)
		w.faulty[2].Refuse(errors.New("nobody listens"))
		for range 20 {
			err := w.locker.NewMutex(name, redlatch.WithShufflePools(true)).TryLock()
			var taken redlatch.ErrNodeTaken
			var refused redlatch.RedisError
			if !errors.As(err, &taken) || taken.Node != 1 || !errors.As(err, &refused) || refused.Node != 2 {
				w.Errorf("got %v, want node 1 taken and node 2 refused", err)
			}
		}
	})
}

// The uncontended path of one node has no goroutine, no channel, no timer, and
// two allocations: the Mutex and its value.
func TestOneNodeAllocations(t *testing.T) {
	locker := redlatch.New(memory.New())
	allocations := testing.AllocsPerRun(100, func() {
		m := locker.NewMutex(name)
		if err := m.Lock(); err != nil {
			t.Fatal(err)
		}
		if ok, err := m.Unlock(); !ok {
			t.Fatal(err)
		}
	})
	if allocations > 3 { // one is the race detector's
		t.Errorf("%v allocations, want 2", allocations)
	}
}
