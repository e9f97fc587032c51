package redlatch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/dropin"
	"github.com/redlatch/redlatch/pool"
)

// oneValue is the drop-in's way: all tries use one value.
type oneValue struct{}

func (oneValue) Apply(*redlatch.Mutex)        {}
func (oneValue) Semantics() *dropin.Semantics { return &dropin.Semantics{OneValue: true} }

// A value that others may use, too, stands in no line.
func TestOneValueStandsInNoLine(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		w.take(w.all()...)
		m := w.locker.NewMutex(name, oneValue{}, redlatch.WithTries(4), redlatch.WithRetryDelay(100*time.Millisecond))
		w.took(300*time.Millisecond, func() { w.wantErr(m.Lock(), redlatch.ErrFailed) })
		synctest.Wait()
		for _, req := range w.faulty[0].Requests() {
			if req.Wait || req.Value != w.faulty[0].Requests()[0].Value {
				w.Errorf("asked was %+v", req)
			}
		}
		w.wantNoLines()
	})
}

// S1: a value is used again that every node which had given its key has confirmed to have
// back, and no other.
func TestSplitAndValues(t *testing.T) {
	for _, confirmed := range []bool{true, false} {
		inWorld(t, 2, func(w *world) {
			w.take(1)
			var mu sync.Mutex
			released, again, others := make(map[string]bool), 0, 0
			node := punctual(func(ctx context.Context, req pool.Request) (pool.Answer, error) {
				mu.Lock()
				defer mu.Unlock()
				switch {
				case req.Op == pool.Release:
					released[req.Value] = true
					if !confirmed {
						return pool.Answer{}, pool.ErrClosed
					}
				case released[req.Value]:
					again++
				default:
					others++
				}
				return w.nodes[0].Ask(ctx, req)
			})
			l := redlatch.New(node, w.nodes[1])
			g := w.waits(l.NewMutex(name))
			time.Sleep(time.Second)
			mu.Lock()
			if (again > 0) != confirmed || others == 0 {
				w.Errorf("confirmed: %v: %d acquires by a value that was released, and %d by others", confirmed, again, others)
			}
			confirmed = true
			mu.Unlock()
			w.nodes[1].Clear()
			<-g.done
			w.must(g.err)
			w.wantTrue(g.Unlock())
			w.must(l.Close(context.Background()))
			w.wantNone()
		})
	}
}

// S6: what was won too late is given back, and not by a value that is used again.
func TestWaitWonTooLate(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		held := w.lock()
		p := w.process()
		g := w.waits(p.NewMutex(name, redlatch.WithTries(5), redlatch.WithRetryDelay(100*time.Millisecond), redlatch.WithExpiry(20*time.Millisecond), redlatch.WithTimeoutFactor(1)))
		time.Sleep(10 * time.Millisecond)
		for _, link := range p.links {
			link.Delay(0, 19500*time.Microsecond)
			link.Forget()
		}
		w.wantTrue(held.Unlock())
		<-g.done
		w.wantErr(g.err, redlatch.ErrFailed)
		time.Sleep(time.Second)
		acquired := make(map[string]int)
		for _, req := range p.links[0].Requests() {
			if req.Op == pool.Acquire {
				acquired[req.Value]++
			}
		}
		for value, n := range acquired {
			if n > 1 {
				w.Errorf("%q was acquired %d times", value, n)
			}
		}
		if len(acquired) < 2 {
			w.Errorf("acquired was %v", acquired)
		}
		w.wantNone()
		w.wantNoLines()
	})
}

// Nor is it while it is not known that the node keeps lines: one that keeps none takes a key
// that an earlier acquire has set for another's, or for one that is set now.
func TestUnansweredWhereLinesAreUnknown(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.faulty[0].LoseReplies(1)
		m := w.lock()
		var values []string
		for _, req := range w.faulty[0].Requests() {
			if req.Op == pool.Acquire {
				values = append(values, req.Value)
			}
		}
		if len(values) < 2 || values[0] == values[1] || m.Value() == values[0] {
			w.Errorf("the values were %q", values)
		}
		w.wantTrue(m.Unlock())
	})
}

// Of several acquires of one value that were not answered each may take effect: also when a
// release has been confirmed.
func TestSeveralUnanswered(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		p := w.process()
		w.meet(p)
		p.links[0].LoseReplies(1000)
		ctx, cancel := context.WithTimeout(context.Background(), 5*timeout) // for two looks at the least
		defer cancel()
		w.wantErr(p.NewMutex(name).LockContext(ctx), redlatch.ErrFailed)
		p.links[0].LoseReplies(0)
		value := p.links[0].Requests()[0].Value
		for range 2 {
			synctest.Wait()
			w.wantNone()
			late := pool.Request{Op: pool.Acquire, Name: name, Value: value, Expiry: expiry}
			if a, err := w.nodes[0].Ask(context.Background(), late); err != nil || a.State != pool.Yes {
				w.Fatal(a, err)
			}
			for begun := time.Now(); len(w.nodes[0].Keys()) > 1 && time.Since(begun) < time.Second; { // besides that of meet
				time.Sleep(time.Millisecond)
			}
		}
		w.wantNone()
		p.end(w)
	})
}
