package redlatch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// R12: goroutines that share one Mutex exclude each other, and may ask it
// anything at any time.
func TestSharedMutex(t *testing.T) {
	for _, n := range []int{1, 3} {
		m := newLocker(n).NewMutex(name,
			redlatch.WithExpiry(time.Hour), redlatch.WithTries(1e6), redlatch.WithRetryDelay(10*time.Microsecond))
		contend(t, func(ctx context.Context, work func()) {
			if err := m.LockContext(ctx); err != nil {
				t.Error(err)
				return
			}
			work()
			m.Value()
			m.Until()
			if ok, err := m.Extend(); !ok {
				t.Error(err)
			}
			if ok, err := m.Unlock(); !ok {
				t.Error(err)
			}
		})
	}
}

// Goroutines that have a Mutex each do so, too.
func TestMutexEach(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		locker := newLocker(n)
		contend(t, func(ctx context.Context, work func()) {
			m := locker.NewMutex(name, redlatch.WithExpiry(time.Hour), redlatch.WithTries(1e6),
				redlatch.WithRetryDelayFunc(func(int) time.Duration { return rand.N(500 * time.Microsecond) }))
			if err := m.LockContext(ctx); err != nil {
				t.Error(err)
				return
			}
			work()
			if ok, err := m.Unlock(); !ok {
				t.Error(err)
			}
		})
	}
}

func newLocker(n int) *redlatch.Locker {
	var pools []pool.Pool
	for range n {
		pools = append(pools, memory.New())
	}
	return redlatch.New(pools...)
}

// contend has 8 goroutines enter 25 times each, and checks that no two are
// inside at once.
func contend(t *testing.T, enter func(ctx context.Context, work func())) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var inside, entered atomic.Int64
	unguarded := 0 // what the race detector watches
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 25 {
				enter(ctx, func() {
					if inside.Add(1) != 1 {
						t.Error("two are inside at once")
					}
					unguarded++
					entered.Add(1)
					inside.Add(-1)
				})
			}
		})
	}
	wait.Wait()
	if got := entered.Load(); got != 8*25 {
		t.Errorf("%d times inside, want %d", got, 8*25)
	}
}

// Every method at once, for the race detector: what is right to say differs.
func TestEverythingAtOnce(t *testing.T) {
	for _, n := range []int{1, 3} {
		m := newLocker(n).NewMutex(name, redlatch.WithTries(3), redlatch.WithRetryDelay(time.Microsecond), redlatch.WithSetNXOnExtend())
		var wait sync.WaitGroup
		for _, call := range []func(){
			func() { m.Lock() }, func() { m.TryLock() }, func() { m.Unlock() }, func() { m.Extend() },
			func() { m.Valid() }, func() { m.Value() }, func() { m.Until() }, func() { m.Name() },
		} {
			for range 2 {
				wait.Go(func() {
					for range 50 {
						call()
					}
				})
			}
		}
		wait.Wait()
	}
}

// R12: however many goroutines wait for a Mutex, whoever holds it extends and unlocks
// it in the time of one round.
func TestWaitersDoNotHoldUpTheHolder(t *testing.T) {
	for driver, wrap := range map[string]func(*testing.T, int, func(*world)){"": inWorld, "deaf": inDeafWorld} {
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s N=%d", driver, n), func(t *testing.T) {
				wrap(t, n, func(w *world) {
					for _, faulty := range w.faulty {
						faulty.Delay(10*time.Millisecond, 10*time.Millisecond)
					}
					m := w.lock()
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					for range 50 {
						go m.LockContext(ctx)
					}
					time.Sleep(time.Second)
					for range 10 {
						w.took(20*time.Millisecond, func() { w.wantTrue(m.Extend()) })
						w.took(20*time.Millisecond, func() { w.wantTrue(m.Valid()) })
					}
					w.took(20*time.Millisecond, func() { w.wantTrue(m.Unlock()) })
				})
			})
		}
	}
}
