package redlatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

var noWait = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Whoever waits fails, and so does whoever comes later; a lock that is held can be given
// back.
func TestClose(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		held := w.lock()
		local := w.queue(w.locker, 3, redlatch.WithTries(redlatch.Forever))
		time.Sleep(time.Second)
		w.must(w.locker.Close(context.Background()))
		for _, g := range local {
			if !g.isOver() {
				w.Fatal("a Lock still waits")
			}
			w.wantErr(g.err, redlatch.ErrClosed, redlatch.ErrFailed)
		}
		w.wantErr(held.Lock(), redlatch.ErrClosed, redlatch.ErrFailed)
		w.wantErr(w.locker.NewMutex("another").TryLock(), redlatch.ErrClosed, redlatch.ErrFailed)
		w.wantTrue(held.Valid())
		w.wantTrue(held.Extend())
		w.wantTrue(held.Unlock())
		w.wantNone()
		w.wantNoLines()
		w.must(w.locker.Close(noWait)) // there is nothing to wait for
	})
}

// Who waits for its turn in this process fails, too, and asks no node any more.
func TestCloseWhileOthersWaitForTheirTurn(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		for _, leave := range []int{0, 1} {
			l := w.process()
			held := l.NewMutex(name, redlatch.WithLocalHandover(leave))
			w.must(held.Lock())
			local := w.queue(l.Locker, 20, redlatch.WithTries(redlatch.Forever))
			time.Sleep(10 * time.Millisecond)
			for _, link := range l.links {
				link.Forget()
			}
			w.took(0, func() { w.must(l.Close(context.Background())) })
			for _, g := range local {
				<-g.done
				w.wantErr(g.err, redlatch.ErrClosed)
			}
			for _, link := range l.links {
				for _, req := range link.Requests() {
					if req.Op != pool.Release {
						w.Errorf("asked was %v", req.Op)
					}
				}
			}
			w.wantTrue(held.Unlock())
			w.wantNone()
			w.wantNoLines()
		}
	})
}

// When Close has returned, whoever has waited has left the nodes.
func TestCloseWaitsForThoseWhoLeave(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		w.lock()
		p := w.process()
		for range 3 {
			w.queue(p.Locker, 1, redlatch.WithTries(redlatch.Forever))
			w.waits(p.NewMutex("another"))
		}
		time.Sleep(time.Second)
		for _, link := range p.links {
			link.Delay(10*time.Millisecond, 10*time.Millisecond)
		}
		w.must(p.Close(context.Background()))
		for _, node := range w.nodes {
			if lines := node.Lines(); len(lines) != 0 {
				w.Errorf("in line are %q", lines)
			}
		}
		for _, link := range p.links {
			link.Refuse(errDead) // nothing is sent any more
		}
	})
}

// A release that a node has not confirmed is waited for.
func TestCloseWaitsForReleases(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		m := w.lock()
		w.faulty[2].Hang()
		w.wantTrue(m.Unlock())
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.took(time.Second, func() { w.wantErr(w.locker.Close(ctx), context.DeadlineExceeded) })
		time.AfterFunc(time.Second, w.faulty[2].Thaw)
		w.must(w.locker.Close(context.Background()))
		for i, node := range w.nodes {
			if keys := node.Keys(); len(keys) != 0 {
				w.Errorf("node %d has %q", i, keys)
			}
		}
	})
}

// A Lock that asks a node that hangs, when the Locker is closed, returns when it is back.
func TestCloseWhileALockAsks(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		w.lock()
		local := w.queue(w.locker, 1, redlatch.WithRetryDelay(time.Second))
		time.Sleep(900 * time.Millisecond)
		for _, faulty := range w.faulty {
			faulty.Hang()
		}
		time.Sleep(200 * time.Millisecond) // it asks them
		w.wantErr(w.locker.Close(noWait), context.Canceled)
		time.Sleep(50 * time.Millisecond)
		for _, faulty := range w.faulty {
			faulty.Thaw()
		}
		var none context.Context
		w.must(w.locker.Close(none))
		<-local[0].done
		w.wantErr(local[0].err, redlatch.ErrClosed)
		w.wantNoLines()
	})
}

// Whoever holds the lock when the Locker is closed hands it to another process all the same.
func TestCloseAndHandOver(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		p := w.process()
		m := p.NewMutex(name)
		w.must(m.Lock())
		other := w.waits(w.locker.NewMutex(name))
		time.Sleep(10 * time.Millisecond)
		w.must(p.Close(context.Background()))
		w.wantTrue(m.Unlock())
		synctest.Wait()
		w.wantHolder([]*waiting{other}, 0)
	})
}
