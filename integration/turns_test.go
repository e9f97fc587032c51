package integration

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
)

// untiring are the options of a lock that waits for as long as a test does.
var untiring = redlatch.OptionFunc(func(m *redlatch.Mutex) {
	patient.Apply(m)
	redlatch.WithTries(redlatch.Forever).Apply(m)
})

// tolds are those of one that gets nowhere meanwhile unless it is told that it is its turn,
// or finds out by itself that nobody will tell.
var tolds = redlatch.OptionFunc(func(m *redlatch.Mutex) {
	untiring.Apply(m)
	redlatch.WithRetryDelay(time.Hour).Apply(m)
})

// closingLocker closes l when the test ends, before its connections are.
func closingLocker(t *testing.T, l *redlatch.Locker) *redlatch.Locker {
	t.Cleanup(func() {
		if err := l.Close(within(t)); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return l
}

// waiting begins to lock m, and returns where its error comes.
func waiting(t *testing.T, m *redlatch.Mutex) <-chan error {
	t.Helper()
	ctx := within(t)
	done := make(chan error, 1)
	go func() { done <- m.LockContext(ctx) }()
	return done
}

// inLineBy waits until so many stand in the line of every node, who all can be told, or
// who all poll.
func inLineBy(t *testing.T, nodes []*servers.Server, n int, told bool) {
	t.Helper()
	eventually(t, "all stand in line", func() bool {
		for _, s := range nodes {
			members, err := redis.Strings(s.Do("ZRANGE", theLine, 0, -1))
			if err != nil || len(members) != n {
				return false
			}
			for _, member := range members {
				if strings.HasPrefix(member, " ") == told {
					return false
				}
			}
		}
		return true
	})
}

// takeTurns has Lockers of their own contend, each of which does something while it has the
// lock, until there have been so many turns. It begins when all of them can be told, and
// returns how many turns each had.
func takeTurns(t *testing.T, nodes []*servers.Server, option redlatch.Option, lockers, turns int, do func()) []int {
	t.Helper()
	holder := locker(t, nodes).NewMutex("lock", patient)
	lockOnAll(t, holder, nodes)
	ctx := within(t)
	var inside, sum atomic.Int32
	had := make([]int, lockers)
	var group sync.WaitGroup
	for i := range lockers {
		m := closingLocker(t, locker(t, nodes)).NewMutex("lock", option)
		group.Go(func() {
			for int(sum.Load()) < turns {
				if err := m.LockContext(ctx); err != nil {
					t.Errorf("Lock: %v", err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d are inside", n)
				}
				had[i]++
				sum.Add(1)
				do()
				inside.Add(-1)
				if ok, err := m.Unlock(); !ok {
					t.Errorf("Unlock: %v", err)
				}
			}
		})
	}
	inLineBy(t, nodes, lockers, true)
	unlock(t, holder)
	group.Wait()
	return had
}

// Who contends is served in turn, as often as any other, and told so.
func TestTurnsAreEqual(t *testing.T) {
	onNodesOf(t, edges, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		const each = 12
		had := takeTurns(t, nodes, tolds, 16, 16*each, func() {})
		for _, n := range had {
			if n < each/2 || n > 2*each {
				t.Errorf("%v turns, want %d each", had, each)
				break
			}
		}
		nothingLeft(t, nodes)
	})
}

// Nobody is stranded when the server closes the connections by which the waiters are told:
// while they wait, and in each of their turns.
func TestTurnsWithBrokenSubscriptions(t *testing.T) {
	onNodesOf(t, edges, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		kill := command("CLIENT", "KILL", "TYPE", "pubsub")
		holder := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, holder, nodes)
		var group sync.WaitGroup
		for range 3 {
			m := closingLocker(t, locker(t, nodes)).NewMutex("lock", untiring)
			done := waiting(t, m)
			group.Go(func() { // in any order: who listens again first may come first
				if err := <-done; err != nil {
					t.Errorf("Lock: %v", err)
				} else if ok, err := m.Unlock(); !ok {
					t.Errorf("Unlock: %v", err)
				}
			})
		}
		inLineBy(t, nodes, 3, true)
		all(t, nodes, kill)
		unlock(t, holder)
		group.Wait()
		nothingLeft(t, nodes)
		takeTurns(t, nodes, untiring, 4, 20, func() { all(t, nodes, kill) })
		nothingLeft(t, nodes)
	})
}

// A waiter is told through every driver that can be listened to.
func TestWaiterIsTold(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		for _, name := range listening {
			t.Run(name, func(t *testing.T) {
				nodes := g.Nodes(t, 1)
				holder := locker(t, nodes).NewMutex("lock", patient)
				lock(t, holder)
				m := closingLocker(t, redlatch.New(drivers[name](t, nodes[0].Addr()))).NewMutex("lock", tolds)
				done := waiting(t, m)
				inLineBy(t, nodes, 1, true)
				unlock(t, holder)
				if err := <-done; err != nil {
					t.Fatalf("Lock: %v", err)
				}
				held(t, nodes, "lock", m.Value())
				unlock(t, m)
				nothingLeft(t, nodes)
			})
		}
	})
}

// Users who may not be told, or may not tell, get the lock by polling, and soon.
func TestWaiterThatCannotBeTold(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		for _, rules := range [][]any{
			{"~*", "&*", "+@all", "-publish"},
			{"~*", "&*", "+@all", "-subscribe"},
			{"~*", "&*", "+@all", "-publish", "-subscribe"},
			{"~*", "resetchannels", "+@all"},
		} {
			holder, m := lockerAs(t, nodes, rules).NewMutex("lock", patient), lockerAs(t, nodes, rules).NewMutex("lock", tolds)
			lockOnAll(t, holder, nodes)
			done := waiting(t, m)
			inLineBy(t, nodes, 1, false)
			unlock(t, holder)
			if err := <-done; err != nil {
				t.Fatalf("%v: Lock: %v", rules, err)
			}
			unlock(t, m)
			nothingLeft(t, nodes)
		}
	})
}

// lockerAs returns a Locker whose user has these permissions.
func lockerAs(t *testing.T, nodes []*servers.Server, rules []any) *redlatch.Locker {
	t.Helper()
	var all []pool.Pool
	for _, s := range nodes {
		all = append(all, poolAs(t, s, rules...))
	}
	return closingLocker(t, redlatch.New(all...))
}
