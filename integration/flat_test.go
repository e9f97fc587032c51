package integration

import (
	"runtime"
	"slices"
	"testing"

	"github.com/redlatch/redlatch/integration/servers"
)

const (
	cycles = 250 // of Lock, Extend and Unlock

	// Goroutines and connections may be that many more than before, whatever
	// the number of cycles: some for each node, and some for each of the few
	// commands that a node that hangs may be sent before it is spared.
	few = 40
)

// onNodesInTurn is onNodes, one after the other: what is counted is the whole
// program's.
func onNodesInTurn(t *testing.T, numbers []int, test func(t *testing.T, nodes []*servers.Server)) {
	t.Helper()
	needServers(t)
	for _, image := range edges {
		t.Run(short(image), func(t *testing.T) {
			g := engine.Lease(t, image)
			for _, n := range numbers {
				t.Run(caseName(n), func(t *testing.T) { test(t, g.Nodes(t, n)) })
			}
		})
	}
}

// One Mutex, and a node that is not even given up while it hangs: what it is to
// be asked waits in line.
func TestOneMutexManyTimesWithOneNodePaused(t *testing.T) {
	onNodesInTurn(t, threeAndFive, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lock(t, m)
		unlock(t, m)
		nothingLeft(t, nodes)
		last := len(nodes) - 1
		connections := connectionsOf(t, nodes)
		goroutines := runtime.NumGoroutine()
		all(t, nodes[last:], paused.begin)
		for range cycles {
			lock(t, m)
			extend(t, m)
			unlock(t, m)
			wantFewGoroutines(t, goroutines)
		}
		wantFewConnections(t, nodes[:last], connections)
		all(t, nodes[last:], paused.end)
		nothingLeftForGood(t, nodes)
		wantFewConnections(t, nodes, connections)
	})
}

// A Mutex for each cycle. The node is given up meanwhile, which is then known to
// all: from then on nothing piles up.
func TestManyMutexesWithOneNodePaused(t *testing.T) {
	onNodesInTurn(t, threeAndFive, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		cycle := func() {
			m := l.NewMutex("lock", hasty)
			lock(t, m)
			extend(t, m)
			unlock(t, m)
		}
		cycle()
		nothingLeft(t, nodes)
		last := len(nodes) - 1
		connections := connectionsOf(t, nodes)
		goroutines := runtime.NumGoroutine()
		all(t, nodes[last:], paused.begin)
		for range cycles {
			cycle()
		}
		eventually(t, "few goroutines", func() bool {
			cycle()
			return runtime.NumGoroutine() <= goroutines+few
		})
		for range cycles {
			cycle()
			wantFewGoroutines(t, goroutines+few) // those above may still be on their way out
		}
		wantFewConnections(t, nodes[:last], connections)
		all(t, nodes[last:], paused.end)
		nothingLeftForGood(t, nodes)
		wantFewConnections(t, nodes, connections)

		eventually(t, "a lock on the node that is back", func() bool {
			m := l.NewMutex("lock", patient)
			lock(t, m)
			defer unlock(t, m)
			extend(t, m)
			return keys(nodes[last]) == 1
		})
		nothingLeftForGood(t, nodes)
	})
}

func wantFewGoroutines(t *testing.T, before int) {
	t.Helper()
	if now := runtime.NumGoroutine(); now > before+few {
		t.Fatalf("got %d goroutines, want not many more than the %d before", now, before)
	}
}

// connectionsOf returns the greatest number of connections that a node has.
func connectionsOf(t *testing.T, nodes []*servers.Server) int {
	t.Helper()
	most := 0
	for _, s := range nodes {
		most = max(most, clients(t, s))
	}
	return most
}

func wantFewConnections(t *testing.T, nodes []*servers.Server, before int) {
	t.Helper()
	eventually(t, "few connections", func() bool {
		return !slices.ContainsFunc(nodes, func(s *servers.Server) bool { return clients(t, s) > before+few })
	})
}
