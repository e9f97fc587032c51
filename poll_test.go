package redlatch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

// plainly is a node that knows of no lines.
func plainly(p pool.Pool) pool.Pool {
	return punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
		req.Wait, req.Again, req.HandOver, req.Next, req.Explain = false, false, false, "", req.Explain || req.Wait
		return p.Ask(ctx, req)
	})
}

// onlyAsk is a node that keeps lines and sends no messages.
func onlyAsk(p pool.Pool) pool.Pool {
	return punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) { return p.Ask(ctx, req) })
}

// Whoever is not told is first in line all the same, and has the lock within a poll of the
// release; where there is no line, within a delay.
func TestWaitWithoutMessages(t *testing.T) {
	const delay = 70 * time.Millisecond
	deaf := func(err error) func(w *world, p *process) {
		return func(w *world, p *process) {
			for _, link := range p.links {
				link.Deafen(err)
			}
		}
	}
	locker := func(wrap func(pool.Pool) pool.Pool) func(w *world, p *process) {
		return func(w *world, p *process) {
			var pools []pool.Pool
			for _, link := range p.links {
				pools = append(pools, wrap(link))
			}
			p.Locker = redlatch.New(pools...)
		}
	}
	for _, test := range []struct {
		fault string
		most  time.Duration // that a handoff takes, if the holder waits for half a second
		make  func(w *world, p *process)
	}{
		{"no subscription", 26 * time.Millisecond, deaf(errDead)},
		{"never a subscription", 26 * time.Millisecond, deaf(pool.ErrDeaf)},
		{"lost messages", delay, func(w *world, p *process) {
			for _, link := range p.links {
				link.Mute(true)
			}
		}},
		{"no messages", 26 * time.Millisecond, locker(onlyAsk)},
		{"no lines", delay, locker(plainly)},
	} {
		for _, n := range []int{1, 2, 3, 5} {
			t.Run(fmt.Sprintf("%s/N=%d", test.fault, n), func(t *testing.T) {
				inWorld(t, n, func(w *world) {
					held := w.lock()
					p := w.process()
					test.make(w, p)
					g := w.waits(p.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(delay)))
					time.Sleep(500*time.Millisecond + 10*time.Microsecond)
					start := time.Now()
					w.wantTrue(held.Unlock())
					<-g.done
					w.must(g.err)
					if took := time.Since(start); took > test.most {
						w.Errorf("the handoff took %v, want %v at most", took, test.most)
					}
					w.wantTrue(g.Unlock())
					time.Sleep(time.Second)
					w.wantNone()
					w.wantNoLines()
				})
			})
		}
	}
}

// Where fewer nodes than a quorum tell who is first in line, it polls.
func TestWaitWhereFewNodesTell(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		held := w.lock()
		p := w.process()
		p.links[0].Mute(true)
		p.links[1].Deafen(pool.ErrDeaf)
		p.links[2].Deafen(pool.ErrDeaf)
		g := w.waits(p.NewMutex(name, patient...))
		time.Sleep(time.Second + 10*time.Microsecond)
		start := time.Now()
		w.wantTrue(held.Unlock())
		<-g.done
		if took := time.Since(start); took > 50*time.Millisecond {
			w.Errorf("it took %v", took)
		}
	})
}

// A message of one node is reason enough to look, in a moment.
func TestWaitWhereOneMessageComes(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		p.links[1].Mute(true)
		p.links[2].Mute(true)
		g := w.waits(p.NewMutex(name, patient...))
		time.Sleep(time.Second)
		w.took(time.Millisecond, func() {
			w.wantTrue(held.Unlock())
			<-g.done
		})
	})
}

