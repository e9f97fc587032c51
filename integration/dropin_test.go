package integration

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	redsyncredigo "github.com/go-redsync/redsync/v4/redis/redigo"
	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	dropin "github.com/redlatch/redlatch/redsync"
	dropinredigo "github.com/redlatch/redlatch/redsync/redis/redigo"
)

// What a program that used redsync can have done to use the drop-in.
const (
	rootReplaced = "root replaced" // redsync's root import alone: its pools are still redsync's
	allReplaced  = "all replaced"  // and that of the pools, too
)

// dropinPools tell what the pool is that such a program makes.
var dropinPools = map[string]func(*redis.Pool) redsyncredis.Pool{
	rootReplaced: func(p *redis.Pool) redsyncredis.Pool { return redsyncredigo.NewPool(p) },
	allReplaced:  func(p *redis.Pool) redsyncredis.Pool { return dropinredigo.NewPool(p) },
}

var replacements = []string{rootReplaced, allReplaced}

var _ mutex = (*dropin.Mutex)(nil)

// The locks of the drop-in that are as patient, as brisk and as hasty as those
// of redlatch.
var (
	patientDropin = dropin.WithRedlatch(patient)
	briskDropin   = dropin.WithRedlatch(brisk)
	hastyDropin   = dropin.WithRedlatch(hasty)
)

// dropinOn returns the drop-in on the nodes, and the pools of connections that
// it uses.
func dropinOn(t testing.TB, nodes []*servers.Server, replacement string) (*dropin.Redsync, []*redis.Pool) {
	var redigos []*redis.Pool
	var pools []redsyncredis.Pool
	for i, s := range nodes {
		redigos = append(redigos, redigoPool(t, s))
		pools = append(pools, dropinPools[replacement](redigos[i]))
	}
	return dropin.New(pools...), redigos
}

// onDropin runs the test on the oldest and the newest server, for every number of
// nodes and every replacement.
func onDropin(t *testing.T, numbers []int, test func(t *testing.T, nodes []*servers.Server, replacement string)) {
	t.Helper()
	on(t, edges, func(t *testing.T, g *servers.Group) {
		for _, n := range numbers {
			for _, replacement := range replacements {
				t.Run(caseName(n, replacement), func(t *testing.T) { test(t, g.Nodes(t, n), replacement) })
			}
		}
	})
}

// lockDropin locks m, and waits until every node has the key.
func lockDropin(t testing.TB, m *dropin.Mutex, nodes []*servers.Server) {
	t.Helper()
	mustDo(t, "Lock", locking(m))
	held(t, nodes, m.Name(), m.Value())
}

// mustDo is a call that has to return true; else it ends the test.
func mustDo(t testing.TB, name string, call func(context.Context) (bool, error)) {
	t.Helper()
	if ok, err := call(within(t)); !ok || err != nil {
		t.Fatalf("%s: got %v, %v, want true", name, ok, err)
	}
}

// Before each call the server closes all the connections that the pools keep.
func TestDropinWithConnectionsClosedByTheServer(t *testing.T) {
	onDropin(t, oneAndThree, func(t *testing.T, nodes []*servers.Server, replacement string) {
		rs, redigos := dropinOn(t, nodes, replacement)
		closed := func() {
			t.Helper()
			for _, p := range redigos {
				fill(t, p, idle)
			}
			all(t, nodes, command("CLIENT", "KILL", "TYPE", "normal"))
		}
		for range 3 {
			m := rs.NewMutex("lock", patientDropin)
			closed()
			lockDropin(t, m, nodes)
			shortenOnAll(t, nodes, "lock")
			closed()
			mustDo(t, "Extend", m.ExtendContext)
			extendedOnAll(t, nodes, "lock")
			closed()
			mustDo(t, "Unlock", m.UnlockContext)
			nothingLeft(t, nodes)
		}
	})
}

