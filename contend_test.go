package redlatch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

// split has as many processes as there are nodes contend, each of which is nearest to one of
// the nodes: so each first gets that, and none has a quorum. They wait.
func (w *world) split(wrap func(pool.Pool) pool.Pool, options ...redlatch.Option) (all []*waiting, processes []*process) {
	const near, further = time.Millisecond, 2 * time.Millisecond
	for i := range w.nodes {
		p := w.process()
		var pools []pool.Pool
		for k, link := range p.links {
			link.Delay(further, time.Millisecond)
			if k == i {
				link.Delay(near, time.Millisecond)
			}
			pools = append(pools, wrap(link))
		}
		p.Locker = redlatch.New(pools...)
		processes = append(processes, p)
		w.meet(p)
	}
	for _, p := range processes {
		all = append(all, w.waits(p.NewMutex(name, options...)))
	}
	return all, processes
}

// Contenders of whom each has some of the nodes, and none a quorum, come to one of them soon.
func TestSplit(t *testing.T) {
	for _, test := range []struct {
		nodes string
		wrap  func(pool.Pool) pool.Pool
		delay time.Duration
	}{
		{"lines", func(p pool.Pool) pool.Pool { return p }, time.Hour},
		{"no messages", onlyAsk, 100 * time.Millisecond},
		{"no lines", plainly, 100 * time.Millisecond},
	} {
		for _, n := range []int{2, 3, 4, 5} {
			t.Run(fmt.Sprintf("%s/N=%d", test.nodes, n), func(t *testing.T) {
				inWorld(t, n, func(w *world) {
					all, processes := w.split(test.wrap, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelayFunc(func(int) time.Duration {
						return test.delay/2 + rand.N(test.delay)
					}))
					start := time.Now()
					for range all {
						var holder *waiting
						for holder == nil {
							time.Sleep(time.Millisecond)
							for i, g := range all {
								if g != nil && g.isOver() {
									w.must(g.err)
									holder, all[i] = g, nil
								}
							}
							if took := time.Since(start); took > time.Second {
								w.Fatalf("after %v nobody has it", took)
							}
						}
						w.wantTrue(holder.Unlock())
						start = time.Now()
					}
					for _, p := range processes {
						w.must(p.Close(context.Background()))
					}
					w.wantNone()
					w.wantNoLines()
				})
			})
		}
	}
}

// Who has most of the nodes keeps them, and the others give back what they have.
func TestSplitGoesToWhoHasMost(t *testing.T) {
	inWorld(t, 4, func(w *world) {
		most, least := w.process(), w.process()
		w.meet(most)
		w.meet(least)
		most.links[3].Refuse(errDead)
		least.links[3].Refuse(errDead)
		for i := range 3 {
			first, second := most, least
			if i == 2 {
				first, second = least, most
			}
			first.links[i].Delay(time.Millisecond, time.Millisecond)
			second.links[i].Delay(2*time.Millisecond, time.Millisecond)
		}
		a := w.waits(most.NewMutex(name, patient...))
		b := w.waits(least.NewMutex(name, patient...))
		time.Sleep(20 * time.Millisecond)
		if !gaveBack(least) {
			w.Error("who has least keeps that")
		}
		<-a.done
		w.wantHolder([]*waiting{a, b}, 0)
		if gaveBack(most) {
			w.Error("who has most gave it back")
		}
		w.wantTrue(a.Unlock())
		<-b.done
		w.must(b.err)
		w.wantTrue(b.Unlock())
		w.wantNone()
		most.end(w)
		least.end(w)
	})
}

// gaveBack reports whether p has released anything.
func gaveBack(p *process) bool {
	for _, link := range p.links {
		for _, req := range link.Requests() {
			if req.Op == pool.Release {
				return true
			}
		}
	}
	return false
}

// Of two who have as much, one keeps it.
func TestSplitInHalves(t *testing.T) {
	inWorld(t, 2, func(w *world) {
		all, processes := w.split(func(p pool.Pool) pool.Pool { return p }, patient...)
		time.Sleep(20 * time.Millisecond)
		if gaveBack(processes[0]) == gaveBack(processes[1]) {
			w.Errorf("both have given back, or none has: %v", gaveBack(processes[0]))
		}
		first := 0
		if gaveBack(processes[0]) {
			first = 1
		}
		<-all[first].done
		w.wantTrue(all[first].Unlock())
		<-all[1-first].done
		w.wantTrue(all[1-first].Unlock())
	})
}

// Who has a node while too few answer for anybody to get a quorum gives it back, and is in no
// hurry.
func TestSplitWhereFewAnswer(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.faulty[1].Refuse(errDead)
		w.faulty[2].Refuse(errDead)
		g := w.waits(w.locker.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(100*time.Millisecond)))
		time.Sleep(950 * time.Millisecond)
		if sent := len(w.sent(0)); sent > 30 {
			w.Errorf("it sent %d requests in a second", sent)
		}
		w.wantNone()
		w.faulty[1].Refuse(nil)
		<-g.done
		w.must(g.err)
		w.wantTrue(g.Unlock())
	})
}

// R1: those who wait for the bridge between two configurations are told, too.
func TestJointWaits(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		old, bridge, next := upgrade(w)
		_, other, _ := upgrade(w)
		held := bridge.NewMutex(name)
		w.must(held.Lock())
		all := []*waiting{w.waits(other.NewMutex(name, patient...))}
		time.Sleep(10 * time.Millisecond)
		w.wantTrue(held.Unlock())
		w.took(0, func() { w.wantHolder(all, 0) })
		all = []*waiting{w.waits(old.NewMutex(name, patient...)), w.waits(next.NewMutex(name)), all[0]}
		time.Sleep(10 * time.Millisecond)
		w.wantTrue(all[2].Unlock())
		w.took(0, func() { w.wantHolder(all[:1], 0) })
		w.wantTrue(all[0].Unlock())
		<-all[1].done
		w.must(all[1].err)
		w.wantTrue(all[1].Unlock())
		w.wantNone()
		w.wantNoLines()
	})
}
