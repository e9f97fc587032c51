package redlatch_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// A driver that says at once that there is no answer is not asked in a frenzy.
func TestProbesAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		hasty := asker(func(context.Context, pool.Request) (pool.Answer, error) {
			asked.Add(1)
			return pool.Answer{}, pool.NoAnswer(0)
		})
		m := redlatch.New(memory.New(), memory.New(), hasty).NewMutex(name)
		if err := m.Lock(); err != nil {
			t.Error(err)
		}
		for range 100 { // calls do not hasten the probes
			m.Valid()
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if got := asked.Load(); got < 20 || got > 60 {
			t.Errorf("it was asked %d times, want some", got)
		}
	})
}

// R9: with a minority hung, every call takes what it takes with all nodes well.
func TestMinorityHung(t *testing.T) {
	minority(t, (*pooltest.Faulty).Hang)
}

func TestMinorityRefuses(t *testing.T) {
	minority(t, func(f *pooltest.Faulty) { f.Refuse(errors.New("nobody listens")) })
}

func TestMinorityLosesReplies(t *testing.T) {
	minority(t, func(f *pooltest.Faulty) { f.LoseReplies(1 << 30) })
}

func TestMinorityAnswersLate(t *testing.T) {
	minority(t, func(f *pooltest.Faulty) { f.Delay(0, time.Hour) })
}

func minority(t *testing.T, fault func(*pooltest.Faulty)) {
	for _, driver := range []struct {
		name  string
		world func(*testing.T, int, func(*world))
	}{{"", inWorld}, {"deaf ", inDeafWorld}} {
		for _, n := range []int{3, 5} {
			for _, when := range []string{"before Lock", "before Extend", "before Unlock"} {
				t.Run(driver.name+when, func(t *testing.T) {
					driver.world(t, n, func(w *world) {
						break_ := func(now string) {
							synctest.Wait()
							if now == when {
								for _, faulty := range w.faulty[:n/2] {
									fault(faulty)
								}
							}
						}
						break_("before Lock")
						m := w.locker.NewMutex(name)
						w.took(0, func() {
							if err := m.Lock(); err != nil {
								w.Error(err)
							}
						})
						break_("before Extend")
						w.took(0, func() { w.wantTrue(m.Extend()) })
						w.took(0, func() { w.wantTrue(m.Valid()) })
						break_("before Unlock")
						w.took(0, func() { w.wantTrue(m.Unlock()) })
					})
				})
			}
		}
	}
}

// R9: a node that hangs is asked by one command at a time, that changes nothing,
// for as long as it hangs; neither goroutines nor keys pile up.
func TestHungNodeIsProbed(t *testing.T) {
	for driver, wrap := range map[string]func(*testing.T, int, func(*world)){"": inWorld, "deaf": inDeafWorld} {
		t.Run(driver, func(t *testing.T) {
			wrap(t, 3, func(w *world) {
				w.faulty[2].Hang()
				w.wantTrue(w.lock().Unlock())
				time.Sleep(timeout + 1)
				synctest.Wait()
				w.faulty[2].Forget()
				before := runtime.NumGoroutine()
				start := time.Now()
				for range 500 {
					m := w.lock()
					w.wantTrue(m.Extend())
					w.wantTrue(m.Unlock())
					time.Sleep(10 * time.Millisecond)
				}
				synctest.Wait()
				w.wantGoroutines(before + 2)
				asked := w.faulty[2].Requests()
				for _, req := range asked {
					if req.Op != pool.Look {
						w.Errorf("the node was asked to %v", req.Op)
					}
				}
				if most := int(time.Since(start)/timeout) + 2; len(asked) > most {
					w.Errorf("the node was asked %d times in %v, want at most %d", len(asked), time.Since(start), most)
				}
				w.faulty[2].Thaw()
				time.Sleep(2 * time.Second)
				w.wantNone()
				m := w.lock() // and it takes part again
				w.wantKeys(m.Value(), m.Value(), m.Value())
			})
		})
	}
}

// R9: before it is known not to answer, little is sent to a node that is late.
func TestLateNodeIsSpared(t *testing.T) {
	for driver, wrap := range map[string]func(*testing.T, int, func(*world)){"": inWorld, "deaf": inDeafWorld} {
		t.Run(driver, func(t *testing.T) {
			wrap(t, 3, func(w *world) {
				w.faulty[2].Hang()
				w.faulty[0].Delay(0, time.Millisecond)
				w.faulty[1].Delay(0, time.Millisecond)
				before := runtime.NumGoroutine()
				for range 500 {
					m := w.lock()
					w.wantTrue(m.Extend())
					w.wantTrue(m.Unlock())
					w.wantGoroutines(before + 16)
				}
				acquires := 0
				for _, op := range w.sent(2) {
					if op == pool.Acquire {
						acquires++
					}
				}
				if acquires > 10 {
					w.Errorf("the node was asked to acquire %d times", acquires)
				}
				w.faulty[2].Thaw()
				time.Sleep(3 * time.Second)
				w.wantNone()
			})
		})
	}
}