// The server closes connections that were idle for a second. The replacements
// wait for that together.
func TestDropinWithConnectionsTimedOutByTheServer(t *testing.T) {
	onNodesOf(t, edges, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		all(t, nodes, command("CONFIG", "SET", "timeout", "1"))
		var mutexes []*dropin.Mutex
		var redigos []*redis.Pool
		for _, replacement := range replacements {
			rs, itsRedigos := dropinOn(t, nodes, replacement)
			mutexes = append(mutexes, rs.NewMutex(replacement, patientDropin))
			redigos = append(redigos, itsRedigos...)
		}
		timedOut := func() {
			t.Helper()
			for _, p := range redigos {
				fill(t, p, idle)
			}
			eventually(t, "no connection but the one that asks", func() bool {
				return !slices.ContainsFunc(nodes, func(s *servers.Server) bool { return clients(t, s) > 1 })
			})
		}
		for _, m := range mutexes {
			lockDropin(t, m, nodes)
		}
		timedOut()
		for _, m := range mutexes {
			mustDo(t, m.Name()+": Extend", m.ExtendContext)
		}
		timedOut()
		for _, m := range mutexes {
			mustDo(t, m.Name()+": Unlock", m.UnlockContext)
		}
		nothingLeft(t, nodes)
	})
}

// A node that hangs holds nobody up, however often, though redsync's own pool
// heeds no context and dials without a timeout. No goroutines and connections
// pile up at it, and when it is back nothing is left on it.
func TestDropinManyTimesWithOneNodePaused(t *testing.T) {
	needServers(t)
	for _, image := range edges { // in turn: what is counted is the whole program's
		t.Run(short(image), func(t *testing.T) {
			g := engine.Lease(t, image)
			for _, replacement := range replacements {
				t.Run(replacement+"/a mutex for each lock", func(t *testing.T) {
					nodes := g.Nodes(t, 3)
					rs, _ := dropinOn(t, nodes, replacement)
					testDropinManyTimes(t, nodes, func() *dropin.Mutex { return rs.NewMutex("lock", briskDropin) })
				})
				t.Run(replacement+"/one mutex", func(t *testing.T) {
					nodes := g.Nodes(t, 3)
					rs, _ := dropinOn(t, nodes, replacement)
					m := rs.NewMutex("lock", briskDropin)
					testDropinManyTimes(t, nodes, func() *dropin.Mutex { return m })
				})
			}
		})
	}
}

func testDropinManyTimes(t *testing.T, nodes []*servers.Server, next func() *dropin.Mutex) {
	const last = 2
	var took timings
	cycle := func() {
		m := next()
		took.call(t, "Lock", locking(m))
		took.call(t, "Extend", m.ExtendContext)
		took.call(t, "Unlock", m.UnlockContext)
	}
	cycle()
	nothingLeft(t, nodes)
	connections := connectionsOf(t, nodes)
	goroutines := runtime.NumGoroutine()
	all(t, nodes[last:], paused.begin)
	took = nil
	// Until the node is known to be late it is asked, for as long as it usually
	// takes several times over: the slower this machine, the more goroutines wait
	// for it. But not one for each cycle, and hardly any more from then on.
	for range cycles {
		cycle()
	}
	meanwhile := runtime.NumGoroutine()
	if meanwhile > goroutines+cycles/2 {
		t.Errorf("got %d goroutines after %d cycles, want not many more than the %d before", meanwhile, cycles, goroutines)
	}
	for range cycles {
		cycle()
		wantFewGoroutines(t, meanwhile)
	}
	wantFewConnections(t, nodes[:last], connections)
	slices.Sort(took)
	t.Logf("%d calls took %v at most, half of them up to %v; %d longer than 300 ms",
		len(took), took[len(took)-1], took[len(took)/2], took.longer(300*time.Millisecond))
	if n := took.longer(2 * time.Second); n > 0 {
		t.Errorf("%d calls took longer than 2 s", n)
	}
	all(t, nodes[last:], paused.end)
	nothingLeftForGood(t, nodes)
	wantFewConnections(t, nodes, connections)

	eventually(t, "a lock on the node that is back", func() bool {
		m := next()
		mustDo(t, "Lock", locking(m))
		defer mustDo(t, "Unlock", m.UnlockContext)
		mustDo(t, "Extend", m.ExtendContext)
		return keys(nodes[last]) == 1
	})
	nothingLeftForGood(t, nodes)
	eventually(t, "few goroutines", func() bool { return runtime.NumGoroutine() <= goroutines+few })
}

