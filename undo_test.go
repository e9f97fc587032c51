package redlatch_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// R7: a release never overtakes the acquire that it undoes, however late that
// one arrives.
func TestReleaseDoesNotOvertakeAcquire(t *testing.T) {
	inWorlds(t, []int{3, 5}, func(w *world) {
		w.faulty[0].Delay(200*time.Millisecond, 0)
		m := w.lock()
		synctest.Wait()
		w.faulty[0].Delay(0, 0)
		w.wantTrue(m.Unlock())
		time.Sleep(timeout)
		w.wantNone()
	})
}

// R8: a node that hung when the lock was acquired, and does that after it was found to
// lack the key, and before it is given it. It refuses the key, by the key.
func TestTopUpIsRefusedByItsOwnKey(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[0].Hang()
		m := w.lock()
		time.Sleep(3 * time.Second) // it is asked again, like any other
		w.wantTrue(m.Extend())
		w.faulty[0].Thaw() // the latest first
		synctest.Wait()
		w.wantKeys(m.Value(), m.Value(), m.Value())
		w.wantTrue(m.Unlock())
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// R7: and no extension is overtaken by a release.
func TestReleaseDoesNotOvertakeTopUp(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[0].Refuse(errors.New("nobody listens"))
		m := w.lock()
		synctest.Wait()
		w.faulty[0].Refuse(nil)
		w.faulty[0].Delay(100*time.Millisecond, 100*time.Millisecond)
		w.wantTrue(m.Extend())
		synctest.Wait()
		w.faulty[0].Delay(0, 0)
		w.wantTrue(m.Unlock())
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// R8: a Lock that failed leaves nothing on the nodes that said yes.
func TestFailedLockLeavesNothing(t *testing.T) {
	inWorld(t, 5, func(w *world) {
		w.take(1, 2, 3)
		w.wantErr(w.locker.NewMutex(name).TryLock(), redlatch.ErrFailed)
		w.wantKeys("", "another", "another", "another", "")
	})
}

// R8: neither does one that was cancelled, on whatever node: one that said yes,
// one that said no, one that hung and does what it was asked when it is back.
func TestCancelledLockLeavesNothing(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(1)
		w.faulty[2].Hang()
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(100*time.Millisecond, cancel)
		m := w.locker.NewMutex(name)
		w.took(100*time.Millisecond, func() {
			w.wantErr(m.LockContext(ctx), context.Canceled, redlatch.ErrFailed)
		})
		w.wantKeys("", "another", "")
		time.Sleep(2 * time.Second)
		w.faulty[2].Thaw()
		time.Sleep(2 * time.Second)
		w.wantKeys("", "another", "")
	})
}

// R8: a node that is asked and hangs has its key released once it is back, even
// if the release could be served before the acquire.
func TestHungNodeIsUndone(t *testing.T) {
	// The longest are longer than a key lasts: but what a node is asked while it hangs
	// lasts from when it is back.
	for _, hang := range []time.Duration{time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 7 * time.Second, 12 * time.Second, time.Minute} {
		t.Run(hang.String(), func(t *testing.T) {
			inWorlds(t, everySize, func(w *world) {
				for _, faulty := range w.faulty {
					faulty.Hang()
				}
				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				defer cancel()
				start := time.Now()
				err := w.locker.NewMutex(name, redlatch.WithTries(1)).LockContext(ctx)
				w.wantErr(err, context.DeadlineExceeded, redlatch.ErrFailed)
				if got := time.Since(start); got != 300*time.Millisecond {
					w.Errorf("it took %v, want the context's 300ms", got)
				}
				time.Sleep(hang)
				for _, faulty := range w.faulty {
					faulty.Thaw()
				}
				time.Sleep(time.Second)
				w.wantNone()
			})
		})
	}
}

