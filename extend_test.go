package redlatch_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
)

func TestExtend(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		for range 5 {
			time.Sleep(valid - 1)
			w.wantTrue(m.Extend())
			if got := time.Until(m.Until()); got != valid {
				w.Errorf("it is valid for %v, want %v", got, valid)
			}
		}
		w.wantTrue(m.Valid())
	})
}

// S11: a lock whose until has passed is not extended, whatever its keys say.
func TestExtendAfterUntil(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		time.Sleep(valid)
		w.wantTrue(m.Valid()) // the keys are there for some milliseconds yet
		for i := range w.nodes {
			w.sent(i)
		}
		w.wantFalse(m.Extend())(redlatch.ErrExtendFailed, redlatch.ErrLockAlreadyExpired)
		for i := range w.nodes {
			if got := w.sent(i); len(got) != 0 {
				w.Errorf("node %d was asked %v", i, got)
			}
		}
	})
}

// S11: nor is one whose until passed while the nodes were asked.
func TestExtendTooLate(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		until := m.Until()
		synctest.Wait()
		for _, faulty := range w.faulty {
			faulty.Delay(0, 50*time.Millisecond)
		}
		time.Sleep(valid - 50*time.Millisecond)
		w.wantFalse(m.Extend())(redlatch.ErrExtendFailed)
		if !m.Until().Equal(until) {
			w.Error("a failed Extend has changed until")
		}
	})
}

func TestExtendInTime(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock()
		synctest.Wait()
		for _, faulty := range w.faulty {
			faulty.Delay(0, 50*time.Millisecond)
		}
		time.Sleep(valid - 51*time.Millisecond)
		start := time.Now()
		w.wantTrue(m.Extend())
		if got := m.Until().Sub(start); got != valid { // from before the nodes were asked
			w.Errorf("it is valid for %v from the start, want %v", got, valid)
		}
	})
}

// R10: a node that missed the acquire is topped up by Extend.
func TestExtendTopsUp(t *testing.T) {
	inWorlds(t, []int{3, 5}, func(w *world) {
		for _, faulty := range w.faulty[:len(w.nodes)/2] {
			faulty.Refuse(errors.New("nobody listens"))
		}
		m := w.lock()
		synctest.Wait()
		for _, faulty := range w.faulty {
			faulty.Refuse(nil)
		}
		w.wantTrue(m.Extend())
		for i := range w.nodes {
			synctest.Wait()
			if got := w.nodes[i].Keys()[name]; got != m.Value() {
				w.Errorf("node %d has the key %q", i, got)
			}
		}
		for i := range (len(w.nodes) + 1) / 2 { // now those can be lost that could not before
			w.nodes[len(w.nodes)-1-i].Clear()
			if i < len(w.nodes)/2 {
				w.wantTrue(m.Valid())
			}
		}
		w.wantFalse(m.Extend())(redlatch.ErrLockAlreadyExpired)
	})
}

// R10: so is a node that is so slow that every round is decided before.
func TestExtendTopsUpTheSlowest(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[2].Refuse(errors.New("nobody listens"))
		m := w.lock()
		synctest.Wait()
		w.faulty[2].Refuse(nil)
		w.faulty[2].Delay(50*time.Millisecond, 50*time.Millisecond)
		w.took(0, func() { w.wantTrue(m.Extend()) })
		time.Sleep(time.Second)
		w.wantKeys(m.Value(), m.Value(), m.Value())
		w.wantTrue(m.Unlock())
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// R10: the acquire's own straggler tops up as well.
func TestStragglerOfLock(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[2].Delay(50*time.Millisecond, 50*time.Millisecond)
		m := w.locker.NewMutex(name)
		w.took(0, func() { w.must(m.Lock()) })
		w.wantKeys(m.Value(), m.Value(), "")
		time.Sleep(time.Second)
		w.wantKeys(m.Value(), m.Value(), m.Value())
	})
}

// R10: what is topped up does not count. The lock is held by two of three; one of
// them forgets it: there is no quorum left, though the others could be given it.
func TestTopUpIsNoVote(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[2].Refuse(errors.New("nobody listens"))
		m := w.lock()
		synctest.Wait()
		w.faulty[2].Refuse(nil)
		synctest.Wait()
		w.nodes[1].Clear()
		w.wantFalse(m.Extend())(redlatch.ErrExtendFailed, redlatch.ErrLockAlreadyExpired)
		time.Sleep(time.Second)
		w.wantKeys(m.Value(), "", "") // and nobody is kept out by keys that are nobody's
		w.wantFalse(m.Extend())(redlatch.ErrExtendFailed)
	})
}

// A node that has another owner's key is left alone.
func TestNoTopUpOverAnothers(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(2)
		m := w.lock()
		w.wantTrue(m.Extend())
		w.wantKeys(m.Value(), m.Value(), "another")
		w.wantTrue(m.Unlock())
		w.wantKeys("", "", "another")
	})
}