// locking returns m's LockContext as a call that returns true.
func locking(m *dropin.Mutex) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		err := m.LockContext(ctx)
		return err == nil, err
	}
}

// timings are how long calls took.
type timings []time.Duration

// call makes a call that has to return true, and adds how long it took.
func (l *timings) call(t *testing.T, name string, call func(context.Context) (bool, error)) {
	t.Helper()
	start := time.Now()
	mustDo(t, name, call)
	*l = append(*l, time.Since(start))
}

// longer returns how many took longer than that.
func (l timings) longer(than time.Duration) int {
	n := 0
	for _, took := range l {
		if took > than {
			n++
		}
	}
	return n
}

func TestDropinLockContextOnOneNodePaused(t *testing.T) {
	onDropin(t, []int{1}, func(t *testing.T, nodes []*servers.Server, replacement string) {
		rs, _ := dropinOn(t, nodes, replacement)
		for _, connections := range []string{"new", "warm"} { // the first Lock has to connect
			whilePaused(t, nodes[0], func() {
				err := rs.NewMutex("lock", briskDropin).LockContext(shortly(t))
				wantEnd(t, connections, err, context.DeadlineExceeded, dropin.ErrFailed)
				if err != dropin.ErrFailed {
					t.Errorf("%s: got %v, want what is equal to ErrFailed", connections, err)
				}
			})
			nothingLeftForGood(t, nodes)
			m := rs.NewMutex("lock", briskDropin)
			lockDropin(t, m, nodes)
			mustDo(t, "Unlock", m.UnlockContext)
			nothingLeft(t, nodes)
		}
	})
}

// A Lock is given up while it is undecided: one node has said yes, one is
// another's, and one hangs.
func TestDropinLockCancelledWithOneNodePaused(t *testing.T) {
	onDropin(t, []int{3}, func(t *testing.T, nodes []*servers.Server, replacement string) {
		free, taken, hung := nodes[:1], nodes[1:2], nodes[2:]
		all(t, taken, command("SET", "lock", "another's"))
		all(t, hung, paused.begin)
		rs, _ := dropinOn(t, nodes, replacement)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- rs.NewMutex("lock", patientDropin).LockContext(ctx) }()
		eventually(t, "the key where it was free", func() bool { return keys(free...) == 1 })
		cancel()
		wantEnd(t, "Lock", <-done, context.Canceled, dropin.ErrFailed)
		nothingLeftForGood(t, free)

		all(t, hung, paused.end)
		nothingLeftForGood(t, []*servers.Server{free[0], hung[0]})
		held(t, taken, "lock", "another's")
	})
}

