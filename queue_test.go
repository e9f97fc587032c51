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

// R16: goroutines of one process have the lock in the order in which they came, and a
// handoff costs as much with 50 of them as with two.
func TestLocalQueue(t *testing.T) {
	inWorlds(t, []int{1, 3, 5}, func(w *world) {
		cost := func(waiters int) (most int) {
			first := w.lock()
			var all []*waiting
			for i := range waiters {
				all = append(all, w.waits(w.locker.NewMutex(name, redlatch.WithRetryDelay(time.Hour), redlatch.WithExpiry(time.Duration(i+8)*time.Second))))
				time.Sleep(time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond)
			holder := first
			for len(all) > 0 {
				for i := range w.nodes {
					w.sent(i)
				}
				w.wantTrue(holder.Unlock())
				w.wantHolder(all, 0)
				holder, all = all[0].Mutex, all[1:]
				time.Sleep(20 * time.Millisecond) // for the next to stand in line
				sum := 0
				for i := range w.nodes {
					sum += len(w.sent(i))
				}
				most = max(most, sum)
			}
			w.wantTrue(holder.Unlock())
			w.wantNone()
			w.wantNoLines()
			return most
		}
		few, many := cost(2), cost(50)
		if few != many || few > 4*len(w.nodes) {
			w.Errorf("a handoff costs %d requests with two waiters, and %d with 50", few, many)
		}
	})
}

// A Mutex that goroutines share has a line, too.
func TestLocalQueueOfOneMutex(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		for _, leave := range []int{0, 3} {
			m := w.locker.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithLocalHandover(leave))
			w.must(m.Lock())
			var all []*waiting
			for range 20 {
				all = append(all, w.waits(m))
			}
			for ; len(all) > 0; all = all[1:] {
				time.Sleep(time.Second)
				w.wantTrue(m.Extend())
				w.wantTrue(m.Unlock())
				w.wantHolder(all, 0)
			}
			w.wantTrue(m.Unlock())
			w.wantNone()
			w.wantNoLines()
		}
	})
}

// Whoever waits for its turn in this process is as patient as any other, and asks the nodes
// at its last try.
func TestLocalQueuePatience(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		w.take(w.all()...)
		head := w.waits(w.locker.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour)))
		var tries []int
		delay := redlatch.WithRetryDelayFunc(func(try int) time.Duration {
			tries = append(tries, try)
			return time.Duration(try) * time.Second
		})
		w.took(6*time.Second, func() { w.wantErr(w.locker.NewMutex(name, redlatch.WithTries(4), delay).Lock(), redlatch.ErrFailed) })
		if want := []int{1, 2, 3}; !slices.Equal(tries, want) {
			w.Errorf("the delays were those of the tries %v, want %v", tries, want)
		}
		time.AfterFunc(6*time.Second-time.Millisecond, func() {
			w.free()
		})
		m := w.locker.NewMutex(name, redlatch.WithTries(4), delay)
		w.took(6*time.Second, func() { w.must(m.Lock()) })
		if head.isOver() {
			w.Errorf("the first has %v", head.err)
		}
		w.wantTrue(m.Unlock())
		w.wantHolder([]*waiting{head}, 0)
	})
}

// A delay of zero is a short one where nobody is asked in between.
func TestLocalQueueWithoutDelay(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock()
		head := w.waits(w.locker.NewMutex(name, redlatch.WithTries(redlatch.Forever)))
		m := w.locker.NewMutex(name, redlatch.WithTries(32), redlatch.WithRetryDelay(0))
		w.took(31*time.Millisecond, func() { w.wantErr(m.Lock(), redlatch.ErrFailed) })
		second := w.waits(w.locker.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(-1)))
		time.Sleep(time.Second)
		w.wantTrue(held.Unlock())
		w.wantHolder([]*waiting{head, second}, 0)
		w.wantTrue(head.Unlock())
		w.wantHolder([]*waiting{second}, 0)
		w.wantTrue(second.Unlock())
	})
}