// An Unlock that comes right after Extend, while a node is being topped up, is
// the last word there too.
func TestUnlockDuringTopUp(t *testing.T) {
	for range 300 {
		inWorld(t, 3, func(w *world) {
			w.faulty[2].Refuse(errors.New("nobody listens"))
			m := w.lock()
			w.sent(2) // waits until the node has refused
			w.faulty[2].Refuse(nil)
			w.wantTrue(m.Extend())
			w.wantTrue(m.Unlock())
			w.wantNone()
		})
		if t.Failed() {
			return
		}
	}
}

// One that is taken by another just before it can be topped up has nothing of
// ours, and is left alone from then on.
func TestTopUpRefused(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[2].Refuse(errors.New("nobody listens"))
		m := w.lock()
		synctest.Wait()
		w.faulty[2].Refuse(nil)
		w.faulty[2].Delay(0, 2*time.Millisecond)
		w.wantTrue(m.Extend())
		time.Sleep(time.Millisecond)
		w.take(2)
		time.Sleep(time.Second)
		w.wantTrue(m.Unlock())
		w.wantKeys("", "", "another")
		if got := w.sent(2); slices.Contains(got, pool.Release) {
			w.Errorf("node 2 was asked %v", got)
		}
	})
}

// R11: until counts from before the first command was sent.
func TestUntilCountsFromTheStart(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.Delay(100*time.Millisecond, 200*time.Millisecond)
		}
		m := w.locker.NewMutex(name)
		start := time.Now()
		w.took(300*time.Millisecond, func() { w.must(m.Lock()) })
		if got := m.Until().Sub(start); got != valid {
			w.Errorf("it is valid for %v from the start, want %v", got, valid)
		}
	})
}

// S6: a lock that is won when its validity is over is not won, and undone.
func TestLockTooLate(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.Delay(0, 979*time.Millisecond)
		}
		m := w.locker.NewMutex(name, redlatch.WithExpiry(time.Second), redlatch.WithTimeoutFactor(1), redlatch.WithDriftFactor(0.02))
		w.wantErr(m.TryLock(), redlatch.ErrFailed)
		for i := range w.nodes {
			if got := w.sent(i); len(got) < 2 || got[1] != pool.Release {
				w.Errorf("node %d was asked %v, want acquire and release", i, got)
			}
		}
		for _, faulty := range w.faulty {
			faulty.Delay(0, 977*time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		w.must(m.TryLock())
	})
}

// The drift and the precision that are taken off, and where there is too little
// to take the precision off.
func TestValidity(t *testing.T) {
	for _, test := range []struct {
		expiry time.Duration
		drift  float64
		want   time.Duration
	}{
		{8 * time.Second, 0.01, 7918 * time.Millisecond},
		{8 * time.Second, 0, 7998 * time.Millisecond},
		{8 * time.Second, 0.5, 3998 * time.Millisecond},
		{100 * time.Millisecond, 0.01, 97 * time.Millisecond},
		{3 * time.Millisecond, 0, time.Millisecond},
		{2 * time.Millisecond, 0, 2 * time.Millisecond},
		{time.Millisecond, 0.01, 990 * time.Microsecond},
	} {
		inWorld(t, 1, func(w *world) {
			start := time.Now()
			m := w.lock(redlatch.WithExpiry(test.expiry), redlatch.WithDriftFactor(test.drift))
			if got := m.Until().Sub(start); got != test.want {
				w.Errorf("expiry %v, drift %v: valid for %v, want %v", test.expiry, test.drift, got, test.want)
			}
		})
	}
}

// WithSetNXOnExtend sets the key again where it was lost, and counts it.
func TestSetNXOnExtend(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock(redlatch.WithSetNXOnExtend())
		synctest.Wait()
		for _, node := range w.nodes {
			node.Clear()
		}
		w.wantTrue(m.Extend())
		w.wantTrue(m.Valid())
		w.wantTrue(m.Unlock())
		w.wantFalse(m.Extend())(redlatch.ErrNotLocked) // not after Unlock
		w.wantNone()
	})
}

// What it sets on a node that had missed the acquire is released like the rest.
func TestSetNXOnExtendIsUndone(t *testing.T) {
	for answer, inject := range map[string]func(*pooltest.Faulty){
		"answered": func(*pooltest.Faulty) {},
		"lost":     func(f *pooltest.Faulty) { f.LoseReplies(1) },
	} {
		t.Run(answer, func(t *testing.T) {
			inWorld(t, 3, func(w *world) {
				w.faulty[2].Refuse(errors.New("nobody listens"))
				m := w.lock(redlatch.WithSetNXOnExtend())
				synctest.Wait()
				w.faulty[2].Refuse(nil)
				w.faulty[2].Delay(0, 2*time.Millisecond)
				go m.Extend()
				time.Sleep(time.Millisecond)
				inject(w.faulty[2]) // for what follows on the answer to Extend
				time.Sleep(time.Second)
				w.wantKeys(m.Value(), m.Value(), m.Value())
				w.wantTrue(m.Unlock())
				time.Sleep(time.Second)
				w.wantNone()
			})
		})
	}
}

