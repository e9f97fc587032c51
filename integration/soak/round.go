package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
)

const (
	// places is how many processes contend at a time.
	places = 4

	// patience is how long is waited for what must come to be when all is well again.
	patience = 20 * time.Second

	// judging is how long may be looked for an order of the calls.
	judging = 30 * time.Second
)

// A Round is what one round is to be.
type Round struct {
	Seed        uint64
	Nodes       []*servers.Server // the last is durable
	Length      time.Duration     // of the time in which there are faults
	Environment string            // what to add to this program's to make it be a Client

	// Progress is called when the round begins, with a function that returns its
	// figures so far.
	Progress func(func() Stats)
}

// Run plays a round. When it returns, nothing of it is left. Its error says which rule
// was broken, and shows what led to it; or why the round could not be played.
func Run(t servers.TB, r Round) (Stats, error) {
	t.Helper()
	l := newLog()
	r.Progress(l.figures)
	ways, closeWays, err := newWays(r.Nodes)
	defer closeWays()
	if err != nil {
		return l.figures(), err
	}
	c := &crew{environment: r.Environment, seed: r.Seed, ways: ways, log: l, dead: make(map[string]bool), stays: make(map[string]bool)}
	defer c.kill()
	for place := range places {
		if err := c.join(place); err != nil {
			return l.figures(), err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.Length)
	defer cancel()
	(&adversary{seed: r.Seed, nodes: r.Nodes, ways: ways, crew: c, log: l}).run(ctx)
	l.event("all is well")
	calm(c, l)
	c.dismiss()
	aftermath(r.Nodes, c, l)
	return l.conclude()
}

// newWays returns the ways of each client to each node, and a function that closes them.
func newWays(nodes []*servers.Server) (ways [][]*way, closeAll func(), err error) {
	ways = make([][]*way, places)
	closeAll = func() {
		for _, some := range ways {
			eachOf(some, (*way).refuse)
		}
	}
	for place := range ways {
		for _, s := range nodes {
			w, err := newWay(s.Addr())
			if err != nil {
				return ways, closeAll, err
			}
			ways[place] = append(ways[place], w)
		}
	}
	return ways, closeAll, nil
}

// calm waits until every worker has got a lock, now that all is well.
func calm(c *crew, l *log) {
	since := l.now()
	hungry := func() (names []string) {
		got := l.locksSince(since)
		return slices.DeleteFunc(c.present(), func(name string) bool { return got[name] })
	}
	if !eventually(func() bool { return len(hungry()) == 0 }) {
		l.violate("all has been well for %v, and these have got no lock since: %v", patience, hungry())
	}
}

// aftermath checks the nodes when all clients have ended.
func aftermath(nodes []*servers.Server, c *crew, l *log) {
	ended := time.Now()
	keys := func(s *servers.Server) (int, error) { return keys(s, c.leaves) }
	if !eventually(func() bool { return sumOf(nodes, keys) == 0 }) {
		l.violate("%v after the last client has ended, there are keys on the nodes: %s", time.Since(ended), left(nodes))
	}
	if err := freshClient(nodes, keys); err != nil {
		l.violate("a fresh client: %v", err)
	}
	if !eventually(func() bool { return sumOf(nodes, connections) == 0 }) {
		l.violate("nobody is there any more, and the nodes have %d connections", sumOf(nodes, connections))
	}
}

// freshClient locks all locks, each by one try, and unlocks them; nothing is left of
// them long before they would expire.
func freshClient(nodes []*servers.Server, keys func(*servers.Server) (int, error)) (err error) {
	var pools []pool.Pool
	for _, s := range nodes {
		p := &redis.Pool{MaxIdle: 1, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", s.Addr()) }}
		defer p.Close()
		pools = append(pools, redigo.NewPool(p))
	}
	locker := redlatch.New(pools...)
	for _, name := range names {
		m := locker.NewMutex(name, redlatch.WithExpiry(2*patience))
		if failed := m.TryLock(); failed != nil {
			err = errors.Join(err, fmt.Errorf("locking %q by one try: %w", name, failed))
		} else if ok, failed := m.Unlock(); !ok {
			err = errors.Join(err, fmt.Errorf("unlocking %q: %w", name, failed))
		}
	}
	// With its connections: Unlock has not waited for nodes that were slower to connect.
	if !eventually(func() bool { return sumOf(nodes, keys) == 0 }) {
		err = errors.Join(err, fmt.Errorf("it has left keys on the nodes: %s", left(nodes)))
	}
	return err
}

// sumOf returns the sum of what count returns for each node; -1 if one has no answer.
func sumOf(nodes []*servers.Server, count func(*servers.Server) (int, error)) int {
	sum := 0
	for _, s := range nodes {
		n, err := count(s)
		if err != nil {
			return -1
		}
		sum += n
	}
	return sum
}

// keys returns how many keys a node has, without the lines in which nobody stands by a value
// that could not leave.
func keys(s *servers.Server, leaves func(value string) bool) (int, error) {
	names, err := redis.Strings(s.Do("KEYS", "*"))
	n := 0
	for _, name := range names {
		members, err := redis.Strings(s.Do("ZRANGE", name, 0, -1))
		if err != nil || slices.ContainsFunc(members, func(member string) bool {
			_, value, _ := strings.Cut(member, " ")
			return leaves(value)
		}) {
			n++ // no line at all, or one in which others stand
		}
	}
	return n, err
}

// connections returns how many connections a node has, besides the one that asks.
func connections(s *servers.Server) (int, error) {
	text, err := redis.String(s.Do("INFO", "clients"))
	if err != nil {
		return 0, err
	}
	n := 0
	_, err = fmt.Sscanf(fieldOf(text, "connected_clients:"), "%d", &n)
	return n - 1, err
}

// eventually waits until it is so, and returns whether it came to be.
func eventually(is func() bool) bool {
	for start := time.Now(); !is(); {
		if time.Since(start) > patience {
			return false
		}
		time.Sleep(10 * time.Millisecond) // servers tell nobody
	}
	return true
}
