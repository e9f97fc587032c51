package redlatch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// inEars runs f with a Locker on so many ears.
func inEars(t *testing.T, n int, f func(w *world, ears []*ear)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		var ears []*ear
		var pools []pool.Pool
		for range n {
			e := &ear{Node: memory.New()}
			ears, w.nodes, pools = append(ears, e), append(w.nodes, e.Node), append(pools, e)
		}
		w.locker = redlatch.New(pools...)
		f(w, ears)
		time.Sleep(2 * time.Hour)
	})
}

// Each node is listened to once, whoever waits for whatever: from the first wait on, until
// ten seconds after the last.
func TestListening(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprintf("N=%d", n), func(t *testing.T) {
			inEars(t, n, func(w *world, ears []*ear) {
				want := func(now, begun int) {
					t.Helper()
					for _, e := range ears {
						e.want(t, now, begun)
					}
				}
				var held []*redlatch.Mutex
				var all []*waiting
				for i := range 10 {
					m := w.locker.NewMutex(fmt.Sprint(i))
					w.must(m.Lock())
					held = append(held, m)
				}
				want(0, 0)
				for i := range 50 {
					all = append(all, w.waits(w.locker.NewMutex(fmt.Sprint(i%10), redlatch.WithTries(redlatch.Forever))))
				}
				want(1, 1)
				time.Sleep(time.Second)
				for _, m := range held {
					w.wantTrue(m.Unlock())
				}
				for _, g := range all {
					<-g.done
					w.must(g.err)
					w.wantTrue(g.Unlock())
				}
				time.Sleep(10*time.Second - time.Millisecond)
				want(1, 1)
				time.Sleep(time.Millisecond)
				want(0, 1)
			})
		})
	}
}

// Whoever waits again before the ten seconds are over makes them begin anew.
func TestListeningLingers(t *testing.T) {
	inEars(t, 1, func(w *world, ears []*ear) {
		contended := func() {
			w.take(0)
			g := w.waits(w.locker.NewMutex(name))
			w.nodes[0].Clear()
			<-g.done
			w.must(g.err)
			w.wantTrue(g.Unlock())
		}
		contended()
		for range 3 {
			time.Sleep(9 * time.Second)
			ears[0].want(t, 1, 1)
			contended()
		}
		time.Sleep(10 * time.Second)
		ears[0].want(t, 0, 1)
		contended()
		ears[0].want(t, 1, 2)
		w.must(w.locker.Close(context.Background()))
		ears[0].want(t, 0, 2)
	})
}

// A subscription that takes its time to end says nothing of the next.
func TestListeningEndsLate(t *testing.T) {
	inEars(t, 1, func(w *world, ears []*ear) {
		e := ears[0]
		e.slow = time.Second
		w.take(0)
		ctx, cancel := context.WithCancel(context.Background())
		g := w.waitsFor(ctx, w.locker.NewMutex(name))
		cancel()
		<-g.done
		time.Sleep(10*time.Second + time.Millisecond)
		m := w.locker.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(300*time.Millisecond))
		g = w.waits(m)
		for _, req := range e.sent() {
			if req.Listens {
				w.Errorf("it says to listen, and has only begun to: %+v", req)
			}
		}
		time.Sleep(2 * time.Second)
		e.sent()
		time.Sleep(time.Second)
		sent := e.sent()
		if len(sent) > 4 || len(sent) < 3 {
			w.Errorf("it asks %d times a second, want as often as it is patient", len(sent))
		}
		for _, req := range sent {
			if !req.Listens {
				w.Errorf("it does not say to listen: %+v", req)
			}
		}
		w.nodes[0].Clear()
		<-g.done
	})
}

// When a subscription has broken, and again when there is another, everybody looks.
func TestListeningBreaks(t *testing.T) {
	inEars(t, 1, func(w *world, ears []*ear) {
		e := ears[0]
		var all []*waiting
		for i := range 10 {
			w.must(w.locker.NewMutex(fmt.Sprint(i), redlatch.WithExpiry(time.Hour)).Lock())
			all = append(all, w.waits(w.locker.NewMutex(fmt.Sprint(i), redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour))))
		}
		time.Sleep(10 * time.Millisecond)
		e.want(t, 1, 1)
		looked := func(listens bool) {
			t.Helper()
			names := make(map[string]bool)
			for _, req := range e.sent() {
				if req.Listens == listens {
					names[req.Name] = true
				}
			}
			if len(names) != len(all) {
				t.Errorf("%d have looked, want %d", len(names), len(all))
			}
		}
		e.sent()
		e.breaks(errors.New("broken"))
		time.Sleep(10 * time.Millisecond)
		e.want(t, 0, 1)
		looked(false)
		time.Sleep(20 * time.Second)
		e.mu.Lock()
		begun := e.begun
		e.mu.Unlock()
		if begun < 9 || begun > 12 { // after 50 ms, 100 ms, … 5 s, 5 s
			t.Errorf("in 20 s it was tried to listen %d times", begun)
		}
		e.breaks(pool.ErrDeaf)
		time.Sleep(10 * time.Second) // it is tried once more, and finds that
		e.want(t, 0, begun+1)
		time.Sleep(49 * time.Second)
		e.want(t, 0, begun+1)
		e.breaks(nil)
		e.sent()
		time.Sleep(10 * time.Second)
		e.want(t, 1, begun+2)
		looked(true)
		e.breaks(errors.New("broken"))
		e.breaks(nil)
		time.Sleep(60 * time.Millisecond) // it was up, so this is the first time again
		e.want(t, 1, begun+3)
		w.must(w.locker.Close(context.Background()))
	})
}
