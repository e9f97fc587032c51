package redlatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
)

// Where the lines of the nodes differ, whoever is first in any looks when the key has expired.
func TestLinesThatDiffer(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.lock(redlatch.WithExpiry(11500 * time.Millisecond))
		end := time.Now().Add(11500 * time.Millisecond)
		var all []*waiting
		var processes []*process
		for i := range 2 {
			p := w.process()
			for k, link := range p.links {
				link.Delay(time.Duration(1+4*((k+i)%2))*time.Millisecond, time.Millisecond)
			}
			all = append(all, w.waits(p.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour))))
			processes = append(processes, p)
		}
		time.Sleep(time.Second)
		if lines := w.nodes[0].Lines()[name]; len(lines) != 2 || lines[0] == w.nodes[1].Lines()[name][0] {
			w.Fatalf("in line are %q and %q", lines, w.nodes[1].Lines()[name])
		}
		for _, p := range processes {
			for _, link := range p.links {
				link.Delay(time.Millisecond, time.Millisecond)
			}
		}
		select {
		case <-all[0].done:
		case <-all[1].done:
		}
		if took := time.Since(end); took < 0 || took > 100*time.Millisecond {
			w.Errorf("one has it %v after the expiry", took)
		}
	})
}

// A node that is slower than the others does not make a waiter begin anew.
func TestWaitWithASlowNode(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		w.meet(p)
		for _, link := range p.links {
			link.Deafen(errDead)
		}
		p.links[2].Delay(100*time.Millisecond, 100*time.Millisecond)
		made := 0
		g := w.waits(p.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithGenValueFunc(func() (string, error) {
			made++
			return string(rune('a' + made)), nil
		})))
		time.Sleep(time.Second)
		w.wantTrue(held.Unlock())
		<-g.done
		w.must(g.err)
		if made != 1 {
			w.Errorf("%d values were made, want 1", made)
		}
		w.wantTrue(g.Unlock())
		time.Sleep(time.Second)
		w.wantNone()
		w.wantNoLines()
	})
}

// Whoever has claimed the lock, and gets no answer, claims it again.
func TestClaimThatIsNotAnswered(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		first := w.waits(p.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour)))
		time.Sleep(5 * time.Millisecond)
		rest, _ := w.line(1, patient...)
		p.links[0].LoseReplies(1)
		start := time.Now()
		w.wantTrue(held.Unlock())
		<-first.done
		w.must(first.err)
		if took := time.Since(start); took < timeout || took > 4*timeout {
			w.Errorf("it has it after %v", took)
		}
		w.wantHolder([]*waiting{first, rest[0]}, 0)
		w.wantTrue(first.Unlock())
		<-rest[0].done
		w.wantTrue(rest[0].Unlock())
		p.end(w)
	})
}

// Close waits for the subscriptions to end.
func TestCloseWaitsForListening(t *testing.T) {
	inEars(t, 1, func(w *world, ears []*ear) {
		ears[0].slow = time.Second
		w.take(0)
		w.waits(w.locker.NewMutex(name))
		w.took(time.Second, func() { w.must(w.locker.Close(context.Background())) })
		ears[0].want(t, 0, 1)
	})
}

// A place in line is given up also at a node that was away for longer than a key would last.
func TestPlaceAtANodeThatWasAway(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		held := w.lock(patient...)
		p := w.process()
		ctx, cancel := context.WithCancel(context.Background())
		g := w.waitsFor(ctx, p.NewMutex(name, redlatch.WithTries(redlatch.Forever), redlatch.WithRetryDelay(time.Hour)))
		time.Sleep(10 * time.Millisecond)
		p.links[2].Hang()
		w.must(p.NewMutex("another").TryLock())
		time.Sleep(timeout)
		cancel()
		<-g.done
		time.Sleep(2 * expiry)
		p.links[2].Thaw()
		time.Sleep(time.Second)
		w.wantNoLines()
		w.wantTrue(held.Unlock())
	})
}
