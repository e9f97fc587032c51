package integration

import (
	"testing"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
)

// configurations are the steps from one node to three. The pools are those of
// the three nodes.
var configurations = []struct {
	name string
	new  func(pools []pool.Pool) *redlatch.Locker
}{
	{"one", func(p []pool.Pool) *redlatch.Locker { return redlatch.New(p[0]) }},
	{"joint", func(p []pool.Pool) *redlatch.Locker { return redlatch.NewJoint(p[:1], p) }},
	{"three", func(p []pool.Pool) *redlatch.Locker { return redlatch.New(p...) }},
}

// Each configuration excludes itself and its neighbours, whoever is first.
func TestJointExcludesOldAndNew(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		for i, first := range configurations {
			for j := max(0, i-1); j <= min(i+1, len(configurations)-1); j++ {
				second := configurations[j]
				t.Run(first.name+" then "+second.name, func(t *testing.T) {
					nodes := g.Nodes(t, 3)
					holder := first.new(pools(t, nodes)).NewMutex("lock", patient)
					waiter := second.new(pools(t, nodes)).NewMutex("lock", patient)
					lock(t, holder)
					extend(t, holder)
					if err := waiter.TryLock(); err == nil {
						t.Fatal("there are two holders")
					}
					if ok, err := holder.Valid(); !ok || err != nil {
						t.Errorf("after the refusal, the holder's Valid: got %v, %v, want true", ok, err)
					}
					unlock(t, holder)
					nothingLeft(t, nodes)
					lock(t, waiter)
					if err := holder.TryLock(); err == nil {
						t.Fatal("there are two holders")
					}
					unlock(t, waiter)
					nothingLeft(t, nodes)
				})
			}
		}
	})
}

// The old configuration's only node is away: the joint one, which needs it,
// fails, and leaves nothing on the others.
func TestJointWithOldNodeKilled(t *testing.T) {
	onNodes(t, []int{3}, func(t *testing.T, nodes []*servers.Server) {
		p := pools(t, nodes)
		m := redlatch.NewJoint(p[:1], p).NewMutex("lock", patient)
		all(t, nodes[:1], killed.begin)
		err := m.TryLock()
		wantEnd(t, "TryLock", err, redlatch.ErrFailed)
		wantNodeErrors(t, "TryLock", err, 1)
		nothingLeft(t, nodes[1:])
		all(t, nodes[:1], killed.end)
		nothingLeftForGood(t, nodes)
	})
}

// One of the new nodes hangs: the joint configuration does without it.
func TestJointWithOneNewNodePaused(t *testing.T) {
	onNodes(t, []int{3}, func(t *testing.T, nodes []*servers.Server) {
		p := pools(t, nodes)
		m := redlatch.NewJoint(p[:1], p).NewMutex("lock", patient)
		all(t, nodes[2:], paused.begin)
		lock(t, m)
		extend(t, m)
		unlock(t, m)
		all(t, nodes[2:], paused.end)
		nothingLeftForGood(t, nodes)
	})
}
