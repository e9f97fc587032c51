package integration

import (
	"maps"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
)

// counts are what a server counts of the commands it was sent, with those that
// scripts sent.
type counts map[string]int

// byKind are the counts of a server that releases and extends by commands of its
// own, and of the others.
type byKind struct{ native, scripted counts }

// lineless is a name whose lock can have no line.
const lineless = "lock}"

func hasNative(g *servers.Group) bool { return g.Image() == "valkey/valkey:9.1" }

func (k byKind) of(g *servers.Group) counts {
	if hasNative(g) {
		return k.native
	}
	return k.scripted
}

// warm returns a Locker on one server: it has a connection and knows the server,
// and the server knows the scripts.
func warm(t *testing.T, g *servers.Group) (*redlatch.Locker, *servers.Server) {
	t.Helper()
	nodes := g.Nodes(t, 1)
	l := locker(t, nodes)
	m := l.NewMutex("lock", patient)
	lock(t, m)
	extend(t, m)
	if ok, err := m.Valid(); !ok {
		t.Fatal(err)
	}
	unlock(t, m)
	do(t, nodes[0], "CONFIG", "RESETSTAT")
	return l, nodes[0]
}

// wantCounts checks what the server has counted since it was last looked at.
func wantCounts(t *testing.T, s *servers.Server, call string, want counts) {
	t.Helper()
	if got := commands(t, s); !maps.Equal(got, want) {
		t.Errorf("%s: the server counts %v, want %v", call, got, want)
	}
	do(t, s, "CONFIG", "RESETSTAT")
}

func TestPairIsTwoCommands(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		l, s := warm(t, g)
		for range 3 {
			m := l.NewMutex("lock", patient)
			lock(t, m)
			wantCounts(t, s, "Lock", counts{"set": 1})
			unlock(t, m)
			wantCounts(t, s, "Unlock", counts{"evalsha": 1, "get": 1, "zpopmin": 1, "del": 1})
		}
	})
}

func TestExtendIsOneCommand(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		l, s := warm(t, g)
		m := l.NewMutex("lock", patient)
		lock(t, m)
		wantCounts(t, s, "Lock", counts{"set": 1})
		extend(t, m)
		wantCounts(t, s, "Extend", byKind{
			native:   counts{"set": 1},
			scripted: counts{"evalsha": 1, "get": 1, "pexpire": 1},
		}.of(g))
	})
}

func TestTryLockOfTakenLockIsOneCommand(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		l, s := warm(t, g)
		holder := l.NewMutex("lock", patient)
		lock(t, holder)
		wantCounts(t, s, "Lock", counts{"set": 1})
		for range 3 {
			wantTaken(t, "TryLock", l.NewMutex("lock", patient).TryLock(), 1)
			wantCounts(t, s, "TryLock", counts{"set": 1})
		}
	})
}

// Each try is one command, and leaving the line is one more.
func TestLockOfTakenLockIsOneCommandPerTry(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		l, s := warm(t, g)
		do(t, s, "SET", "lock", "another's")
		tries := func(n int) error {
			return l.NewMutex("lock", patient, redlatch.WithTries(n), redlatch.WithRetryDelay(0)).Lock()
		}
		wantTaken(t, "Lock", tries(2), 1) // the server gets to know the scripts
		eventually(t, "a message that shows that there are some", func() bool { return commands(t, s)["publish"] > 0 })
		wantTaken(t, "Lock", tries(2), 1) // and that has come
		left := func() bool { return do(t, s, "EXISTS", theLine) == int64(0) }
		eventually(t, "it has left the line", left)
		do(t, s, "CONFIG", "RESETSTAT")
		wantTaken(t, "Lock", tries(5), 1)
		// The first does not ask for its place, since it has just joined.
		want := counts{"evalsha": 5, "get": 5, "pttl": 5, "time": 5, "zadd": 5, "pexpire": 5, "zrange": 4}
		for name, n := range (counts{"evalsha": 1, "get": 1, "zrange": 2, "zrem": 1}) {
			want[name] += n
		}
		eventually(t, "it has left the line", left)
		want["exists"] = commands(t, s)["exists"] // of this test
		wantCounts(t, s, "Lock", want)
	})
}

func TestScriptsUnknownToTheServer(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		l, s := warm(t, g)
		m := l.NewMutex("lock", patient)
		lock(t, m)
		do(t, s, "SCRIPT", "FLUSH")
		extend(t, m)
		do(t, s, "SCRIPT", "FLUSH")
		if ok, err := m.Valid(); !ok || err != nil {
			t.Errorf("Valid: got %v, %v, want true", ok, err)
		}
		do(t, s, "SCRIPT", "FLUSH")
		unlock(t, m)
		do(t, s, "SCRIPT", "FLUSH")
		do(t, s, "SET", "lock", "another's")
		wantTaken(t, "Lock", l.NewMutex("lock", patient, redlatch.WithTries(3), redlatch.WithRetryDelay(0)).Lock(), 1)
	})
}

// A user who is not allowed the server's own commands releases and extends by
// scripts, as on a server that has none. The lock is one that has no line: others are
// always released by a script.
func TestNativeCommandsForbidden(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		if !hasNative(g) {
			return // nothing to forbid
		}
		s := g.Nodes(t, 1)[0]
		l := redlatch.New(scriptedPool(t, s))
		m := l.NewMutex(lineless, patient)
		lock(t, m)
		unlock(t, m) // refused once, by which it is known
		lock(t, m)
		do(t, s, "CONFIG", "RESETSTAT")
		extend(t, m)
		wantCounts(t, s, "Extend", counts{"evalsha": 1, "eval": 1, "get": 1, "pexpire": 1})
		unlock(t, m)
		wantCounts(t, s, "Unlock", counts{"evalsha": 1, "get": 1, "del": 1})
		nothingLeft(t, []*servers.Server{s})
	})
}

// A user who is allowed what redsync needs, and no more, can do everything.
func TestFewCommandsAllowed(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		s := g.Nodes(t, 1)[0]
		do(t, s, "ACL", "SETUSER", "few", "on", "nopass", "~*", "+set", "+get", "+del", "+pexpire", "+eval", "+evalsha")
		l := redlatch.New(redigo.NewPool(closing(t, &redis.Pool{
			MaxIdle: 10,
			Dial: func() (redis.Conn, error) {
				return redis.Dial("tcp", s.Addr(), redis.DialUsername("few"), redis.DialPassword("any"))
			},
		})))
		m := l.NewMutex("lock", patient)
		lock(t, m)
		if ok, err := m.Valid(); !ok || err != nil {
			t.Errorf("Valid: got %v, %v, want true", ok, err)
		}
		extend(t, m)
		wantTaken(t, "Lock", l.NewMutex("lock", patient, redlatch.WithTries(3), redlatch.WithRetryDelay(0)).Lock(), 1)
		unlock(t, m)
		nothingLeft(t, []*servers.Server{s})
	})
}

// scriptedPool returns a pool on a server with commands of its own whose user is
// not allowed them, so that scripts are used instead.
func scriptedPool(t testing.TB, s *servers.Server) pool.Pool {
	t.Helper()
	do(t, s, "ACL", "SETUSER", "scripted", "on", "nopass", "~*", "+@all", "-delifeq")
	return redigo.NewPool(closing(t, &redis.Pool{
		MaxIdle: 10,
		Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", s.Addr(), redis.DialUsername("scripted"), redis.DialPassword("any"))
		},
	}))
}