// R8: all of what it was asked, however much that is.
func TestHungNodeIsUndoneOfMany(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.Hang()
		}
		var group sync.WaitGroup
		for i := range 60 {
			group.Go(func() {
				w.wantErr(w.locker.NewMutex(fmt.Sprint(name, i)).TryLock(), pool.ErrNoAnswer)
			})
		}
		group.Wait()
		time.Sleep(30 * time.Second)
		for _, faulty := range w.faulty {
			faulty.Thaw()
		}
		time.Sleep(time.Second)
		for i, node := range w.nodes {
			if keys := node.Keys(); len(keys) > 0 {
				w.Errorf("node %d has %d keys left", i, len(keys))
			}
		}
	})
}

// A node that stays away is given up, with what it may still have.
func TestUndoOfAHungNodeEnds(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.Hang()
		}
		w.wantErr(w.locker.NewMutex(name).TryLock(), pool.ErrNoAnswer)
		time.Sleep(time.Minute + expiry + time.Second)
		for i := range w.nodes {
			w.sent(i)
		}
		time.Sleep(time.Minute)
		for i := range w.nodes {
			if got := w.sent(i); len(got) != 0 {
				w.Errorf("node %d is still asked %v", i, got)
			}
		}
	})
}

// R8: a release on the only node may overtake the acquire that it undoes. It is repeated
// soon.
func TestReleaseThatOvertakesIsRepeatedSoon(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		w.faulty[0].Delay(3*time.Millisecond, 0)
		result := make(chan error)
		go func() { result <- w.locker.NewMutex(name).LockContext(ctx) }()
		synctest.Wait()
		w.faulty[0].Delay(0, 0) // the acquire is under way
		w.wantErr(<-result, context.DeadlineExceeded)
		time.Sleep(3 * time.Millisecond)
		if w.nodes[0].Keys()[name] == "" {
			w.Error("the acquire has not arrived")
		}
		time.Sleep(7 * time.Millisecond)
		w.wantNone()
	})
}

// R8: the same for a Lock that ran into the node timeout.
func TestNodeTimeoutIsUndone(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.Hang()
		}
		w.took(timeout, func() {
			err := w.locker.NewMutex(name).TryLock()
			w.wantErr(err, pool.ErrNoAnswer, redlatch.ErrFailed)
			if errors.Is(err, context.DeadlineExceeded) {
				w.Errorf("%v: but no context has ended", err)
			}
		})
		time.Sleep(2 * time.Second)
		for _, faulty := range w.faulty {
			faulty.Thaw()
		}
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// R8: an acquire that arrives after it was given up, and after its release, is
// released again.
func TestAcquireThatArrivesLate(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for i := range w.nodes[1:] {
			w.take(i + 1)
		}
		w.faulty[0].Delay(timeout+200*time.Millisecond, 0)
		w.wantErr(w.locker.NewMutex(name).TryLock(), redlatch.ErrFailed)
		synctest.Wait()
		w.faulty[0].Delay(0, 0)
		time.Sleep(2 * time.Second)
		if got := w.nodes[0].Keys()[name]; got != "" {
			w.Errorf("node 0 has the key %q", got)
		}
	})
}

// R8: so is one whose connection broke.
func TestAcquireOnABrokenConnection(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for i := range w.nodes[1:] {
			w.take(i + 1)
		}
		w.faulty[0].Delay(200*time.Millisecond, 0)
		w.faulty[0].Break(1)
		w.wantErr(w.locker.NewMutex(name).TryLock(), redlatch.ErrFailed)
		synctest.Wait()
		w.faulty[0].Delay(0, 0)
		time.Sleep(2 * time.Second)
		if got := w.nodes[0].Keys()[name]; got != "" {
			w.Errorf("node 0 has the key %q", got)
		}
	})
}

// R7, R8: a driver that cannot be interrupted brings the acquire's answer in the
// end, and the release follows then, however long that took.
func TestDeafDriverIsUndoneInTheEnd(t *testing.T) {
	inDeafWorld(t, 3, func(w *world) {
		w.faulty[0].Hang()
		m := w.lock()
		time.Sleep(time.Second) // the node is known not to answer
		w.wantTrue(m.Unlock())
		w.wantTrue(w.lock().Unlock())
		time.Sleep(time.Minute)
		w.faulty[0].Thaw()
		w.wantNone()
	})
}

