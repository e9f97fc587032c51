package redlatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

// patient has the clock of no try get in the way.
var patient = []redlatch.Option{redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour), redlatch.WithExpiry(2 * time.Hour)}

// line has the Mutexes of new processes wait for the lock, in this order, and know their
// places.
func (w *world) line(n int, options ...redlatch.Option) (all []*waiting, processes []*process) {
	for range n {
		p := w.process()
		all = append(all, w.waits(p.NewMutex(name, options...)))
		processes = append(processes, p)
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(5 * time.Millisecond)
	return all, processes
}

// R15: whoever has waited longest has the lock, at once; the others send nothing, however
// many they are.
func TestWaitInLine(t *testing.T) {
	inWorlds(t, []int{1, 3, 5}, func(w *world) {
		for _, waiters := range []int{2, 20} {
			held := w.lock(patient...)
			all, processes := w.line(waiters, patient...)
			for i, g := range all {
				for _, p := range processes {
					for _, link := range p.links {
						link.Forget()
					}
				}
				w.wantTrue(held.Unlock())
				w.took(0, func() { w.wantHolder(all[i:], 0) })
				held = g.Mutex
				time.Sleep(100 * time.Millisecond)
				for k, p := range processes {
					want := 0
					if k == i || k == i-1 { // who claims it, and who has released it
						want = 1
					}
					for node, link := range p.links {
						if sent := len(link.Requests()); sent != want {
							w.Errorf("handoff %d of %d: process %d sent node %d %d requests, want %d", i, waiters, k, node, sent, want)
						}
					}
				}
			}
			w.wantTrue(held.Unlock())
			w.wantNone()
			w.wantNoLines()
		}
	})
}

// A handoff takes what the release takes to get there, the message to come, and the claim to
// go there and back.
func TestHandoffTakes(t *testing.T) {
	inWorlds(t, []int{1, 3, 5}, func(w *world) {
		const there, back = 3 * time.Millisecond, 5 * time.Millisecond
		p := w.process()
		for _, link := range append(w.faulty, p.links...) {
			link.Delay(there, back)
		}
		held := w.lock(patient...)
		g := w.waits(p.NewMutex(name, patient...))
		time.Sleep(time.Second)
		start := time.Now()
		go held.Unlock()
		<-g.done
		w.must(g.err)
		if took, want := time.Since(start), there+back+there+back; took != want {
			w.Errorf("the handoff took %v, want %v", took, want)
		}
	})
}

// R11: until when the lock is held counts from before it was claimed, not from when it was
// handed over, nor from when the nodes have confirmed it.
func TestHandoffUntil(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		g := w.waits(p.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour)))
		time.Sleep(10 * time.Millisecond)
		for _, link := range p.links {
			link.Delay(30*time.Millisecond, 50*time.Millisecond)
		}
		start := time.Now()
		w.wantTrue(held.Unlock())
		<-g.done
		if got, want := g.Until(), start.Add(50*time.Millisecond).Add(valid); !got.Equal(want) { // the message comes after 50 ms
			w.Errorf("it is held until %v after the claim, want %v", got.Sub(start.Add(50*time.Millisecond)), valid)
		}
		time.Sleep(time.Until(g.Until()) - time.Millisecond)
		w.wantTrue(g.Valid())
	})
}

// Whoever gives up leaves the line, and the next is handed the lock; and if the lock was
// handed to it in the same moment the next has it at once, too.
func TestGiveUpInLine(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		for _, late := range []bool{false, true} {
			held := w.lock(patient...)
			ctx, cancel := context.WithCancel(context.Background())
			p := w.process()
			first := w.waitsFor(ctx, p.NewMutex(name, patient...))
			time.Sleep(5 * time.Millisecond)
			rest, _ := w.line(3, patient...)
			if late {
				for _, link := range p.links {
					link.Delay(0, 50*time.Millisecond) // and so does the message
				}
				w.wantTrue(held.Unlock())
				synctest.Wait()
				if first.isOver() {
					w.Error("it has the lock before it knows")
				}
			}
			w.took(0, func() {
				cancel()
				<-first.done
			})
			w.wantErr(first.err, context.Canceled, redlatch.ErrFailed)
			if !late {
				w.wantTrue(held.Unlock())
			}
			for i, g := range rest {
				w.took(0, func() { w.wantHolder(rest[i:], 0) })
				w.wantTrue(g.Unlock())
			}
			time.Sleep(time.Second)
			w.wantNone()
			w.wantNoLines()
		}
	})
}

// Whoever is handed the lock while its last try is under way, and fails, hands it on.
func TestGiveUpAtTheLastTry(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		first := w.waits(p.NewMutex(name, redlatch.WithTries(2), redlatch.WithRetryDelay(time.Second)))
		time.Sleep(5 * time.Millisecond)
		rest, _ := w.line(1, patient...)
		for _, link := range p.links {
			link.Delay(10*time.Millisecond, 10*time.Millisecond)
		}
		time.Sleep(time.Until(first.started.Add(time.Second + 15*time.Millisecond)))
		w.wantTrue(held.Unlock())
		start := time.Now()
		<-rest[0].done
		if took := time.Since(start); took > 20*time.Millisecond {
			w.Errorf("the next has it after %v", took)
		}
		<-first.done
		w.wantErr(first.err, redlatch.ErrFailed)
		w.wantTrue(rest[0].Unlock())
		time.Sleep(time.Second)
		w.wantNone()
		w.wantNoLines()
	})
}

// A process that is gone is passed over.
func TestDeadProcessInLine(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock(patient...)
		all, processes := w.line(4, patient...)
		processes[0].die()
		processes[2].die()
		synctest.Wait()
		w.wantTrue(held.Unlock())
		w.took(0, func() { w.wantHolder(all[1:], 0) })
		w.wantTrue(all[1].Unlock())
		w.wantHolder(all[3:], 0)
		w.wantTrue(all[3].Unlock())
		processes[0].end(w)
		processes[2].end(w)
		w.wantNone()
	})
}

// How long one has waited counts from when Lock was called, however long the first try takes.
func TestLineIsByCall(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		for _, link := range p.links {
			link.Delay(20*time.Millisecond, 20*time.Millisecond)
		}
		all := []*waiting{w.waits(p.NewMutex(name, patient...))}
		time.Sleep(25 * time.Millisecond) // later than it was asked, and sooner than it knows
		all = append(all, w.waits(w.process().NewMutex(name, patient...)))
		time.Sleep(time.Second)
		w.wantTrue(held.Unlock())
		<-all[0].done
		w.wantHolder(all, 0)
		w.wantTrue(all[0].Unlock())
		w.wantHolder(all[1:], 0)
	})
}

// What it has counts as well, when a waiter finds out when the others expire.
func TestLockWhenOneOfTwoExpires(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(1, 2)
		w.nodes[1].Ask(context.Background(), pool.Request{Op: pool.Extend, Name: name, Value: "another", Expiry: time.Second})
		w.took(time.Second+time.Millisecond, func() { w.must(w.locker.NewMutex(name, patient...).Lock()) })
	})
}
