package integration

import (
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	redsyncredigo "github.com/go-redsync/redsync/v4/redis/redigo"
	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
)

// mutex is what a redsync.Mutex and a redlatch.Mutex have in common.
type mutex interface {
	Lock() error
	TryLock() error
	Unlock() (bool, error)
	Extend() (bool, error)
	Valid() (bool, error)
	Name() string
	Value() string
	Until() time.Time
}

var (
	_ mutex = (*redsync.Mutex)(nil)
	_ mutex = (*redlatch.Mutex)(nil)
)

// A maker makes a mutex for a minute; of a lock that is held already if it is
// given the value.
type maker func(name, value string) mutex

// makers returns one for each library, on connections of its own.
func makers(t *testing.T, nodes []*servers.Server) map[string]maker {
	var pools []redsyncredis.Pool
	for _, s := range nodes {
		pools = append(pools, redsyncredigo.NewPool(redigoPool(t, s)))
	}
	rs, rl := redsync.New(pools...), locker(t, nodes)
	return map[string]maker{
		"redsync": func(name, value string) mutex {
			return rs.NewMutex(name, redsync.WithExpiry(time.Minute), redsync.WithTries(1), redsync.WithValue(value))
		},
		"redlatch": func(name, value string) mutex {
			return rl.NewMutex(name, patient, redlatch.WithTries(1), redlatch.WithValue(value))
		},
	}
}

// other returns the library that the given one is not.
func other(library string) string {
	if library == "redsync" {
		return "redlatch"
	}
	return "redsync"
}

// onBoth runs the test with each library in the first place and the other in the
// second.
func onBoth(t *testing.T, test func(t *testing.T, nodes []*servers.Server, one, two maker)) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		for _, n := range oneAndThree {
			for _, library := range []string{"redsync", "redlatch"} {
				t.Run(caseName(n, library), func(t *testing.T) {
					nodes := g.Nodes(t, n)
					makers := makers(t, nodes)
					test(t, nodes, makers[library], makers[other(library)])
				})
			}
		}
	})
}

// Every lock leaves the same on the servers, whoever has it: one key, a string,
// named as the lock, with 16 bytes in base64 and a time to live.
func TestKeyIsRedsyncs(t *testing.T) {
	const name = "resource {1}"
	onBoth(t, func(t *testing.T, nodes []*servers.Server, one, _ maker) {
		m := one(name, "")
		mustLock(t, m)
		if random, err := base64.StdEncoding.DecodeString(m.Value()); err != nil || len(m.Value()) != 24 || len(random) != 16 {
			t.Errorf("got value %q, want 24 characters of base64", m.Value())
		}
		held(t, nodes, name, m.Value())
		for _, s := range nodes {
			if all, err := redis.Strings(s.Do("KEYS", "*")); err != nil || len(all) != 1 || all[0] != name {
				t.Errorf("got keys %q, %v, want the lock's alone", all, err)
			}
			if kind := do(t, s, "TYPE", name); kind != "string" {
				t.Errorf("got a key of type %v", kind)
			}
			if ttl := timeToLive(t, s, name); ttl > time.Minute || ttl < 40*time.Second {
				t.Errorf("got time to live %v, want almost a minute", ttl)
			}
		}
		if ok, err := m.Unlock(); !ok || err != nil {
			t.Errorf("Unlock: got %v, %v, want true", ok, err)
		}
		nothingLeft(t, nodes)
	})
}

// With the same value, the servers keep the same bytes.
func TestDumpIsRedsyncs(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		nodes := g.Nodes(t, 1)
		value := func() (string, error) { return "the same value", nil }
		rs := redsync.New(redsyncredigo.NewPool(redigoPool(t, nodes[0]))).NewMutex("lock", redsync.WithGenValueFunc(value))
		rl := locker(t, nodes).NewMutex("lock", redlatch.WithGenValueFunc(value))
		var dumps, encodings []string
		for _, m := range []mutex{rs, rl} {
			mustLock(t, m)
			dump, err := redis.String(nodes[0].Do("DUMP", "lock"))
			if err != nil {
				t.Fatal(err)
			}
			encoding, err := redis.String(nodes[0].Do("OBJECT", "ENCODING", "lock"))
			if err != nil {
				t.Fatal(err)
			}
			dumps, encodings = append(dumps, dump), append(encodings, encoding)
			if ok, err := m.Unlock(); !ok {
				t.Fatal(err)
			}
		}
		if dumps[0] != dumps[1] || encodings[0] != encodings[1] {
			t.Errorf("redsync's key: %q, %s; redlatch's: %q, %s", dumps[0], encodings[0], dumps[1], encodings[1])
		}
	})
}

