package redlatch_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/machine"
)

var leave = []redlatch.Option{redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour), redlatch.WithLocalHandover(5)}

// Who has handed a lock over has it no more, and who has been handed it has it like any other.
func TestHandedOver(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		old := w.lock(leave...)
		next := w.queue(w.locker, 1, leave...)[0]
		time.Sleep(time.Second)
		w.wantTrue(old.Unlock())
		<-next.done
		w.must(next.err)
		if next.Value() != old.Value() || !next.Until().Equal(old.Until()) {
			w.Errorf("it is handed over as %q until %v, and was %q until %v", next.Value(), next.Until(), old.Value(), old.Until())
		}
		w.sent(0)
		for _, call := range []func() (bool, error){old.Unlock, old.Extend, old.Valid, old.Unlock} {
			w.wantFalse(call())(redlatch.ErrNotLocked)
		}
		if sent := w.sent(0); len(sent) != 0 {
			w.Errorf("asked was %v", sent)
		}
		w.wantTrue(next.Valid())
		w.wantTrue(next.Extend())
		if got := time.Until(next.Until()); got != valid {
			w.Errorf("it is extended for %v, want %v", got, valid)
		}
		w.wantTrue(next.Unlock())
		w.wantFalse(next.Unlock())(redlatch.ErrLockAlreadyExpired)
		w.wantNone()
		w.must(old.Lock())
		w.wantTrue(old.Valid())
		w.wantTrue(old.Unlock())
		w.wantNone()
	})
}

// Nothing is handed over of which the next would have less than half; then the nodes are
// asked.
func TestHandOverLate(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		for _, left := range []time.Duration{valid/2 + time.Microsecond, valid / 2, valid/2 - time.Microsecond} {
			old := w.lock(leave...)
			next := w.queue(w.locker, 1, leave...)[0]
			time.Sleep(time.Until(old.Until()) - left)
			value := old.Value()
			w.wantTrue(old.Unlock())
			<-next.done
			if over := next.Value() == value; over != (left >= valid/2) {
				w.Errorf("with %v left it is handed over: %v", left, over)
			}
			w.wantTrue(next.Unlock())
			w.wantNone()
		}
	})
}

// A holder that never unlocks, and one that has given back what it was handed by nodes, do not
// keep those who wait in its process from the nodes.
func TestLocalHolderThatNeverUnlocks(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		old := w.lock(leave...)
		start := time.Now()
		local := w.queue(w.locker, 2, leave...)
		w.sent(0)
		time.Sleep(3 * time.Second)
		w.wantTrue(old.Extend())
		time.Sleep(valid - time.Millisecond)
		if sent := w.sent(0); len(sent) != 1 {
			w.Errorf("before the end of the lock asked was %v", sent)
		}
		<-local[0].done
		w.must(local[0].err)
		if got, want := time.Since(start), 3*time.Second+expiry; got < want || got > want+2*time.Millisecond {
			w.Errorf("the next has it after %v, want %v", got, want)
		}
		w.wantFalse(old.Unlock())() // it was another's
		w.wantTrue(local[0].Unlock())
		<-local[1].done
		w.must(local[1].err)
		w.wantTrue(local[1].Unlock())
		w.wantNone()
	})
}

// A lock that was got by TryLock, and one that cannot be given back, are handed over like any
// other; and if the nodes have it back, or cannot be asked, the next asks them.
func TestHandOverOfATryLock(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		m := w.locker.NewMutex(name, leave...)
		w.must(m.TryLock())
		w.wantErr(w.locker.NewMutex(name, leave...).TryLock(), redlatch.ErrFailed)
		local := w.queue(w.locker, 2, leave...)
		w.sent(0)
		w.wantTrue(m.Unlock())
		w.wantHolder(local, 0)
		if sent := w.sent(0); len(sent) != 0 {
			w.Errorf("asked was %v", sent)
		}
		time.Sleep(valid/2 + time.Second) // too late to hand it over
		down := errors.New("nobody listens")
		for _, faulty := range w.faulty {
			faulty.Refuse(down)
		}
		w.wantFalse(local[0].Unlock())(down)
		for _, faulty := range w.faulty {
			faulty.Refuse(nil)
		}
		<-local[1].done
		w.must(local[1].err)
		w.wantTrue(local[1].Unlock())
		time.Sleep(2 * time.Second) // for what is owed
		w.wantNone()
	})
}

// Who is handed the lock while its last try is under way, and fails, has it.
func TestHandedOverAtTheLastTry(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		old := w.lock(leave...)
		next := w.waits(w.locker.NewMutex(name, redlatch.WithTries(2), redlatch.WithRetryDelay(100*time.Millisecond)))
		for _, faulty := range w.faulty {
			faulty.Delay(30*time.Millisecond, 30*time.Millisecond)
		}
		time.Sleep(110 * time.Millisecond)
		w.wantTrue(old.Unlock())
		<-next.done
		w.must(next.err)
		if next.Value() != old.Value() {
			w.Errorf("it has %q, want %q", next.Value(), old.Value())
		}
		w.wantTrue(next.Unlock())
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// A shifted machine has clocks that are ahead.
type shifted time.Duration

func (s shifted) Apply(*redlatch.Mutex)           {}
func (s shifted) Machine() machine.Machine        { return s }
func (s shifted) Now() time.Time                  { return time.Now().Add(time.Duration(s)) }
func (s shifted) N(n time.Duration) time.Duration { return n / 2 }

// How long a holder in this process has the lock is told by its machine's clock.
func TestHandOverByAnotherClock(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		inWorld(t, 1, func(w *world) {
			options := append([]redlatch.Option{shifted(ahead)}, leave...)
			old := w.lock(options...)
			local := w.queue(w.locker, 2, options...)
			w.sent(0)
			w.wantTrue(old.Unlock())
			w.wantHolder(local, 0)
			if sent := w.sent(0); len(sent) != 0 {
				w.Errorf("asked was %v", sent)
			}
			<-local[1].done // the first never unlocks it
			if local[1].took > expiry+2*time.Millisecond {
				w.Errorf("it took %v", local[1].took)
			}
			w.wantTrue(local[1].Unlock())
		})
	}
}

// Who already stands in line at the nodes is handed the lock by them.
func TestHandOverToWhoeverAsksTheNodes(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		w.take(w.all()...)
		local := w.queue(w.locker, 2, leave...)
		time.Sleep(10 * time.Millisecond)
		w.free()
		m := w.locker.NewMutex(name, leave...)
		w.must(m.TryLock())
		synctest.Wait()
		w.wantTrue(m.Unlock())
		w.wantHolder(local, 0)
		if m.Value() == local[0].Value() {
			w.Error("they have the same value")
		}
		w.wantTrue(local[0].Unlock())
		w.wantHolder(local[1:], 0)
		w.wantTrue(local[1].Unlock())
		w.wantNone()
	})
}

// A lock that the nodes have lost, and given to another of this process, is handed over by
// that.
func TestHandOverOfALostLock(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		lost := w.lock(leave...)
		for _, node := range w.nodes {
			node.Clear()
		}
		held := w.locker.NewMutex(name, leave...)
		w.must(held.TryLock())
		local := w.queue(w.locker, 1, leave...)
		w.wantFalse(lost.Unlock())()
		w.wantHolder(local, -1)
		w.wantTrue(held.Valid())
		w.wantTrue(held.Unlock())
		w.wantHolder(local, 0)
		w.wantTrue(local[0].Unlock())
		w.wantNone()
	})
}
