package redlatch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

// R17: whoever waits gives up after the delays that redsync waits for, wherever in line it
// is, and asks at the last try; a lock that is freed just before is got.
func TestPatience(t *testing.T) {
	inWorlds(t, []int{1, 3, 5}, func(w *world) {
		for place := 1; place <= 3; place++ {
			for _, freed := range []bool{false, true} {
				w.take(w.all()...)
				all, processes := w.line(place-1, patient...)
				p := w.process()
				var tries []int
				m := p.NewMutex(name, redlatch.WithTries(4), redlatch.WithRetryDelayFunc(func(try int) time.Duration {
					tries = append(tries, try)
					return time.Duration(try) * 100 * time.Millisecond
				}))
				if freed {
					time.AfterFunc(600*time.Millisecond-time.Microsecond, w.free)
				}
				w.took(600*time.Millisecond, func() {
					err := m.Lock()
					if (err == nil) != freed {
						w.Errorf("place %d, freed in time: %v: %v", place, freed, err)
					}
					if !freed && !isTaken(err) {
						w.Errorf("got %v, want *ErrTaken", err)
					}
				})
				if want := []int{1, 2, 3}; !slices.Equal(tries, want) {
					w.Errorf("the delays were those of the tries %v, want %v", tries, want)
				}
				if !freed {
					w.free()
				} else {
					w.wantTrue(m.Unlock())
				}
				time.Sleep(time.Second)
				for i := range processes { // those before it are not told of a key that was just deleted
					if all[i].isOver() {
						w.must(all[i].err)
						w.wantTrue(all[i].Unlock())
						time.Sleep(10 * time.Millisecond) // the next has it by then
					}
				}
				for _, p := range slices.Backward(append(processes, p)) { // if the first left, the next would be told
					w.must(p.Close(context.Background()))
				}
				w.wantNone()
				w.wantNoLines()
			}
		}
	})
}

// Being told, or subscribed, or robbed of what it was told of, costs a waiter no patience.
func TestWakeUpsAreFree(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock()
		p := w.process()
		var tries []int
		g := w.waits(p.NewMutex(name, redlatch.WithTries(3), redlatch.WithRetryDelayFunc(func(try int) time.Duration {
			tries = append(tries, try)
			return time.Second
		})))
		for range 10 {
			time.Sleep(50 * time.Millisecond)
			for _, link := range p.links {
				link.Deafen(errDead)
				link.Deafen(nil)
			}
		}
		<-g.done
		if !slices.Equal(tries, []int{1, 2}) {
			w.Errorf("the delays were those of the tries %v", tries)
		}
		w.wantErr(g.err, redlatch.ErrFailed)
		if g.took != 2*time.Second {
			w.Errorf("it gave up after %v", g.took)
		}
		w.wantTrue(held.Unlock())
		w.wantNoLines()
	})
}

// Forever is as long as the context lasts.
func TestForever(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		w.take(w.all()...)
		all := []*waiting{}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		for range 3 {
			all = append(all, w.waitsFor(ctx, w.locker.NewMutex(name, redlatch.WithTries(redlatch.Forever))))
			all = append(all, w.waitsFor(ctx, w.process().NewMutex(name, redlatch.WithTries(redlatch.Forever))))
		}
		for _, g := range all {
			<-g.done
			w.wantErr(g.err, context.DeadlineExceeded, redlatch.ErrFailed)
			if g.took != 20*time.Second {
				w.Errorf("it waited for %v, and got %v", g.took, g.err)
			}
		}
		w.wantNoLines()
	})
}

// A process that is told and does not answer, and whose connection does not break, costs the
// others the reservation, and then what it takes until somebody looks: two seconds for one who
// knew itself second, and ten for any.
func TestHungProcessInLine(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		for _, quick := range []int{0, 10} { // how many have their turn before, too quickly for the others to see
			held := w.lock(patient...)
			all, processes := w.line(quick+4, patient...)
			for _, g := range all[:quick] {
				w.wantTrue(held.Unlock())
				<-g.done
				held = g.Mutex
			}
			all, processes = all[quick:], processes[quick:]
			for _, link := range processes[0].links {
				link.Hang()
			}
			start := time.Now()
			w.wantTrue(held.Unlock())
			<-all[1].done
			w.must(all[1].err)
			most := 2 * time.Second
			if quick > 0 {
				most = 10 * time.Second
			}
			if took := time.Since(start); took < pool.Reservation || took > most+pool.Reservation {
				w.Errorf("the next has it after %v", took)
			}
			processes[0].end(w) // its claim comes now
			<-all[0].done
			w.wantErr(all[0].err, redlatch.ErrClosed)
			for i, g := range all[1:] {
				w.wantHolder(all[1+i:], 0)
				w.wantTrue(g.Unlock())
			}
			time.Sleep(time.Second)
			w.wantNone()
			w.wantNoLines()
		}
	})
}