// The first in line polls at a twentieth of the time it has waited, from 1 to 50 ms; the
// others at their own pace.
func TestPolling(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock(patient...)
		all := make([]*waiting, 2)
		var mu sync.Mutex
		asked := make([][]time.Duration, 2) // guarded by mu
		start := time.Now()
		for i := range all {
			var pools []pool.Pool
			for k, node := range w.nodes {
				pools = append(pools, punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
					mu.Lock()
					defer mu.Unlock()
					if k == 0 {
						asked[i] = append(asked[i], time.Since(start))
					}
					return node.Ask(ctx, req)
				}))
			}
			l := redlatch.New(pools...)
			all[i] = w.waits(l.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(700*time.Millisecond)))
		}
		time.Sleep(2100*time.Millisecond + time.Millisecond/2)
		mu.Lock()
		last := time.Duration(0)
		for _, at := range asked[0][2:] {
			least, most := max(last/20, time.Millisecond), min(max(last/20, time.Millisecond), 50*time.Millisecond)
			if step := at - last; step > most+time.Microsecond || step < min(least, most) && at%(700*time.Millisecond) != 0 {
				w.Errorf("at %v it asks after %v, want %v", at, step, most)
			}
			last = at
		}
		want := []time.Duration{0, 0, time.Millisecond, 700 * time.Millisecond, 1400 * time.Millisecond, 2100 * time.Millisecond}
		if got := asked[1]; !slices.Equal(got[:2], want[:2]) || len(got) < 5 || len(got) > 6 || got[len(got)-1] < 2*time.Second {
			w.Errorf("the second asks at %v, want about %v", got, want)
		}
		mu.Unlock()
		w.wantTrue(held.Unlock())
		for _, g := range all {
			<-g.done
			w.wantTrue(g.Unlock())
		}
		w.wantNoLines()
	})
}

// Who waits tells the server whether it is told, and again when that changes.
func TestListens(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		p.links[0].Deafen(errDead)
		g := w.waits(p.NewMutex(name, patient...))
		says := func(want bool) {
			t.Helper()
			time.Sleep(10 * time.Second) // it tries again to listen every five
			all := p.links[0].Requests()
			if got := all[len(all)-1].Listens; got != want {
				w.Errorf("it says that it listens: %v, want %v", got, want)
			}
		}
		says(false)
		p.links[0].Deafen(nil)
		says(true)
		p.links[0].Deafen(errDead)
		says(false)
		p.links[0].Deafen(nil)
		says(true)
		w.wantTrue(held.Unlock())
		w.wantHolder([]*waiting{g}, 0)
	})
}

// A holder that never unlocks is followed, by the first in line, as soon as its key has
// expired; also if it has extended that.
func TestHolderThatNeverUnlocks(t *testing.T) {
	inWorlds(t, []int{1, 3, 5}, func(w *world) {
		for _, extended := range []time.Duration{0, 3 * time.Second} {
			held := w.lock()
			end := time.Now().Add(expiry)
			time.Sleep(300 * time.Microsecond) // what nodes say is left is cut to the millisecond
			all, _ := w.line(3, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour))
			if extended > 0 {
				time.Sleep(time.Until(end.Add(extended - expiry)))
				w.wantTrue(held.Extend())
				end = time.Now().Add(expiry)
			}
			for i, g := range all {
				<-g.done
				w.wantHolder(all[i:], 0)
				if late := time.Since(end); late < 0 || late > 2*time.Millisecond {
					w.Errorf("waiter %d has it %v after the expiry", i, late)
				}
				if i < 1 {
					end = time.Now().Add(expiry)
					continue
				}
				w.wantTrue(g.Unlock())
				end = time.Now()
			}
			w.wantNone()
			w.wantNoLines()
		}
	})
}

// A holder that knows of no lines just deletes its key, and the first in line finds that
// within a delay.
func TestHolderThatKnowsNoLines(t *testing.T) {
	inWorlds(t, []int{1, 3, 5}, func(w *world) {
		w.take(w.all()...)
		all, _ := w.line(3, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(70*time.Millisecond))
		time.Sleep(time.Second)
		w.free()
		start := time.Now()
		<-all[0].done
		if took := time.Since(start); took > 70*time.Millisecond {
			w.Errorf("it took %v", took)
		}
		w.wantHolder(all, 0)
		w.wantTrue(all[0].Unlock())
		w.wantHolder(all[1:], 0)
	})
}
