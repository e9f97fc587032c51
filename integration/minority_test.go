package integration

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
)

// A fault befalls a server, and comes to an end.
type fault struct{ begin, end func(*servers.Server) error }

var (
	paused       = fault{(*servers.Server).Pause, (*servers.Server).Unpause}
	killed       = fault{(*servers.Server).Kill, (*servers.Server).Start}
	disconnected = fault{(*servers.Server).Disconnect, (*servers.Server).Connect}
	restarted    = fault{restart, func(*servers.Server) error { return nil }}
)

// restart kills a server and starts it again. It has lost its data then.
func restart(s *servers.Server) error {
	if err := s.Kill(); err != nil {
		return err
	}
	return s.Start()
}

func TestMinorityPaused(t *testing.T) {
	testMinority(t, threeAndFive, paused, redigoPool)
}

func TestMinorityKilled(t *testing.T) {
	testMinority(t, threeAndFive, killed, redigoPool)
}

func TestMinorityRestarted(t *testing.T) {
	testMinority(t, []int{3}, restarted, redigoPool)
}

func TestMinorityDisconnected(t *testing.T) {
	testMinority(t, threeAndFive, disconnected, redigoPool)
}

// Connecting can be interrupted with these pools, which cannot be with the others.
func TestMinorityPausedWithDialContext(t *testing.T) {
	testMinority(t, threeAndFive, paused, redigoContextPool)
}

func TestMinorityDisconnectedWithDialContext(t *testing.T) {
	testMinority(t, []int{3}, disconnected, redigoContextPool)
}

// testMinority lets the fault befall as many servers as a quorum can do without,
// before each of the calls. These and all later ones succeed nevertheless, while
// the fault lasts: a context ends long before a node is given up. When it is
// over nothing is left of the lock.
func testMinority(t *testing.T, numbers []int, f fault, newPool func(testing.TB, *servers.Server) *redis.Pool) {
	on(t, edges, func(t *testing.T, g *servers.Group) {
		for _, n := range numbers {
			for _, call := range []string{"Lock", "Extend", "Unlock"} {
				t.Run(caseName(n, call), func(t *testing.T) {
					nodes := g.Nodes(t, n)
					var pools []pool.Pool
					for _, s := range nodes {
						pools = append(pools, redigo.NewPool(newPool(t, s)))
					}
					testMinorityAt(t, f, call, nodes, redlatch.New(pools...))
				})
			}
		}
	})
}

func testMinorityAt(t *testing.T, f fault, call string, nodes []*servers.Server, l *redlatch.Locker) {
	minority := nodes[:len(nodes)/2]
	before := func(next string) {
		if next == call {
			all(t, minority, f.begin)
		}
	}
	m := l.NewMutex("lock", patient)
	lockOnAll(t, m, nodes) // so that there are connections
	unlock(t, m)
	nothingLeft(t, nodes)

	before("Lock")
	lock(t, m)
	if call != "Lock" {
		held(t, nodes, "lock", m.Value())
	}
	before("Extend")
	until := m.Until()
	extend(t, m)
	if !m.Until().After(until) {
		t.Errorf("got until %v, want one after %v", m.Until(), until)
	}
	before("Unlock")
	unlock(t, m)
	nothingLeft(t, nodes[len(minority):])

	all(t, minority, f.end)
	nothingLeftForGood(t, nodes)
}

// A node that is killed while it holds the key has it again when it comes back
// with its data: it was released while the node was away, and is gone soon.
func TestOneNodeKilledThatKeepsItsData(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		nodes := g.NodesAndDurable(t, 3)
		durable := nodes[2]
		do(t, durable, "SET", "witness", "of the data")
		m := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		all(t, nodes[2:], (*servers.Server).Kill)
		extend(t, m)
		unlock(t, m)
		all(t, nodes[2:], (*servers.Server).Start)
		if n := do(t, durable, "DEL", "witness"); n != int64(1) {
			t.Fatal("the server has not kept its data: this test shows nothing")
		}
		nothingLeftForGood(t, nodes)
	})
}

// Nodes that cannot be reached are said to be so, each by its number.
func TestMajorityKilled(t *testing.T)       { testMajority(t, []int{3}, killed, patient) }
func TestMajorityDisconnected(t *testing.T) { testMajority(t, []int{3}, disconnected, patient) }

// Nodes that do not answer are given up after the node timeout.
func TestMajorityPaused(t *testing.T) { testMajority(t, threeAndFive, paused, hasty) }

func testMajority(t *testing.T, numbers []int, f fault, option redlatch.Option) {
	onNodes(t, numbers, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		holder := l.NewMutex("held", option)
		lockOnAll(t, holder, nodes)
		majority := len(nodes)/2 + 1
		all(t, nodes[:majority], f.begin)

		m := l.NewMutex("lock", option, redlatch.WithTries(2))
		err := m.Lock()
		wantEnd(t, "Lock", err, redlatch.ErrFailed)
		wantNodeErrors(t, "Lock", err, majority)
		_, err = holder.Extend()
		wantEnd(t, "Extend", err, redlatch.ErrExtendFailed)
		wantNodeErrors(t, "Extend", err, majority)
		_, err = holder.Unlock()
		wantNodeErrors(t, "Unlock", err, majority)
		nothingLeft(t, nodes[majority:])

		all(t, nodes[:majority], f.end)
		nothingLeftForGood(t, nodes)
	})
}

// wantNodeErrors checks that err has a failure of each of the first n nodes, and
// of no other.
func wantNodeErrors(t *testing.T, call string, err error, n int) {
	t.Helper()
	failures := nodeErrors(err)
	for node := range n {
		if failures[node] == nil {
			t.Errorf("%s: %v says nothing of node #%d", call, err, node)
		}
	}
	if len(failures) > n {
		t.Errorf("%s: %v has failures of more than %d nodes", call, err, n)
	}
}