// Pools that cannot work are reported by the first call, whichever that is, and
// nothing is sent.
func TestDropinOfPoolsThatCannotWork(t *testing.T) {
	var noClient *redis.Pool
	var noPool *foreignPool
	tests := []struct {
		name  string
		pools func(one, two *redis.Pool) []redsyncredis.Pool
		want  string // in the error's text
	}{
		{"none", func(_, _ *redis.Pool) []redsyncredis.Pool { return nil }, "at least one"},
		{"nil", func(one, _ *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{redsyncredigo.NewPool(one), nil}
		}, "pool #1 is nil"},
		{"a nil pointer", func(one, _ *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{redsyncredigo.NewPool(one), noPool}
		}, "pool #1 is nil"},
		{"the same pool twice", func(one, two *redis.Pool) []redsyncredis.Pool {
			p := redsyncredigo.NewPool(one)
			return []redsyncredis.Pool{p, redsyncredigo.NewPool(two), p}
		}, "pool #2 is the same as an earlier one"},
		{"another's pool twice", func(one, two *redis.Pool) []redsyncredis.Pool {
			p := &foreignPool{redsyncredigo.NewPool(one), "of somebody"}
			return []redsyncredis.Pool{p, redsyncredigo.NewPool(two), p}
		}, "pool #2 is the same as an earlier one"},
		{"no client at all", func(one, _ *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{redsyncredigo.NewPool(one), redsyncredigo.NewPool(nil)}
		}, "pool #1 is nil"},
		{"a client that is nil", func(one, _ *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{redsyncredigo.NewPool(one), redsyncredigo.NewPool(noClient)}
		}, "pool #1 is nil"},
		{"two pools over one client", func(one, two *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{redsyncredigo.NewPool(one), redsyncredigo.NewPool(two), redsyncredigo.NewPool(one)}
		}, "pool #2 is the same as an earlier one"},
		{"redlatch's, the same pool twice", func(one, two *redis.Pool) []redsyncredis.Pool {
			p := dropinredigo.NewPool(one)
			return []redsyncredis.Pool{p, dropinredigo.NewPool(two), p}
		}, "pool #2 is the same as an earlier one"},
		{"redlatch's, two pools over one client", func(one, two *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{dropinredigo.NewPool(one), dropinredigo.NewPool(two), dropinredigo.NewPool(one)}
		}, "pool #2 is the same as an earlier one"},
		{"redlatch's, no client at all", func(one, _ *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{dropinredigo.NewPool(one), dropinredigo.NewPool(nil)}
		}, "pool #1 is nil"},
		{"redlatch's, a client that is nil", func(one, _ *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{dropinredigo.NewPool(one), dropinredigo.NewPool(noClient)}
		}, "pool #1 is nil"},
		{"two pools over one client in somebody's clothes", func(one, two *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{redsyncredigo.NewPool(dressed{one}), redsyncredigo.NewPool(dressed{two}), redsyncredigo.NewPool(dressed{one})}
		}, "pool #2 is the same as an earlier one"},
		{"redlatch's, two pools over one client in somebody's clothes", func(one, two *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{dropinredigo.NewPool(dressed{one}), dropinredigo.NewPool(dressed{two}), dropinredigo.NewPool(dressed{one})}
		}, "pool #2 is the same as an earlier one"},
		{"redsync's and redlatch's over one client", func(one, two *redis.Pool) []redsyncredis.Pool {
			return []redsyncredis.Pool{redsyncredigo.NewPool(one), redsyncredigo.NewPool(two), dropinredigo.NewPool(one)}
		}, "pool #2 is the same as an earlier one"},
	}
	onEach(t, func(t *testing.T, g *servers.Group) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				nodes := g.Nodes(t, 2) // as they are when they are new
				rs := dropin.New(test.pools(redigoPool(t, nodes[0]), redigoPool(t, nodes[1]))...)
				for name, first := range firstCalls {
					err := first(rs.NewMutex("lock", patientDropin))
					wantEnd(t, name, err, redlatch.ErrConfig)
					if name == "Lock" || name == "TryLock" {
						wantEnd(t, name, err, dropin.ErrFailed)
					}
					if err != nil && !strings.Contains(err.Error(), test.want) {
						t.Errorf("%s: got %q, want that it says %q", name, err, test.want)
					}
				}
				wantNothingSent(t, nodes)
			})
		}
	})
}

// foreignPool is a pool of somebody's own making.
type foreignPool struct {
	redsyncredis.Pool
	name string
}

// dressed is a client in somebody's clothes.
type dressed struct{ *redis.Pool }

// firstCalls are the calls that can be the first of a mutex.
var firstCalls = map[string]func(mutex) error{
	"Lock":    mutex.Lock,
	"TryLock": mutex.TryLock,
	"Extend":  func(m mutex) error { _, err := m.Extend(); return err },
	"Unlock":  func(m mutex) error { _, err := m.Unlock(); return err },
	"Valid":   func(m mutex) error { _, err := m.Valid(); return err },
}

func TestDropinUnlockContextThatHasEnded(t *testing.T) {
	onDropin(t, oneAndThree, func(t *testing.T, nodes []*servers.Server, replacement string) {
		rs, _ := dropinOn(t, nodes, replacement)
		m := rs.NewMutex("lock", patientDropin)
		lockDropin(t, m, nodes)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if ok, err := m.UnlockContext(ctx); !ok { // a quorum may have been quicker than the look at ctx
			wantEnd(t, "Unlock", err, context.Canceled)
		}
		nothingLeftForGood(t, nodes)
	})
}