// R8: where nothing was sent, nothing is to be undone.
func TestNothingSentNothingUndone(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.Refuse(errors.New("nobody listens"))
		}
		w.wantErr(w.locker.NewMutex(name).TryLock(), redlatch.ErrFailed)
		time.Sleep(time.Minute)
		for i := range w.nodes {
			if got := w.sent(i); len(got) != 1 {
				w.Errorf("node %d was asked %v, want one acquire", i, got)
			}
		}
	})
}

// R8: a refusal in the server's words is undone once, since a proxy may say so of
// what its server did.
func TestServerErrorIsUndoneOnce(t *testing.T) {
	for _, n := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var releases atomic.Int64
			var pools []pool.Pool
			for range n {
				pools = append(pools, punctual(func(_ context.Context, req pool.Request) (pool.Answer, error) {
					if req.Op == pool.Acquire {
						return pool.Answer{}, &pool.ServerError{Message: "upstream failure"}
					}
					releases.Add(1)
					return pool.Answer{State: pool.Absent}, nil
				}))
			}
			err := redlatch.New(pools...).NewMutex(name).TryLock()
			var refusal *pool.ServerError
			if !errors.As(err, &refusal) || refusal.Message != "upstream failure" {
				t.Errorf("N=%d: got %v", n, err)
			}
			time.Sleep(time.Minute)
			if got := releases.Load(); got != int64(n) {
				t.Errorf("N=%d: %d releases, want one for each node", n, got)
			}
		})
	}
}

// R8: a server that refuses a release for a while is asked again.
func TestRefusedReleaseIsRepeated(t *testing.T) {
	for _, n := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var busy atomic.Bool
			var nodes []*memory.Node
			var pools []pool.Pool
			for range n {
				node := memory.New()
				nodes = append(nodes, node)
				pools = append(pools, punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
					if busy.Load() {
						return pool.Answer{}, &pool.ServerError{Message: "BUSY"}
					}
					return node.Ask(ctx, req)
				}))
			}
			m := redlatch.New(pools...).NewMutex(name)
			if err := m.Lock(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			busy.Store(true)
			if ok, err := m.Unlock(); ok || !errors.As(err, new(*pool.ServerError)) {
				t.Errorf("N=%d: got %v, %v, want the server's words", n, ok, err)
			}
			time.Sleep(3 * time.Second)
			busy.Store(false)
			time.Sleep(time.Second)
			for i, node := range nodes {
				if len(node.Keys()) != 0 {
					t.Errorf("N=%d: node %d has its key yet", n, i)
				}
			}
			time.Sleep(time.Minute)
		})
	}
}

// What cannot be released is left to expire, and no goroutine goes on with it.
func TestUndoEnds(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		synctest.Wait()
		for _, faulty := range w.faulty {
			faulty.Refuse(errors.New("nobody listens"))
		}
		w.wantFalse(m.Unlock())()
		time.Sleep(expiry + time.Second)
		for i := range w.nodes {
			if got := len(w.sent(i)); got < 5 || got > 20 {
				w.Errorf("node %d was asked %d times, want some", i, got)
			}
		}
		time.Sleep(time.Minute)
		for i := range w.nodes {
			if got := w.sent(i); len(got) != 0 {
				w.Errorf("node %d is still asked %v", i, got)
			}
		}
	})
}