// What the one holds the other is refused, until it is unlocked.
func TestLockExcludesTheOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, nodes []*servers.Server, one, two maker) {
		holder, waiter := one("lock", ""), two("lock", "")
		mustLock(t, holder)
		held(t, nodes, "lock", holder.Value())
		for name, call := range map[string]func() error{"Lock": waiter.Lock, "TryLock": waiter.TryLock} {
			if err := call(); !isTaken(err) {
				t.Errorf("%s: got %v, want that it is taken", name, err)
			}
		}
		held(t, nodes, "lock", holder.Value())
		if ok, err := holder.Unlock(); !ok || err != nil {
			t.Errorf("Unlock: got %v, %v, want true", ok, err)
		}
		nothingLeft(t, nodes)
		mustLock(t, waiter)
		if ok, err := waiter.Unlock(); !ok || err != nil {
			t.Errorf("Unlock: got %v, %v, want true", ok, err)
		}
		nothingLeft(t, nodes)
	})
}

// Neither unlocks or extends what is the other's.
func TestLockIsSafeFromTheOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, nodes []*servers.Server, one, two maker) {
		holder, stranger := one("lock", ""), two("lock", "another value")
		mustLock(t, holder)
		held(t, nodes, "lock", holder.Value())
		for _, c := range holderCalls {
			if ok, err := c.call(stranger); ok || !isTaken(err) {
				t.Errorf("%s: got %v, %v, want that it is taken", c.name, ok, err)
			}
		}
		held(t, nodes, "lock", holder.Value())
		if ok, err := holder.Unlock(); !ok || err != nil {
			t.Errorf("Unlock: got %v, %v, want true", ok, err)
		}
	})
}

// A lock's value is enough for the other library to look after it.
func TestLockHandedOverToTheOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, nodes []*servers.Server, one, two maker) {
		first := one("lock", "")
		mustLock(t, first)
		held(t, nodes, "lock", first.Value())
		shortenOnAll(t, nodes, "lock")

		second := two("lock", first.Value())
		if ok, err := second.Valid(); !ok || err != nil {
			t.Errorf("Valid: got %v, %v, want true", ok, err)
		}
		if ok, err := second.Extend(); !ok || err != nil {
			t.Errorf("Extend: got %v, %v, want true", ok, err)
		}
		extendedOnAll(t, nodes, "lock")
		shortenOnAll(t, nodes, "lock")
		if ok, err := first.Extend(); !ok || err != nil {
			t.Errorf("the first holder's Extend: got %v, %v, want true", ok, err)
		}
		extendedOnAll(t, nodes, "lock") // what comes later would be taken for a node that lost its key
		if ok, err := second.Unlock(); !ok || err != nil {
			t.Errorf("Unlock: got %v, %v, want true", ok, err)
		}
		nothingLeft(t, nodes)
		ok, err := first.Unlock()
		if ok || !errors.Is(err, redsync.ErrLockAlreadyExpired) && !errors.Is(err, redlatch.ErrLockAlreadyExpired) {
			t.Errorf("the first holder's Unlock: got %v, %v, want that it has expired", ok, err)
		}
	})
}

func mustLock(t *testing.T, m mutex) {
	t.Helper()
	if err := m.Lock(); err != nil {
		t.Fatalf("Lock: %v", err)
	}
}

// isTaken reports whether err says, as either library does, that a quorum is
// another owner's.
func isTaken(err error) bool {
	switch err.(type) {
	case *redsync.ErrTaken, *redlatch.ErrTaken:
		return true
	}
	return false
}
