package integration

import (
	"slices"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool/redigo"
)

// idle is how many connections of a pool are closed at once.
const idle = 8

// fill makes the pool keep n idle connections, or more.
func fill(t *testing.T, p *redis.Pool, n int) {
	t.Helper()
	var conns []redis.Conn
	for len(conns) < n {
		conn := p.Get()
		if _, err := conn.Do("PING"); err != nil {
			conn.Close() // one that was closed by the server
			continue
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		conn.Close()
	}
	if p.IdleCount() < n {
		t.Fatalf("got %d idle connections, want %d", p.IdleCount(), n)
	}
}

// Before each call the server closes all the connections that the pool keeps.
func TestConnectionsClosedByTheServer(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l, redigos := lockerAndPools(t, nodes)
		closed := func() {
			t.Helper()
			for _, p := range redigos {
				fill(t, p, idle)
			}
			all(t, nodes, command("CLIENT", "KILL", "TYPE", "normal"))
		}
		for range 5 {
			m := l.NewMutex("lock", patient)
			closed()
			lockOnAll(t, m, nodes)
			closed()
			extend(t, m)
			closed()
			if ok, err := m.Valid(); !ok || err != nil {
				t.Errorf("Valid: got %v, %v, want true", ok, err)
			}
			closed()
			wantTaken(t, "TryLock", l.NewMutex("lock", patient).TryLock(), len(nodes))
			closed()
			unlock(t, m)
			nothingLeft(t, nodes)
		}
	})
}

// The server closes connections that were idle for a second.
func TestConnectionsTimedOutByTheServer(t *testing.T) {
	onNodes(t, []int{1}, func(t *testing.T, nodes []*servers.Server) {
		all(t, nodes, command("CONFIG", "SET", "timeout", "1"))
		l, redigos := lockerAndPools(t, nodes)
		timedOut := func() {
			t.Helper()
			for _, p := range redigos {
				fill(t, p, idle)
			}
			eventually(t, "no connection but the one that asks", func() bool {
				return !slices.ContainsFunc(nodes, func(s *servers.Server) bool { return clients(t, s) > 1 })
			})
		}
		m := l.NewMutex("lock", patient)
		timedOut()
		lockOnAll(t, m, nodes)
		timedOut()
		unlock(t, m)
		nothingLeft(t, nodes)
	})
}

// lockerAndPools is locker, with the pools of connections that it uses.
func lockerAndPools(t *testing.T, nodes []*servers.Server) (*redlatch.Locker, []*redis.Pool) {
	redigos := make([]*redis.Pool, len(nodes))
	pools := pools(t, nodes)
	for i, s := range nodes {
		redigos[i] = redigoPool(t, s)
		pools[i] = redigo.NewPool(redigos[i])
	}
	return redlatch.New(pools...), redigos
}
