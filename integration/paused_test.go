package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
)

// shortly returns a context that ends soon, and long before a brisk lock gives a
// node up.
func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// whilePaused runs the call while the only node is paused.
func whilePaused(t *testing.T, s *servers.Server, call func()) {
	t.Helper()
	only := []*servers.Server{s}
	all(t, only, paused.begin)
	call()
	all(t, only, paused.end)
}

func TestLockContextOnOneNodePaused(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		for _, connections := range []string{"new", "warm"} { // the first Lock has to connect
			whilePaused(t, nodes[0], func() {
				err := l.NewMutex("lock", brisk).LockContext(shortly(t))
				wantEnd(t, connections, err, context.DeadlineExceeded, redlatch.ErrFailed)
			})
			nothingLeftForGood(t, nodes)
			m := l.NewMutex("lock", brisk)
			lock(t, m)
			unlock(t, m)
		}
	})
}

func TestUnlockContextOnOneNodePaused(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", brisk)
		lock(t, m)
		whilePaused(t, nodes[0], func() {
			ok, err := m.UnlockContext(shortly(t))
			if ok {
				t.Error("got true")
			}
			wantEnd(t, "Unlock", err, context.DeadlineExceeded)
		})
		nothingLeftForGood(t, nodes)
	})
}

func TestExtendContextOnOneNodePaused(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", brisk)
		lock(t, m)
		until := m.Until()
		whilePaused(t, nodes[0], func() {
			ok, err := m.ExtendContext(shortly(t))
			if ok {
				t.Error("got true")
			}
			wantEnd(t, "Extend", err, context.DeadlineExceeded, redlatch.ErrExtendFailed)
		})
		if !m.Until().Equal(until) {
			t.Error("an Extend that failed changed until")
		}
		extend(t, m)
		unlock(t, m)
		nothingLeft(t, nodes)
	})
}

// Without a context that ends it is the node timeout that ends the calls.
func TestCallsOnOneNodePaused(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		holder := l.NewMutex("held", hasty)
		lock(t, holder)
		whilePaused(t, nodes[0], func() {
			wantNoAnswer(t, "Lock", l.NewMutex("lock", hasty, redlatch.WithTries(2)).Lock())
			_, err := holder.Valid()
			wantNoAnswer(t, "Valid", err)
			_, err = holder.Extend()
			wantNoAnswer(t, "Extend", err)
			_, err = holder.Unlock()
			wantNoAnswer(t, "Unlock", err)
		})
		nothingLeftForGood(t, nodes)
	})
}

func wantNoAnswer(t *testing.T, call string, err error) {
	t.Helper()
	var failure *redlatch.RedisError
	if !errors.As(err, &failure) || failure.Node != 0 || !errors.Is(failure, pool.ErrNoAnswer) {
		t.Errorf("%s: got %v, want that node #0 gave no answer", call, err)
	}
}

// A Lock is given up while it is undecided: some nodes have said yes, one is
// another's, the rest hang. It leaves nothing on any of them, and what is
// another's alone.
func TestLockCancelledWithMinorityPaused(t *testing.T) {
	onNodes(t, threeAndFive, func(t *testing.T, nodes []*servers.Server) {
		few := len(nodes) / 2
		free, taken, hung := nodes[:few], nodes[few], nodes[few+1:]
		do(t, taken, "SET", "lock", "another's")
		all(t, hung, paused.begin)

		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- locker(t, nodes).NewMutex("lock", patient).LockContext(ctx) }()
		eventually(t, "the key where it was free", func() bool { return keys(free...) == few })
		cancel()
		wantEnd(t, "Lock", <-done, context.Canceled, redlatch.ErrFailed)
		nothingLeftForGood(t, free)

		all(t, hung, paused.end)
		nothingLeftForGood(t, append(hung, free...))
		held(t, []*servers.Server{taken}, "lock", "another's")
	})
}

// The same, of a Lock that is refused: a majority is another's.
func TestLockRefusedWithMinorityPaused(t *testing.T) {
	onNodes(t, []int{5}, func(t *testing.T, nodes []*servers.Server) {
		free, taken, hung := nodes[:1], nodes[1:4], nodes[4:]
		all(t, taken, command("SET", "lock", "another's"))
		all(t, hung, paused.begin)
		wantTaken(t, "TryLock", locker(t, nodes).NewMutex("lock", patient).TryLockContext(within(t)), len(nodes))
		nothingLeft(t, free)
		all(t, hung, paused.end)
		nothingLeftForGood(t, append(hung, free...))
		held(t, taken, "lock", "another's")
	})
}

// A node that is killed and comes back is locked on again without further ado.
func TestLockWaitsForOneNodeKilled(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		all(t, nodes, killed.begin)
		tried := make(chan int, 10_000) // more than there can be tries
		m := locker(t, nodes).NewMutex("lock", patient, redlatch.WithTries(10_000), redlatch.WithRetryDelayFunc(func(tries int) time.Duration {
			tried <- tries
			return 10 * time.Millisecond
		}))
		done := make(chan error, 1)
		go func() { done <- m.LockContext(within(t)) }()
		<-tried
		all(t, nodes, killed.end)
		if err := <-done; err != nil {
			t.Fatalf("Lock: %v", err)
		}
		unlock(t, m)
		nothingLeftForGood(t, nodes)
	})
}

// The only node has forgotten the lock: the holder is told, and sets no key.
func TestOneNodeRestartedWithoutData(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lock(t, m)
		all(t, nodes, restarted.begin)
		wantExpired(t, m)
		if n, err := redis.Int(nodes[0].Do("DBSIZE")); n != 0 || err != nil {
			t.Errorf("got %d keys, %v, want none", n, err)
		}
	})
}
