package integration

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/pool/redigo"
)

// lossy is a way to a server on which replies can be lost.
type lossy struct {
	proxy       *pooltest.Proxy
	pool        *redis.Pool
	unreachable atomic.Bool // connecting fails
}

// lose makes the way lose the next reply, and the connection with it: the server
// has done what it was asked, and nobody is told. It waits until no earlier
// reply is on its way.
func (l *lossy) lose(t *testing.T) {
	t.Helper()
	eventually(t, "one connection, and that idle", func() bool {
		return l.pool.ActiveCount() == 1 && l.pool.IdleCount() == 1
	})
	l.proxy.Mute(true)
}

func (l *lossy) dial() (redis.Conn, error) {
	if l.unreachable.Load() {
		return nil, errors.New("no route to host")
	}
	l.proxy.Mute(false)
	return redis.Dial("tcp", l.proxy.Addr())
}

// overLossy returns a Locker on the nodes, and the way to the first of them.
func overLossy(t *testing.T, nodes []*servers.Server) (*redlatch.Locker, *lossy) {
	t.Helper()
	way := &lossy{proxy: pooltest.NewProxy(t, nodes[0].Addr())}
	way.pool = closing(t, &redis.Pool{MaxIdle: 10, Dial: way.dial})
	pools := append([]pool.Pool{redigo.NewPool(way.pool)}, pools(t, nodes[1:])...)
	return redlatch.New(pools...), way
}

// A connection breaks after the server has done what it was asked, and before it
// says so. The call is answered on the next one as if that had not happened.
func TestReplyLost(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l, way := overLossy(t, nodes)
		m := l.NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		extend(t, m)
		unlock(t, m)
		for range 10 {
			way.lose(t)
			lockOnAll(t, m, nodes)
			way.lose(t)
			extend(t, m)
			way.lose(t)
			unlock(t, m)
			nothingLeftForGood(t, nodes)
		}
	})
}

// A node has acquired, the connection breaks before it says so, and it cannot be
// connected to again for a while. That its key may be there is not forgotten.
func TestLockWithReplyLostAndThenUnreachable(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l, way := overLossy(t, nodes)
		warm := l.NewMutex("lock", patient)
		lockOnAll(t, warm, nodes)
		unlock(t, warm)
		nothingLeft(t, nodes)

		// The others refuse, so that it fails on any number of nodes.
		for _, s := range nodes[1:] {
			do(t, s, "SET", "lock", "another's")
		}
		way.lose(t)
		way.unreachable.Store(true)
		if err := l.NewMutex("lock", patient).TryLock(); !errors.Is(err, redlatch.ErrFailed) {
			t.Errorf("got %v, want ErrFailed", err)
		}
		eventually(t, "the key on the node whose reply was lost", func() bool { return keys(nodes[0]) == 1 })

		way.unreachable.Store(false)
		nothingLeftForGood(t, nodes[:1])
	})
}

// The same, of a Lock that succeeds with the others' votes: Unlock takes away
// also what that node has not told.
func TestUnlockAfterReplyLostAndThenUnreachable(t *testing.T) {
	onNodes(t, []int{3}, func(t *testing.T, nodes []*servers.Server) {
		l, way := overLossy(t, nodes)
		m := l.NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		unlock(t, m)
		nothingLeft(t, nodes)

		way.lose(t)
		way.unreachable.Store(true)
		lock(t, m)
		eventually(t, "the key on the node whose reply was lost", func() bool { return keys(nodes[0]) == 1 })
		unlock(t, m)

		way.unreachable.Store(false)
		nothingLeftForGood(t, nodes)
	})
}

// A node refuses everybody for a while, as it does during a script that takes
// long, or while it loads its data. It is released when it does so no more.
func TestUnlockWithOneNodeBusy(t *testing.T) {
	onNodes(t, []int{3}, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		busy(t, nodes[0], func() { unlock(t, m) })
		nothingLeftForGood(t, nodes)
	})
}

// The same, of the only node: the holder is told the server's words.
func TestUnlockOnOneNodeBusy(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lock(t, m)
		busy(t, nodes[0], func() {
			ok, err := m.Unlock()
			if ok {
				t.Error("got true")
			}
			wantNodeErrors(t, "Unlock", err, 1)
		})
		nothingLeft(t, nodes)
	})
}

// busy runs the call while s refuses everything for want of time.
func busy(t *testing.T, s *servers.Server, call func()) {
	t.Helper()
	do(t, s, "CONFIG", "SET", "busy-reply-threshold", "10")
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Do("EVAL", "while true do end", 0) // until it is killed, or this connection gives up
	}()
	eventually(t, "busy", func() bool {
		var refusal redis.Error
		_, err := s.Do("GET", "lock")
		return errors.As(err, &refusal)
	})
	call()
	do(t, s, "SCRIPT", "KILL")
	<-done
}
