package redlatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
)

// queue has goroutines of one Locker wait for the lock, in this order.
func (w *world) queue(l *redlatch.Locker, n int, options ...redlatch.Option) []*waiting {
	var all []*waiting
	for range n {
		all = append(all, w.waits(l.NewMutex(name, options...)))
	}
	return all
}

// A lock is handed over so often and no oftener, without asking a node; then whoever waits
// in another process has its turn, and then it starts again.
func TestLocalHandovers(t *testing.T) {
	inWorlds(t, []int{1, 3, 5}, func(w *world) {
		const leave = 3
		patient := redlatch.WithTries(redlatch.Forever)
		first := w.lock(redlatch.WithLocalHandover(leave))
		local := w.queue(w.locker, 10, redlatch.WithLocalHandover(leave), patient)
		time.Sleep(10 * time.Millisecond)
		other := w.waits(w.process().NewMutex(name, patient))
		time.Sleep(10 * time.Millisecond)
		holder := first
		pass := func() {
			for range leave {
				for i := range w.nodes {
					w.sent(i)
				}
				value, until := holder.Value(), holder.Until()
				w.wantTrue(holder.Unlock())
				w.wantHolder(local, 0)
				for i := range w.nodes {
					if sent := w.sent(i); len(sent) != 0 {
						w.Errorf("node %d was asked %v", i, sent)
					}
				}
				holder = local[0].Mutex
				local = local[1:]
				if holder.Value() != value || !holder.Until().Equal(until) {
					w.Errorf("it is handed over as %q until %v, and was %q until %v", holder.Value(), holder.Until(), value, until)
				}
				w.wantTrue(holder.Valid())
				time.Sleep(time.Millisecond)
			}
		}
		pass()
		w.wantTrue(holder.Unlock())
		w.wantHolder(append(local, other), len(local))
		time.Sleep(10 * time.Millisecond)
		w.wantTrue(other.Unlock())
		time.Sleep(10 * time.Millisecond)
		w.wantHolder(local, 0)
		holder, local = local[0].Mutex, local[1:]
		pass() // who has waited for it hands it over, too
		w.wantTrue(holder.Unlock())
		time.Sleep(10 * time.Millisecond)
		w.wantHolder(local, 0)
		for _, g := range local {
			<-g.done
			w.wantTrue(g.Unlock())
		}
		w.wantNone()
	})
}

// Who is handed the lock and has no leave to hand it over itself gives it back, and the next
// has its turn at once.
func TestHandedOverToAMutexWithoutLeave(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		first := w.lock(redlatch.WithLocalHandover(5))
		patient := []redlatch.Option{redlatch.WithRetryDelay(time.Hour), redlatch.WithTries(3)}
		local := w.queue(w.locker, 2, patient...)
		w.wantTrue(first.Unlock())
		w.wantHolder(local, 0)
		w.wantTrue(local[0].Unlock())
		w.wantHolder(local[1:], 0)
		w.wantTrue(local[1].Unlock())
		w.wantNone()
	})
}

// A key that an Extend has set again belongs to whoever the lock was handed over to
// meanwhile.
func TestHandOverDuringExtendThatSetsTheKey(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		first := w.lock(redlatch.WithLocalHandover(5), redlatch.WithSetNXOnExtend())
		local := w.queue(w.locker, 1, redlatch.WithTries(redlatch.Forever))
		for i := range w.nodes {
			w.nodes[i].Clear()
			w.faulty[i].Delay(50*time.Millisecond, 50*time.Millisecond)
		}
		go first.Extend()
		time.Sleep(120 * time.Millisecond) // it has found the key missing, and is setting it
		first.Unlock()
		<-local[0].done
		time.Sleep(time.Second)
		w.wantTrue(local[0].Valid())
		w.wantTrue(local[0].Unlock())
		time.Sleep(time.Second)
		w.wantNone()
	})
}

// An Extend that is late does not shorten what the next holder has extended.
func TestHandOverDuringShorterExtend(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		first := w.lock(redlatch.WithLocalHandover(5))
		local := w.queue(w.locker, 1, redlatch.WithTries(redlatch.Forever), redlatch.WithExpiry(12*time.Second))
		w.faulty[0].Delay(100*time.Millisecond, 0)
		go first.Extend()
		synctest.Wait()
		w.faulty[0].Delay(0, 0)
		w.wantTrue(first.Unlock())
		<-local[0].done
		w.wantTrue(local[0].Extend())
		time.Sleep(time.Until(local[0].Until()) - time.Millisecond)
		w.wantTrue(local[0].Valid())
	})
}

// A node whose acquire comes late is released by whoever the lock was handed over to.
func TestHandOverWithALateAcquire(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		next := w.lock(redlatch.WithTries(redlatch.Forever))
		w.wantTrue(next.Unlock())
		w.faulty[2].Delay(timeout+200*time.Millisecond, 0)
		first := w.lock(redlatch.WithLocalHandover(5))
		local := w.waits(next)
		w.faulty[2].Delay(0, 0)
		time.Sleep(timeout + 100*time.Millisecond)
		w.wantTrue(first.Unlock())
		w.wantHolder([]*waiting{local}, 0)
		w.wantTrue(next.Unlock())
		time.Sleep(2 * timeout)
		w.wantNone()
	})
}