// A try that failed does not wait for nodes that are much slower than the rest.
func TestUndoIsNotWaitedForLong(t *testing.T) {
	for fault, inject := range map[string]func(*pooltest.Faulty){
		"slow": func(f *pooltest.Faulty) { f.Delay(0, 300*time.Millisecond) },
		"hung": (*pooltest.Faulty).Hang,
	} {
		t.Run(fault, func(t *testing.T) {
			inWorld(t, 3, func(w *world) {
				w.take(1, 2)
				inject(w.faulty[0])
				w.took(20*time.Millisecond, func() { w.wantErr(w.locker.NewMutex(name).TryLock(), redlatch.ErrFailed) })
			})
		})
	}
}

// R8: an acquire whose reply was lost is undone like one that said yes.
func TestLostReplyIsUndone(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.LoseReplies(1)
		}
		w.wantErr(w.locker.NewMutex(name).TryLock(), redlatch.ErrFailed)
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// R8: and so is one of the longest expiry that there is.
func TestLostReplyOfALongLockIsUndone(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.LoseReplies(1)
		}
		m := w.locker.NewMutex(name, redlatch.WithExpiry(math.MaxInt64), redlatch.WithTimeoutFactor(1e-12))
		w.wantErr(m.TryLock(), redlatch.ErrFailed)
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// R8: an Unlock whose caller has given up already releases all the same.
func TestUnlockOnEndedContext(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w.took(0, func() { w.wantTrue(m.UnlockContext(ctx)) })
		w.wantNone()
	})
}

// It gives the nodes a moment: the program may end when Unlock returns.
func TestUnlockOnEndedContextWaitsAMoment(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for _, faulty := range w.faulty {
			faulty.Delay(10*time.Millisecond, 5*time.Millisecond)
		}
		w.took(15*time.Millisecond, func() { w.wantTrue(m.UnlockContext(ctx)) })
		w.wantNone()

		for _, faulty := range w.faulty {
			faulty.Delay(0, 0)
		}
		m = w.lock()
		synctest.Wait()
		for _, faulty := range w.faulty {
			faulty.Hang()
		}
		w.took(20*time.Millisecond, func() {
			_, err := m.UnlockContext(ctx)
			w.wantErr(err, context.Canceled)
			if failure := (*redlatch.RedisError)(nil); errors.As(err, &failure) {
				w.Errorf("got %v, but no node has failed", err)
			}
		})
	})
}

// A node that is about as quick as the quorum has its release when Unlock returns, and
// one that is slower holds nobody up.
func TestUnlockWaitsForTheAboutAsQuick(t *testing.T) {
	for _, test := range []struct{ slow, want time.Duration }{
		{25 * time.Millisecond, 25 * time.Millisecond},
		{time.Minute, 30 * time.Millisecond},
	} {
		inWorld(t, 3, func(w *world) {
			m := w.lock(redlatch.WithExpiry(time.Hour))
			synctest.Wait()
			for i, delay := range []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, test.slow} {
				w.faulty[i].Delay(0, delay)
			}
			w.took(test.want, func() { w.wantTrue(m.Unlock()) })
		})
	}
}

// A value that is used again may be refused by one's own lock, which is not lost by
// that.
func TestRefusedTryOfTheSameValue(t *testing.T) {
	for driver, wrap := range map[string]func(*testing.T, int, func(*world)){"": inWorld, "deaf": inDeafWorld} {
		for _, n := range everySize {
			t.Run(fmt.Sprintf("%s N=%d", driver, n), func(t *testing.T) {
				wrap(t, n, func(w *world) {
					m := w.lock(constant)
					synctest.Wait()
					if err := m.TryLock(); !isTaken(err) {
						w.Errorf("got %v, want that it is taken", err)
					}
					w.wantTrue(m.Extend())
					w.wantTrue(m.Unlock())
					w.wantNone()

					w.lock(constant)
					synctest.Wait()
					m = w.locker.NewMutex(name, constant, redlatch.WithValue("constant"))
					if err := m.TryLock(); !isTaken(err) {
						w.Errorf("handed over: got %v, want that it is taken", err)
					}
					w.wantTrue(m.Extend())
					w.wantTrue(m.Unlock())
					w.wantNone()
				})
			})
		}
	}
}

