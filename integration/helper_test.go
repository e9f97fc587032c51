package integration

import (
	"context"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
)

var (
	oneAndThree  = []int{1, 3}
	threeAndFive = []int{3, 5}
)

// patience is how long a test waits for what must come to be. It is a wide
// margin, and less than the expiry of a patient lock: what is gone by then has
// not merely expired.
const patience = 20 * time.Second

// patient are the options of a lock that waits longer for a node than a test
// waits for anything: whatever succeeds has not waited for a node that hangs.
var patient = redlatch.OptionFunc(func(m *redlatch.Mutex) {
	redlatch.WithExpiry(time.Minute).Apply(m)
	redlatch.WithTimeoutFactor(0.5).Apply(m)
})

// brisk are the options of a lock whose loose ends are tied up long before it
// expires: a release that may have come before the acquire it undoes is sent
// again after the node timeout.
var brisk = redlatch.OptionFunc(func(m *redlatch.Mutex) {
	redlatch.WithExpiry(time.Minute).Apply(m)
	redlatch.WithTimeoutFactor(0.05).Apply(m) // 3 s
})

// hasty are the options of a lock that does give a node up while a test waits.
var hasty = redlatch.OptionFunc(func(m *redlatch.Mutex) {
	redlatch.WithExpiry(time.Minute).Apply(m)
	redlatch.WithTimeoutFactor(0.01).Apply(m) // 600 ms
})

// redigoPool returns a pool of connections to s, as somebody makes it who thinks
// of no timeout. It is closed when the test ends: nothing that is still under
// way in the background then disturbs the next test.
func redigoPool(t testing.TB, s *servers.Server) *redis.Pool {
	return closing(t, &redis.Pool{
		MaxIdle: 10,
		Dial:    func() (redis.Conn, error) { return redis.Dial("tcp", s.Addr()) },
	})
}

// redigoContextPool is redigoPool with a dial function that heeds a context.
func redigoContextPool(t testing.TB, s *servers.Server) *redis.Pool {
	return closing(t, &redis.Pool{
		MaxIdle:     10,
		DialContext: func(ctx context.Context) (redis.Conn, error) { return redis.DialContext(ctx, "tcp", s.Addr()) },
	})
}

func closing(t testing.TB, p *redis.Pool) *redis.Pool {
	t.Cleanup(func() { p.Close() })
	return p
}

// locker returns a Locker on the nodes, with connections of its own.
func locker(t testing.TB, nodes []*servers.Server) *redlatch.Locker {
	return redlatch.New(pools(t, nodes)...)
}

func pools(t testing.TB, nodes []*servers.Server) []pool.Pool {
	var pools []pool.Pool
	for _, s := range nodes {
		pools = append(pools, redigo.NewPool(redigoPool(t, s)))
	}
	return pools
}

// within returns a context that ends when the test's patience does, and long
// before a patient lock gives a node up.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience/2)
	t.Cleanup(cancel)
	return ctx
}

// lock locks m; an error ends the test.
func lock(t testing.TB, m *redlatch.Mutex) {
	t.Helper()
	if err := m.LockContext(within(t)); err != nil {
		t.Fatalf("Lock: %v", err)
	}
}

// lockOnAll locks m, and waits until every node has the key: Lock returns when a
// quorum has it.
func lockOnAll(t testing.TB, m *redlatch.Mutex, nodes []*servers.Server) {
	t.Helper()
	lock(t, m)
	held(t, nodes, m.Name(), m.Value())
}

// extend extends m; an error ends the test.
func extend(t testing.TB, m *redlatch.Mutex) {
	t.Helper()
	if ok, err := m.ExtendContext(within(t)); !ok || err != nil {
		t.Fatalf("Extend: got %v, %v, want true", ok, err)
	}
}

// unlock unlocks m; an error ends the test.
func unlock(t testing.TB, m *redlatch.Mutex) {
	t.Helper()
	if ok, err := m.UnlockContext(within(t)); !ok || err != nil {
		t.Fatalf("Unlock: got %v, %v, want true", ok, err)
	}
}

// nodeErrors returns the failures of single nodes in err, by node.
func nodeErrors(err error) map[int]*redlatch.RedisError {
	found := make(map[int]*redlatch.RedisError)
	var walk func(error)
	walk = func(err error) {
		if e, ok := err.(*redlatch.RedisError); ok {
			found[e.Node] = e
			return
		}
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	return found
}