// But not if the others could not decide without it.
func TestLateMajorityIsAsked(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, faulty := range w.faulty[:2] {
			faulty.Delay(0, 50*time.Millisecond)
		}
		for range 10 {
			go w.locker.NewMutex("other").TryLock()
		}
		time.Sleep(20 * time.Millisecond)
		w.took(50*time.Millisecond, func() { w.lock() })
	})
}

// And a node that always takes longer is not late when it does.
func TestFarNodeIsNotLate(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[2].Delay(10*time.Millisecond, 10*time.Millisecond)
		for range 20 {
			w.wantTrue(w.lock().Unlock())
			time.Sleep(100 * time.Millisecond)
		}
		w.sent(2)
		for i := range 20 {
			w.must(w.locker.NewMutex(string(rune('a' + i))).Lock())
			time.Sleep(2 * time.Millisecond)
		}
		if got := len(w.sent(2)); got != 20 {
			w.Errorf("it was asked %d times, want 20", got)
		}
	})
}

// A command that a driver never comes back from says nothing of the node for ever.
func TestStuckCommandIsForgotten(t *testing.T) {
	inDeafWorld(t, 3, func(w *world) {
		w.faulty[2].LoseReplies(1)
		w.lock(redlatch.WithExpiry(time.Second))
		time.Sleep(10 * time.Second)
		m := w.lock()
		w.wantKeys(m.Value(), m.Value(), m.Value())
	})
}

// R9: what nobody has wanted from a hung node for a while is forgotten: it is
// asked like any other, without a probe first.
func TestSilenceIsForgotten(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[2].Hang()
		w.lock(redlatch.WithExpiry(time.Second))
		time.Sleep(5 * time.Second)
		w.sent(2)
		time.Sleep(5 * time.Second)
		if got := w.sent(2); len(got) != 0 {
			w.Errorf("the node is still asked %v, though nobody wants to know", got)
		}
		w.faulty[2].Thaw()
		time.Sleep(10 * time.Second)
		w.faulty[2].Forget()
		m := w.lock()
		w.wantKeys(m.Value(), m.Value(), m.Value())
		if got := w.sent(2); len(got) != 1 || got[0] != pool.Acquire {
			w.Errorf("the node was asked %v, want one acquire", got)
		}
	})
}

// R9: with a majority hung, calls fail, and no later than the node timeout.
func TestMajorityHung(t *testing.T) {
	for driver, wrap := range map[string]func(*testing.T, int, func(*world)){"": inWorld, "deaf": inDeafWorld} {
		t.Run(driver, func(t *testing.T) {
			for _, n := range []int{1, 3, 5} {
				wrap(t, n, func(w *world) {
					m := w.lock(redlatch.WithExpiry(time.Minute), redlatch.WithTimeoutFactor(0.01))
					synctest.Wait()
					for _, faulty := range w.faulty[n/2:] {
						faulty.Hang()
					}
					const timeout = 600 * time.Millisecond
					w.took(timeout, func() { w.wantFalse(m.Extend())(pool.ErrNoAnswer, redlatch.ErrExtendFailed) })
					for range 5 { // now that it is known, at once or by the same bound
						start := time.Now()
						w.wantFalse(m.Extend())(pool.ErrNoAnswer)
						w.wantFalse(m.Valid())(pool.ErrNoAnswer)
						w.wantErr(w.locker.NewMutex("other", redlatch.WithTimeoutFactor(0.05)).TryLock(), pool.ErrNoAnswer)
						if got, most := time.Since(start), 2*timeout+400*time.Millisecond; got > most {
							w.Errorf("three calls took %v, want at most %v", got, most)
						}
					}
					ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
					defer cancel()
					start := time.Now()
					w.wantFalse(m.UnlockContext(ctx))()
					if got := time.Since(start); got > 50*time.Millisecond {
						w.Errorf("UnlockContext took %v, want at most the context's 50ms", got)
					}
					for _, faulty := range w.faulty {
						faulty.Thaw()
					}
					time.Sleep(3 * time.Second)
					w.wantNone()
				})
			}
		})
	}
}

// R9 at N = 1: the earlier of the context and the node timeout.
func TestOneNodeHung(t *testing.T) {
	for driver, wrap := range map[string]func(*testing.T, int, func(*world)){"": inWorld, "deaf": inDeafWorld} {
		t.Run(driver, func(t *testing.T) {
			wrap(t, 1, func(w *world) {
				m := w.lock()
				w.faulty[0].Hang()
				calls := []func(context.Context) error{
					func(ctx context.Context) error { _, err := m.ExtendContext(ctx); return err },
					func(ctx context.Context) error { _, err := m.ValidContext(ctx); return err },
					func(ctx context.Context) error { return w.locker.NewMutex("other").TryLockContext(ctx) },
					func(ctx context.Context) error { _, err := m.UnlockContext(ctx); return err },
				}
				for _, call := range calls {
					start := time.Now()
					w.wantErr(call(context.Background()))
					if got := time.Since(start); got > timeout {
						w.Errorf("it took %v, want at most the node timeout of %v", got, timeout)
					}
				}
				for _, call := range calls {
					ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
					start := time.Now()
					w.wantErr(call(ctx))
					if got := time.Since(start); got > 30*time.Millisecond {
						w.Errorf("it took %v, want at most the context's 30ms", got)
					}
					cancel()
				}
			})
		})
	}
}