// R8: an Unlock that nobody answered goes on in the background.
func TestUnlockOfNodesThatAreAway(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		synctest.Wait()
		away := errors.New("nobody listens")
		for _, faulty := range w.faulty {
			faulty.Refuse(away)
		}
		w.wantFalse(m.Unlock())(away)
		time.Sleep(3 * time.Second)
		for _, faulty := range w.faulty {
			faulty.Refuse(nil)
		}
		time.Sleep(time.Second + 1)
		w.wantNone()
	})
}

// A release that was sent twice, since the first reply was lost, and finds no key
// then, has released it the first time: unless it had expired.
func TestResentRelease(t *testing.T) {
	for _, n := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var pools []pool.Pool
			for range n {
				node := memory.New()
				pools = append(pools, punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
					if req.Op == pool.Release {
						node.Ask(ctx, req)
						a, err := node.Ask(ctx, req)
						a.Resent = true
						return a, err
					}
					return node.Ask(ctx, req)
				}))
			}
			m := redlatch.New(pools...).NewMutex(name)
			if err := m.Lock(); err != nil {
				t.Fatal(err)
			}
			if ok, err := m.Unlock(); !ok {
				t.Errorf("N=%d: %v", n, err)
			}
			synctest.Wait()
			if err := m.Lock(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(expiry)
			if ok, err := m.Unlock(); ok || !errors.Is(err, redlatch.ErrLockAlreadyExpired) {
				t.Errorf("N=%d: got %v, %v, want ErrLockAlreadyExpired", n, ok, err)
			}
		})
	}
}

// losesFirst wraps a node that never gets the first acquire it is sent.
func losesFirst(node pool.Pool) pool.Pool {
	var lost atomic.Bool
	return punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
		if req.Op == pool.Acquire && lost.CompareAndSwap(false, true) {
			return pool.Answer{}, pool.ErrClosed
		}
		return node.Ask(ctx, req)
	})
}

var constant = redlatch.WithGenValueFunc(func() (string, error) { return "constant", nil })

// A value that is not fresh may be acquired again while an earlier acquire of it
// is still being undone: the lock that was won is not.
func TestLockOutlivesTheUndoingOfTheSameValue(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		var pools []pool.Pool
		for _, node := range w.nodes {
			pools = append(pools, losesFirst(node))
		}
		m := redlatch.New(pools...).NewMutex(name, constant)
		w.must(m.Lock())
		for range 10 {
			time.Sleep(time.Second / 5)
			for i, node := range w.nodes {
				if got := node.Keys()[name]; got != "constant" {
					w.Fatalf("node %d has the key %q", i, got)
				}
			}
		}
		w.wantTrue(m.Unlock())
		w.wantNone()
		w.must(m.TryLock())
		w.wantTrue(m.Unlock())
		w.wantNone()
	})
}

// And what came of the earlier acquire is still undone if the later one fails, or
// has been unlocked.
func TestUndoingGoesOnAfterTheSameValue(t *testing.T) {
	late := func(w *world) {
		a, err := w.nodes[0].Ask(context.Background(), pool.Request{Op: pool.Acquire, Name: name, Value: "constant", Expiry: expiry})
		if err != nil || a.State != pool.Yes {
			w.Fatal(a, err)
		}
	}
	t.Run("failed", func(t *testing.T) {
		inWorld(t, 1, func(w *world) {
			l := redlatch.New(losesFirst(w.nodes[0]))
			w.wantErr(l.NewMutex(name, constant).TryLock(), pool.ErrClosed)
			w.take(0)
			w.wantErr(l.NewMutex(name, constant).TryLock(), redlatch.ErrFailed)
			w.nodes[0].Clear()
			late(w)
			time.Sleep(2 * time.Second)
			w.wantNone()
		})
	})
	t.Run("refused", func(t *testing.T) {
		inWorld(t, 1, func(w *world) {
			tries := 0
			l := redlatch.New(punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
				if req.Op != pool.Acquire {
					return w.nodes[0].Ask(ctx, req)
				}
				if tries++; tries == 1 {
					return pool.Answer{}, pool.ErrClosed
				}
				return pool.Answer{}, &pool.ServerError{Message: "LOADING"}
			}))
			w.wantErr(l.NewMutex(name, constant).TryLock(), pool.ErrClosed)
			w.wantErr(l.NewMutex(name, constant).TryLock(), redlatch.ErrFailed)
			time.Sleep(100 * time.Millisecond)
			late(w)
			time.Sleep(2 * time.Second)
			w.wantNone()
		})
	})
	t.Run("unlocked", func(t *testing.T) {
		inWorld(t, 1, func(w *world) {
			m := redlatch.New(losesFirst(w.nodes[0])).NewMutex(name, constant)
			w.must(m.Lock())
			w.wantTrue(m.Unlock())
			late(w)
			time.Sleep(2 * time.Second)
			w.wantNone()
		})
	})
}

