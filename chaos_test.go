package redlatch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
)

// Whatever befalls messages, links and holders: nobody has the lock while another has, whoever
// is patient gets it, and nothing is left.
func TestWaitUnderFaults(t *testing.T) {
	for _, n := range []int{1, 3, 5} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("N=%d/%d", n, seed), func(t *testing.T) {
				inWorld(t, n, func(w *world) { w.underFaults(rand.New(rand.NewPCG(seed, uint64(n)))) })
			})
		}
	}
}

func (w *world) underFaults(random *rand.Rand) {
	var mu sync.Mutex // guards random and until
	var until time.Time
	chance := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	var processes []*process
	var wait sync.WaitGroup
	for range 4 {
		p := w.process()
		processes = append(processes, p)
		handovers := chance(3)
		for range 3 {
			m := p.NewMutex(name, redlatch.WithExpiry(time.Second), redlatch.WithTries(redlatch.Forever), redlatch.WithLocalHandover(handovers))
			wait.Go(func() {
				for range 6 {
					ctx, cancel := context.Background(), context.CancelFunc(func() {})
					if chance(4) == 0 {
						ctx, cancel = context.WithTimeout(ctx, time.Duration(chance(1000))*time.Millisecond)
					}
					err := m.LockContext(ctx)
					cancel()
					if err != nil {
						if ctx.Err() == nil {
							w.Error(err)
						}
						continue
					}
					mu.Lock()
					now := time.Now()
					if until.After(now) {
						w.Errorf("at %v %q has the lock, and somebody has it until %v", now, m.Value(), until)
					}
					until = m.Until()
					mu.Unlock()
					time.Sleep(time.Duration(chance(50)) * time.Millisecond)
					if chance(8) == 0 {
						time.Sleep(time.Until(m.Until()) + time.Millisecond) // it is late
					}
					mu.Lock()
					if until.Equal(m.Until()) {
						until = time.Time{}
					}
					mu.Unlock()
					m.Unlock()
				}
			})
		}
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	start := time.Now()
	for over := false; !over; {
		p := processes[chance(len(processes))]
		link := p.links[chance(len(p.links))]
		quick := time.Since(start) > time.Minute // then all is well
		switch f := chance(8); {
		case quick:
			link.Thaw()
			link.Mute(false)
			link.Deafen(nil)
			link.Delay(0, 0)
			link.Refuse(nil)
		case f == 0:
			link.Hang()
		case f == 1:
			link.Mute(true)
		case f == 2:
			link.Deafen(errDead)
		case f == 3:
			link.LoseReplies(1)
		case f == 4:
			link.Delay(time.Duration(chance(20))*time.Millisecond, time.Duration(chance(20))*time.Millisecond)
		default:
			link.Thaw()
			link.Mute(false)
			link.Deafen(nil)
		}
		select {
		case <-done:
			over = true
		case <-time.After(time.Duration(chance(40)) * time.Millisecond):
		}
		if time.Since(start) > 10*time.Minute {
			w.Fatal("somebody waits for ever")
		}
	}
	for _, p := range processes {
		for _, link := range p.links {
			link.LoseReplies(0)
			link.Delay(0, 0)
			link.Mute(false)
		}
		p.end(w)
	}
	time.Sleep(2 * time.Second)
	w.wantNone()
	w.wantNoLines()
}