// The node timeout, where it was not asked for, leaves room for a round trip.
func TestNodeTimeout(t *testing.T) {
	for _, test := range []struct {
		want    time.Duration
		options []redlatch.Option
	}{
		{400 * time.Millisecond, nil},
		{50 * time.Millisecond, []redlatch.Option{redlatch.WithExpiry(time.Second)}},
		{50 * time.Millisecond, []redlatch.Option{redlatch.WithExpiry(100 * time.Millisecond)}},
		{5 * time.Millisecond, []redlatch.Option{redlatch.WithExpiry(10 * time.Millisecond)}},
		{3 * time.Second, []redlatch.Option{redlatch.WithExpiry(time.Minute)}},
		{5 * time.Millisecond, []redlatch.Option{redlatch.WithExpiry(100 * time.Millisecond), redlatch.WithTimeoutFactor(0.05)}},
		{time.Second, []redlatch.Option{redlatch.WithExpiry(2 * time.Second), redlatch.WithTimeoutFactor(0.5)}},
	} {
		inWorlds(t, []int{1, 3}, func(w *world) {
			for _, faulty := range w.faulty {
				faulty.Hang()
			}
			m := w.locker.NewMutex(name, append(test.options, redlatch.WithTries(1))...)
			start := time.Now()
			w.wantErr(m.Lock(), pool.ErrNoAnswer)
			if got := time.Since(start); got < test.want || got > test.want+5*time.Millisecond {
				w.Errorf("it took %v, want %v", got, test.want)
			}
		})
	}
}

// It is the whole of the longest expiry, if that is asked for.
func TestNodeTimeoutOfTheLongestExpiry(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		w.lock(redlatch.WithExpiry(math.MaxInt64), redlatch.WithTimeoutFactor(1))
		synctest.Wait()
		if got := w.faulty[0].Requests()[0].Timeout; got != math.MaxInt64 {
			w.Errorf("got %v, want %v", got, time.Duration(math.MaxInt64))
		}
	})
}

// Commands of one mutex to one node wait for each other. One that has waited for
// the node timeout is not sent; the others get the whole of it, so that a node is
// not thought ill of for a line in front of it.
func TestWaitingInLineCounts(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		m := w.lock()
		synctest.Wait()
		for i, faulty := range w.faulty {
			faulty.Delay(0, 150*time.Millisecond)
			w.sent(i)
		}
		for range 4 {
			go m.Valid()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		for i, faulty := range w.faulty {
			asked := faulty.Requests()
			if len(asked) != 3 {
				w.Errorf("node %d was asked %d times, want 3", i, len(asked))
			}
			for _, req := range asked {
				if req.Timeout != timeout {
					w.Errorf("%v has the timeout %v, want %v", req.Op, req.Timeout, timeout)
				}
			}
		}
	})
}

// A pool that answers nothing at all is a failure, not a vote.
func TestAnswerWithoutAState(t *testing.T) {
	for _, n := range []int{1, 3} {
		pools := []pool.Pool{mute{}}
		for range n - 1 {
			pools = append(pools, memory.New())
		}
		err := redlatch.New(pools...).NewMutex(name).TryLock()
		if n == 1 && !errors.As(err, new(*redlatch.RedisError)) || n == 3 && err != nil {
			t.Errorf("N=%d: got %v", n, err)
		}
	}
}

type mute struct{}

func (mute) Ask(context.Context, pool.Request) (pool.Answer, error) { return pool.Answer{}, nil }

// A node that is the only one is asked again, however long it has not answered.
func TestOneNodeIsAskedAgain(t *testing.T) {
	for driver, wrap := range map[string]func(*testing.T, int, func(*world)){"": inWorld, "deaf": inDeafWorld} {
		t.Run(driver, func(t *testing.T) {
			wrap(t, 1, func(w *world) {
				w.faulty[0].Hang()
				w.took(2*timeout, func() {
					for range 2 {
						w.wantErr(w.locker.NewMutex("other").TryLock(), pool.ErrNoAnswer)
					}
				})
				time.AfterFunc(timeout/2, w.faulty[0].Thaw)
				w.took(timeout/2, func() { w.lock(redlatch.WithTries(1)) })
			})
		})
	}
}

// But not if that leaves more and more behind.
func TestOneDeafNodeHungForLong(t *testing.T) {
	inDeafWorld(t, 1, func(w *world) {
		before := runtime.NumGoroutine()
		w.faulty[0].Hang()
		for range 100 {
			w.wantErr(w.locker.NewMutex(name).TryLock(), pool.ErrNoAnswer)
			w.wantGoroutines(before + 40)
		}
		w.faulty[0].Thaw()
		time.Sleep(3 * time.Second)
		w.wantNone()
		w.took(0, func() { w.wantTrue(w.lock().Unlock()) })
	})
}