// What came of several acquires of a value is undone together, also if some have failed
// while it was being undone.
func TestSameValueIsOwedOnce(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.faulty[0].Hang()
		var tries sync.WaitGroup
		for i := range 10 {
			tries.Go(func() {
				time.Sleep(time.Duration(i) * 90 * time.Millisecond)
				if err := w.locker.NewMutex(name, constant).TryLock(); err == nil {
					w.Error("locked, and the node hangs")
				}
			})
		}
		tries.Wait()
		w.faulty[0].Forget()
		w.faulty[0].Thaw()
		time.Sleep(time.Minute)
		w.wantNone()
		if got := len(w.faulty[0].Requests()); got < 3 || got > 4 {
			w.Errorf("%d requests have undone it, want three that find no key, and perhaps one that does", got)
		}
	})
}

// A release of the value that is on its way is not overtaken by an acquire.
func TestSameValueIsNotAcquiredWhileItIsReleased(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		l := redlatch.New(losesFirst(w.faulty[0]))
		w.faulty[0].Delay(50*time.Millisecond, 0)
		w.wantErr(l.NewMutex(name, constant).TryLock(), pool.ErrClosed)
		synctest.Wait() // its release is on its way
		w.faulty[0].Delay(0, 0)
		m := l.NewMutex(name, constant)
		w.wantErr(m.TryLock(), pool.ErrNotSent)
		time.Sleep(60 * time.Millisecond)
		w.must(m.TryLock())
		time.Sleep(time.Second)
		w.wantKeys("constant")
		w.wantTrue(m.Unlock())
	})
}

// R7: a Lock comes after the Unlock before it, also on a node that has that late.
func TestLockComesAfterUnlock(t *testing.T) {
	inWorlds(t, []int{3, 5}, func(w *world) {
		m := w.lock()
		synctest.Wait()
		w.faulty[0].Delay(50*time.Millisecond, 0)
		w.wantTrue(m.Unlock())
		w.faulty[0].Delay(0, 0)
		w.must(m.Lock())
		time.Sleep(time.Second)
		for i, node := range w.nodes {
			if got := node.Keys()[name]; got != m.Value() {
				w.Errorf("node %d has the key %q, want %q", i, got, m.Value())
			}
		}
	})
}

// A value that is used again is acquired after it has been released for what was before,
// also on a node that is slow to say that it had it.
func TestSameValueComesAfterItsRelease(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		m := w.locker.NewMutex(name, constant)
		w.take(1, 2)
		w.faulty[0].Delay(0, 100*time.Millisecond)
		if err := m.TryLock(); !isTaken(err) {
			w.Errorf("got %v, want that it is taken", err)
		}
		w.faulty[0].Delay(0, 0)
		w.nodes[1].Clear()
		w.nodes[2].Clear()
		w.must(m.TryLock())
		time.Sleep(time.Second)
		w.wantKeys("constant", "constant", "constant")
	})
}
