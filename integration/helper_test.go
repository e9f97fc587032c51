package integration

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// do sends one command to s and returns the reply; an error ends the test.
func do(t testing.TB, s *servers.Server, command string, args ...any) any {
	t.Helper()
	reply, err := s.Do(command, args...)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return reply
}

// all does the same to all the servers at once; an error ends the test.
func all(t testing.TB, nodes []*servers.Server, what func(*servers.Server) error) {
	t.Helper()
	errs := make([]error, len(nodes))
	var group sync.WaitGroup
	for i, s := range nodes {
		group.Go(func() { errs[i] = what(s) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// command returns a function for all that sends a command.
func command(name string, args ...any) func(*servers.Server) error {
	return func(s *servers.Server) error {
		_, err := s.Do(name, args...)
		return err
	}
}

// eventually waits until what it asks for is so. If it is not so in a long while
// the test has failed.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); {
		if time.Since(start) > patience {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // servers tell nobody when it is so
	}
}

// held waits until the key holds the value on every node.
func held(t testing.TB, nodes []*servers.Server, name, value string) {
	t.Helper()
	eventually(t, "the key on every node", func() bool {
		return !slices.ContainsFunc(nodes, func(s *servers.Server) bool {
			got, err := redis.String(s.Do("GET", name))
			return err != nil || got != value
		})
	})
}

// nothingLeft waits until no node has any key.
func nothingLeft(t testing.TB, nodes []*servers.Server) {
	t.Helper()
	eventually(t, "no key on any node", func() bool { return keys(nodes...) == 0 })
}

// nothingLeftForGood is nothingLeft, and it waits until that stays so: what was
// still on its way to a node has come by then.
func nothingLeftForGood(t testing.TB, nodes []*servers.Server) {
	t.Helper()
	since := time.Now()
	eventually(t, "no key on any node for good", func() bool {
		if keys(nodes...) != 0 {
			since = time.Now()
		}
		return time.Since(since) > 50*time.Millisecond // many round trips
	})
}

// keys returns how many keys the nodes have in all, or -1 if one cannot be asked.
func keys(nodes ...*servers.Server) int {
	sum := 0
	for _, s := range nodes {
		n, err := redis.Int(s.Do("DBSIZE"))
		if err != nil {
			return -1
		}
		sum += n
	}
	return sum
}

// timeToLive returns what the key has left on s.
func timeToLive(t testing.TB, s *servers.Server, name string) time.Duration {
	t.Helper()
	ms, err := redis.Int64(do(t, s, "PTTL", name), nil)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}

// shortenOnAll leaves the key half a minute to live on every node.
func shortenOnAll(t testing.TB, nodes []*servers.Server, name string) {
	t.Helper()
	all(t, nodes, command("PEXPIRE", name, 30_000))
}

// extendedOnAll waits until the key has been given a minute anew on every node.
func extendedOnAll(t testing.TB, nodes []*servers.Server, name string) {
	t.Helper()
	eventually(t, "almost a minute to live on every node", func() bool {
		return !slices.ContainsFunc(nodes, func(s *servers.Server) bool {
			ttl := timeToLive(t, s, name)
			return ttl < 35*time.Second || ttl > time.Minute
		})
	})
}

// commands returns what the server has been asked since it was reset, command by
// command, those included that scripts sent.
func commands(t testing.TB, s *servers.Server) map[string]int {
	t.Helper()
	calls := make(map[string]int)
	for name, stats := range info(t, s, "commandstats") {
		name, found := strings.CutPrefix(name, "cmdstat_")
		if !found || name == "info" || name == "config|resetstat" {
			continue
		}
		count, _, _ := strings.Cut(strings.TrimPrefix(stats, "calls="), ",")
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatalf("INFO commandstats: %s:%s", name, stats)
		}
		calls[name] = n
	}
	return calls
}

// info returns a section of what the server says of itself.
func info(t testing.TB, s *servers.Server, section string) map[string]string {
	t.Helper()
	text, err := redis.String(do(t, s, "INFO", section), nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			fields[name] = value
		}
	}
	return fields
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