// On one node the two commands share the node timeout.
func TestSetNXOnExtendIsBounded(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		m := w.lock(redlatch.WithSetNXOnExtend())
		w.nodes[0].Clear()
		w.faulty[0].Delay(0, 300*time.Millisecond)
		time.AfterFunc(time.Millisecond, w.faulty[0].Hang)
		w.took(timeout, func() { w.wantFalse(m.Extend())(pool.ErrNoAnswer) })
	})
}

// But not of a lock that was never locked, nor of one whose until has passed,
// nor where another has it.
func TestSetNXOnExtendOnlyWhileHeld(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		for _, m := range []*redlatch.Mutex{
			w.locker.NewMutex(name, redlatch.WithSetNXOnExtend()),
			w.locker.NewMutex(name, redlatch.WithSetNXOnExtend(), redlatch.WithValue("from elsewhere")),
		} {
			w.wantFalse(m.Extend())(redlatch.ErrExtendFailed)
			w.wantNone()
		}
		m := w.lock(redlatch.WithSetNXOnExtend())
		time.Sleep(expiry)
		w.wantFalse(m.Extend())(redlatch.ErrLockAlreadyExpired)
		w.wantNone()
		m = w.lock(redlatch.WithSetNXOnExtend())
		synctest.Wait()
		for i, node := range w.nodes {
			node.Clear()
			w.take(i)
		}
		if ok, err := m.Extend(); ok || !isTaken(err) {
			w.Errorf("got %v, %v, want *ErrTaken", ok, err)
		}
	})
}

// A lock that came by WithValue is extended like any other with the option.
func TestSetNXOnExtendOfAHandOver(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.locker.NewMutex(name, redlatch.WithSetNXOnExtend(), redlatch.WithValue(w.lock().Value()))
		w.wantTrue(m.Extend())
		time.Sleep(time.Second)
		w.wantTrue(m.Valid())
	})
}

// An Unlock that comes while Extend sets the key again is the last word.
func TestUnlockDuringSetNXOnExtend(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock(redlatch.WithSetNXOnExtend())
		synctest.Wait()
		for i, node := range w.nodes {
			node.Clear()
			w.faulty[i].Delay(80*time.Millisecond, 80*time.Millisecond)
		}
		time.AfterFunc(200*time.Millisecond, func() {
			for _, faulty := range w.faulty {
				faulty.Delay(0, 0)
			}
			m.Unlock()
		})
		w.wantFalse(m.Extend())(redlatch.ErrNotLocked)
		time.Sleep(2 * time.Second)
		w.wantNone()
	})
}

// Extensions that are under way at once do not wait for each other, although nodes that
// lack the key wait for what becomes of them.
func TestTwoExtendsAtOnce(t *testing.T) {
	for _, n := range []int{3, 5} {
		inWorld(t, n, func(w *world) {
			m := w.lock(redlatch.WithShufflePools(true))
			synctest.Wait()
			for _, node := range w.nodes[:n/2+1] {
				node.Clear()
			}
			for range 2000 {
				w.took(0, func() {
					var group sync.WaitGroup
					for range 2 {
						group.Go(func() { w.wantFalse(m.Extend())(redlatch.ErrLockAlreadyExpired) })
					}
					group.Wait()
				})
			}
		})
	}
}

// An extension to less than the lock had brings Until forward: the nodes have done so.
func TestExtendToLess(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.lock(redlatch.WithExpiry(time.Minute))
		redlatch.WithExpiry(expiry).Apply(m)
		start := time.Now()
		w.wantTrue(m.Extend())
		if got := m.Until().Sub(start); got != valid {
			w.Errorf("it is valid for %v, want %v", got, valid)
		}
	})
}

// A lock that was handed over is topped up, too, from the first extension on.
func TestExtendTopsUpAHandOver(t *testing.T) {
	inWorlds(t, []int{3, 5}, func(w *world) {
		first := w.lock()
		synctest.Wait()
		w.nodes[0].Clear()
		m := w.locker.NewMutex(name, redlatch.WithValue(first.Value()))
		w.wantTrue(m.Extend())
		synctest.Wait()
		if got := w.nodes[0].Keys()[name]; got != first.Value() {
			w.Errorf("got %q, want the lock's value", got)
		}
		w.wantTrue(m.Unlock())
		w.wantNone()
	})
}
