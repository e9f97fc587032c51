package redlatch_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// A lock that nobody waits for is asked for by the plain command; one that is held in this
// process is not asked for; and one that was waited for until lately is asked for by who
// stands in line at once.
func TestPlainCommand(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		want := func(what string, waits bool) {
			w.Helper()
			w.faulty[0].Forget()
			m := w.locker.NewMutex(name, leave...)
			w.must(m.Lock())
			synctest.Wait()
			for _, req := range w.faulty[0].Requests() {
				if req.Wait != waits {
					w.Errorf("%s: it stands in line: %v", what, req.Wait)
				}
			}
			w.wantTrue(m.Unlock())
			synctest.Wait()
		}
		want("at first", false)
		want("again", false)
		held := w.lock(leave...)
		synctest.Wait()
		w.sent(0)
		local := w.queue(w.locker, 3, leave...)
		time.Sleep(time.Second)
		if sent := w.sent(0); len(sent) != 0 {
			w.Errorf("asked was %v", sent)
		}
		w.wantTrue(held.Unlock())
		for _, g := range local {
			<-g.done
			w.wantTrue(g.Unlock())
		}
		time.Sleep(10*time.Second - time.Millisecond)
		want("after contention", true)
		time.Sleep(10 * time.Second)
		want("after the memory of contention", false)
	})
}

// Holders that never unlock are forgotten.
func TestHoldersAreForgotten(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		w.lock(leave...)
		time.Sleep(expiry)
		for i := range 100 {
			w.must(w.locker.NewMutex(string(rune('a'+i)), leave...).Lock())
		}
		w.faulty[0].Forget()
		w.lock(leave...)
		if req := w.faulty[0].Requests()[0]; req.Wait {
			w.Errorf("it is asked for %+v", req)
		}
	})
}
