package integration

import (
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool/redigo"
)

// withSlowNode returns a Locker on the nodes that takes its time to connect to
// the last, and a function that waits until that is noticed.
func withSlowNode(t *testing.T, nodes []*servers.Server) (l *redlatch.Locker, notice func()) {
	t.Helper()
	last := len(nodes) - 1
	connecting := make(chan struct{}, 100) // more than there can be connections
	slow := closing(t, &redis.Pool{
		MaxIdle: 10,
		Dial: func() (redis.Conn, error) {
			connecting <- struct{}{}
			time.Sleep(time.Second) // this is the fault
			return redis.Dial("tcp", nodes[last].Addr())
		},
	})
	l = redlatch.New(append(pools(t, nodes[:last]), redigo.NewPool(slow))...)
	return l, func() {
		<-connecting
		time.Sleep(100 * time.Millisecond) // for that long it has not answered
	}
}

// A node is slow, and one of the others has another owner's key: the lock is won
// by the slow one's vote, which comes within the node timeout.
func TestLockByTheVoteOfOneSlowNode(t *testing.T) {
	onNodes(t, []int{3}, func(t *testing.T, nodes []*servers.Server) {
		l, notice := withSlowNode(t, nodes)
		do(t, nodes[1], "SET", "lock", "another's")
		quick := l.NewMutex("another lock", patient)
		lock(t, quick)
		notice()
		m := l.NewMutex("lock", patient)
		if err := m.TryLockContext(within(t)); err != nil {
			t.Errorf("TryLock: %v", err)
		}
		unlock(t, quick)
		if ok, err := m.UnlockContext(within(t)); !ok {
			t.Errorf("Unlock: %v", err)
		}
		do(t, nodes[1], "DEL", "lock")
		nothingLeftForGood(t, nodes)
	})
}

// A node is slow, and one of the others has lost the key: the lock is extended by
// the slow one's vote.
func TestExtendByTheVoteOfOneSlowNode(t *testing.T) {
	onNodes(t, []int{3}, func(t *testing.T, nodes []*servers.Server) {
		l, notice := withSlowNode(t, nodes)
		m := l.NewMutex("lock", patient)
		lock(t, m)
		notice()
		held(t, nodes[:2], "lock", m.Value())
		do(t, nodes[1], "DEL", "lock")
		if ok, err := m.ExtendContext(within(t)); !ok {
			t.Errorf("Extend: %v", err)
		}
		unlock(t, m)
		nothingLeftForGood(t, nodes)
	})
}