// A value that is always the same: the first try hangs and is given up, so that
// what it may have taken has to be released; a later try wins, and keeps the lock.
func TestDropinOneValueAndFirstTryHangs(t *testing.T) {
	onDropinWithOneValue(t, func(t *testing.T, rs *dropin.Redsync, resume func()) *dropin.Mutex {
		tried := make(chan int, 10_000) // more than there can be tries
		m := rs.NewMutex("lock", hastyDropin, oneValue, dropin.WithTries(10_000),
			dropin.WithRetryDelayFunc(func(tries int) time.Duration {
				tried <- tries
				return 10 * time.Millisecond
			}))
		done := make(chan error, 1)
		go func() { done <- m.LockContext(within(t)) }()
		<-tried
		resume()
		if err := <-done; err != nil {
			t.Fatalf("Lock: %v", err)
		}
		return m
	})
}

// The same, of two mutexes: the first is given up, the second wins.
func TestDropinOneValueAndOtherMutexHangs(t *testing.T) {
	onDropinWithOneValue(t, func(t *testing.T, rs *dropin.Redsync, resume func()) *dropin.Mutex {
		err := rs.NewMutex("lock", hastyDropin, oneValue).TryLock()
		var failure *dropin.RedisError
		if !errors.As(err, &failure) || failure.Node != 0 {
			t.Fatalf("TryLock: got %v, want that node #0 gave no answer", err)
		}
		resume()
		m := rs.NewMutex("lock", hastyDropin, oneValue, dropin.WithTries(10_000), dropin.WithRetryDelay(time.Millisecond))
		mustDo(t, "Lock", locking(m))
		return m
	})
}

var oneValue = dropin.WithGenValueFunc(func() (string, error) { return "the same value", nil })

// onDropinWithOneValue runs the test on one node that is paused until the test
// resumes it. The test returns a mutex that has locked since; that keeps the lock.
// The key is free at first, or another's: then the first release does not find what
// it is to undo, and is sent again after the node timeout.
func onDropinWithOneValue(t *testing.T, test func(t *testing.T, rs *dropin.Redsync, resume func()) *dropin.Mutex) {
	onDropin(t, []int{1}, func(t *testing.T, nodes []*servers.Server, replacement string) {
		for _, taken := range []bool{false, true} {
			rs, _ := dropinOn(t, nodes, replacement)
			if taken {
				all(t, nodes, command("SET", "lock", "another's"))
			}
			all(t, nodes, paused.begin)
			m := test(t, rs, func() {
				all(t, nodes, paused.end)
				if taken {
					all(t, nodes, command("DEL", "lock"))
				}
			})
			wantKept(t, nodes, m)
		}
	})
}

// wantKept checks that a hasty lock is on all nodes for longer than releases of
// earlier tries can be put off, and that it can be extended and unlocked then.
func wantKept(t *testing.T, nodes []*servers.Server, m *dropin.Mutex) {
	t.Helper()
	for start := time.Now(); time.Since(start) < time.Second; {
		if n := keys(nodes...); n != len(nodes) {
			t.Fatalf("got %d keys %v after Lock, want %d", n, time.Since(start), len(nodes))
		}
		time.Sleep(10 * time.Millisecond) // what must not come announces itself by nothing
	}
	held(t, nodes, m.Name(), m.Value())
	mustDo(t, "Extend", m.ExtendContext)
	mustDo(t, "Unlock", m.UnlockContext)
	nothingLeftForGood(t, nodes)
}