// Whoever has given up, or fails, is out of every line when Lock has returned, and its
// successor is first at once.
func TestLocalQueueGivesUp(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		patient := []redlatch.Option{redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour)}
		held := w.lock(redlatch.WithExpiry(time.Hour))
		ctx, cancel := context.WithCancel(context.Background())
		var all []*waiting
		for range 4 {
			all = append(all, w.waitsFor(ctx, w.locker.NewMutex(name, patient...)))
		}
		last := w.waits(w.locker.NewMutex(name, patient...))
		time.Sleep(time.Second)
		w.took(0, func() {
			cancel()
			for _, g := range all {
				<-g.done
				w.wantErr(g.err, context.Canceled, redlatch.ErrFailed)
			}
		})
		w.wantTrue(held.Unlock())
		w.wantHolder([]*waiting{last}, 0)
		w.wantTrue(last.Unlock())
		w.wantNone()
		w.wantNoLines()
	})
}

// A panic of the user's leaves nothing behind, whether it is before the nodes are asked for a
// place or after.
func TestPanicWhileWaiting(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		for _, at := range []int{1, 2} {
			for before := range 2 {
				held := w.lock()
				first := w.queue(w.locker, before, redlatch.WithTries(redlatch.Forever))
				time.Sleep(10 * time.Millisecond) // now it is told
				func() {
					defer func() {
						if recover() == nil {
							w.Error("it did not panic")
						}
					}()
					w.locker.NewMutex(name, redlatch.WithRetryDelayFunc(func(try int) time.Duration {
						if try == at {
							panic("the delay function")
						}
						return 100 * time.Millisecond
					})).Lock()
				}()
				synctest.Wait()
				for i, node := range w.nodes {
					if line := node.Lines()[name]; len(line) != before {
						w.Errorf("%q stand in line at node %d", line, i)
					}
				}
				w.wantTrue(held.Unlock())
				for _, g := range first {
					w.wantHolder(first, 0)
					w.wantTrue(g.Unlock())
				}
				w.wantNone()
				w.wantNoLines()
			}
		}
	})
}

// Whoever has to wait in this process for its turn keeps no node from whoever's it is, even
// if the node takes its time to give it.
func TestLocalQueueGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, nodes: []*memory.Node{memory.New(), memory.New()}}
		asked := 0
		w.locker = redlatch.New(asker(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
			time.Sleep(time.Millisecond)
			return w.nodes[0].Ask(ctx, req)
		}), asker(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
			asked++
			switch asked {
			case 1:
				time.Sleep(10 * time.Millisecond)
			case 2:
				time.Sleep(5 * time.Millisecond)
			}
			return w.nodes[1].Ask(ctx, req)
		}))
		w.take(0)
		patient := redlatch.WithTries(redlatch.Forever)
		all := []*waiting{w.waits(w.locker.NewMutex(name, patient))}
		time.Sleep(time.Millisecond / 2)
		all = append(all, w.waits(w.locker.NewMutex(name, patient)))
		time.Sleep(time.Second)
		w.nodes[0].Clear()
		<-all[0].done
		if all[0].took > 1300*time.Millisecond {
			t.Errorf("it took %v", all[0].took)
		}
		w.wantTrue(all[0].Unlock())
		<-all[1].done
		w.wantTrue(all[1].Unlock())
		w.must(w.locker.Close(context.Background()))
		w.wantNone()
	})
}

var errRandom = errors.New("no randomness")

// A value that cannot be made ends the wait.
func TestWaitWithoutValue(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.take(0)
		w.wantErr(w.locker.NewMutex(name, redlatch.WithTries(2)).Lock(), redlatch.ErrFailed) // now it is known to be contended
		m := w.locker.NewMutex(name, redlatch.WithGenValueFunc(func() (string, error) { return "", errRandom }))
		w.took(0, func() { w.wantErr(m.Lock(), errRandom, redlatch.ErrFailed) })
		w.wantKeys("another")
		w.wantNoLines()
	})
}