// A mutex of the drop-in and what its Redlatch returns are one lock, whichever
// it is that locks.
func TestDropinAndItsRedlatchAreOneLock(t *testing.T) {
	onDropin(t, oneAndThree, func(t *testing.T, nodes []*servers.Server, replacement string) {
		rs, _ := dropinOn(t, nodes, replacement)
		m := rs.NewMutex("lock", patientDropin, dropin.WithTries(1))
		for _, c := range []struct {
			name     string
			one, two mutex
		}{
			{"the drop-in locks", m, m.Redlatch()},
			{"redlatch locks", m.Redlatch(), m},
		} {
			mustLock(t, c.one)
			wantSame(t, c.name, m)
			held(t, nodes, "lock", c.two.Value())
			if err := c.two.TryLock(); !isDropinTaken(err) && !isTaken(err) {
				t.Errorf("%s: TryLock by the other: got %v, want that it is taken", c.name, err)
			}
			shortenOnAll(t, nodes, "lock")
			until := c.two.Until()
			if ok, err := c.two.Extend(); !ok || err != nil {
				t.Fatalf("%s: Extend by the other: got %v, %v, want true", c.name, ok, err)
			}
			extendedOnAll(t, nodes, "lock")
			wantSame(t, c.name, m)
			if !c.one.Until().After(until) {
				t.Errorf("%s: got until %v, want one after %v", c.name, c.one.Until(), until)
			}
			if ok, err := c.two.Unlock(); !ok || err != nil {
				t.Fatalf("%s: Unlock by the other: got %v, %v, want true", c.name, ok, err)
			}
			nothingLeft(t, nodes)
			if ok, err := c.one.Extend(); ok || !errors.Is(err, redlatch.ErrNotLocked) {
				t.Errorf("%s: Extend after Unlock by the other: got %v, %v, want ErrNotLocked", c.name, ok, err)
			}
		}
	})
}

// wantSame checks that both faces of a lock say the same.
func wantSame(t *testing.T, what string, m *dropin.Mutex) {
	t.Helper()
	r := m.Redlatch()
	if m.Name() != r.Name() || m.Value() == "" || m.Value() != r.Value() {
		t.Errorf("%s: got %q by value %q, and by Redlatch %q by value %q", what, m.Name(), m.Value(), r.Name(), r.Value())
	}
	if m.Until().IsZero() || !m.Until().Equal(r.Until()) {
		t.Errorf("%s: got until %v, and by Redlatch %v", what, m.Until(), r.Until())
	}
}

// isDropinTaken is isTaken for the drop-in's errors.
func isDropinTaken(err error) bool {
	_, ok := err.(*dropin.ErrTaken)
	return ok
}

// A Locker of the drop-in's nodes makes locks that exclude the drop-in's.
func TestDropinAndItsLockerExcludeEachOther(t *testing.T) {
	onDropin(t, oneAndThree, func(t *testing.T, nodes []*servers.Server, replacement string) {
		rs, _ := dropinOn(t, nodes, replacement)
		m := rs.NewMutex("lock", patientDropin)
		lockDropin(t, m, nodes)
		r := rs.Redlatch().NewMutex("lock", patient)
		wantTaken(t, "TryLock", r.TryLock(), len(nodes))
		mustDo(t, "Unlock", m.UnlockContext)
		nothingLeft(t, nodes)
		lockOnAll(t, r, nodes)
		if err := m.TryLock(); !isDropinTaken(err) {
			t.Errorf("TryLock: got %v, want that it is taken", err)
		}
		unlock(t, r)
		nothingLeft(t, nodes)
	})
}

func TestDropinWithRedlatchsExpiry(t *testing.T) {
	onDropin(t, oneAndThree, func(t *testing.T, nodes []*servers.Server, replacement string) {
		rs, _ := dropinOn(t, nodes, replacement)
		m := rs.NewMutex("lock", dropin.WithExpiry(time.Hour), dropin.WithRedlatch(redlatch.WithExpiry(time.Minute)))
		before := time.Now()
		lockDropin(t, m, nodes)
		for _, s := range nodes {
			if ttl := timeToLive(t, s, "lock"); ttl > time.Minute || ttl < 30*time.Second {
				t.Errorf("got time to live %v, want almost a minute", ttl)
			}
		}
		if valid := m.Until().Sub(before); valid > time.Minute || valid < 30*time.Second {
			t.Errorf("got until %v after Lock began, want almost a minute", valid)
		}
		mustDo(t, "Unlock", m.UnlockContext)
		nothingLeft(t, nodes)
	})
}
