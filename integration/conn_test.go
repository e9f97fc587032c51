package integration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	goredis6 "github.com/go-redis/redis"
	goredis7 "github.com/go-redis/redis/v7"
	goredis8 "github.com/go-redis/redis/v8"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	redsyncgoredis6 "github.com/go-redsync/redsync/v4/redis/goredis"
	redsyncgoredis7 "github.com/go-redsync/redsync/v4/redis/goredis/v7"
	redsyncgoredis8 "github.com/go-redsync/redsync/v4/redis/goredis/v8"
	redsyncgoredis9 "github.com/go-redsync/redsync/v4/redis/goredis/v9"
	redsyncredigo "github.com/go-redsync/redsync/v4/redis/redigo"
	redsyncrueidis "github.com/go-redsync/redsync/v4/redis/rueidis"
	goredis9 "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis/rueidiscompat"

	"github.com/redlatch/redlatch/integration/servers"
	dropingoredis6 "github.com/redlatch/redlatch/redsync/redis/goredis"
	dropingoredis7 "github.com/redlatch/redlatch/redsync/redis/goredis/v7"
	dropingoredis8 "github.com/redlatch/redlatch/redsync/redis/goredis/v8"
	dropingoredis9 "github.com/redlatch/redlatch/redsync/redis/goredis/v9"
	dropinredigo "github.com/redlatch/redlatch/redsync/redis/redigo"
	dropinrueidis "github.com/redlatch/redlatch/redsync/redis/rueidis"
)

// pairs are a pool of redsync's and one of the drop-in's for each client library.
var pairs = map[string]func(t *testing.T, s *servers.Server) (theirs, ours redsyncredis.Pool){
	"redigo": func(t *testing.T, s *servers.Server) (theirs, ours redsyncredis.Pool) {
		p := redigoPool(t, s)
		return redsyncredigo.NewPool(p), dropinredigo.NewPool(p)
	},
	"go-redis 6": func(t *testing.T, s *servers.Server) (theirs, ours redsyncredis.Pool) {
		c := goredis6.NewClient(&goredis6.Options{Addr: s.Addr()})
		closeAfter(t, c)
		return redsyncgoredis6.NewPool(c), dropingoredis6.NewPool(c)
	},
	"go-redis 7": func(t *testing.T, s *servers.Server) (theirs, ours redsyncredis.Pool) {
		c := goredis7.NewClient(&goredis7.Options{Addr: s.Addr()})
		closeAfter(t, c)
		return redsyncgoredis7.NewPool(c), dropingoredis7.NewPool(c)
	},
	"go-redis 8": func(t *testing.T, s *servers.Server) (theirs, ours redsyncredis.Pool) {
		c := goredis8.NewClient(&goredis8.Options{Addr: s.Addr()})
		closeAfter(t, c)
		return redsyncgoredis8.NewPool(c), dropingoredis8.NewPool(c)
	},
	"go-redis 9": func(t *testing.T, s *servers.Server) (theirs, ours redsyncredis.Pool) {
		c := goredis9.NewClient(&goredis9.Options{Addr: s.Addr()})
		closeAfter(t, c)
		return redsyncgoredis9.NewPool(c), dropingoredis9.NewPool(c)
	},
	"rueidis": func(t *testing.T, s *servers.Server) (theirs, ours redsyncredis.Pool) {
		c := rueidiscompat.NewAdapter(rueidisOf(t, s.Addr()))
		return redsyncrueidis.NewPool(c), dropinrueidis.NewPool(c)
	},
}

// connDifferences are what a connection of the drop-in's does otherwise, by client
// library: what has no sensible expiry is refused (C7); and redsync's own panics.
var connDifferences = map[string][]string{
	"redigo":     {"ScriptLoad", "ScriptLoad, its hash"},
	"go-redis 6": {"SetNX, no expiry"},
	"go-redis 7": {"SetNX, no expiry"},
	"go-redis 8": {"SetNX, no expiry", "SetNX, less than a millisecond"},
	"go-redis 9": {"SetNX, no expiry", "SetNX, less than a millisecond"},
	"rueidis":    {"SetNX, no expiry", "SetNX, less than a millisecond"},
}

// Whoever uses a pool of the drop-in's drivers as redsync's interface has it gets what
// redsync's own drivers give; but that redigo's bulk strings are strings (D7).
func TestConnectionsAreRedsyncs(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		for _, library := range slices.Sorted(maps.Keys(pairs)) {
			t.Run(library, func(t *testing.T) {
				s := g.Nodes(t, 1)[0]
				theirs, ours := pairs[library](t, s)
				want := useConn(t, s, theirs)
				do(t, s, "FLUSHALL")
				do(t, s, "SCRIPT", "FLUSH")
				got := useConn(t, s, ours)
				for asked := range want {
					if differ := want[asked] != got[asked]; differ != slices.Contains(connDifferences[library], asked) {
						t.Errorf("%s: redsync's %s, ours %s: that they differ is %v, which the list does not say", asked, want[asked], got[asked], differ)
					}
				}
			})
		}
	})
}

// useConn asks everything of a connection, and returns the answers.
func useConn(t *testing.T, s *servers.Server, p redsyncredis.Pool) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	see := func(asked string, answer any, err error) {
		if err != nil {
			answer = err
		}
		seen[asked] = fmt.Sprintf("%T %[1]v", plain(answer))
	}
	conn, err := p.Get(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	do(t, s, "RPUSH", "list", "x")
	get := func(asked, name string) { v, err := conn.Get(name); see(asked, v, err) }
	setNX := func(asked, name string, expiry time.Duration) {
		ok, err := conn.SetNX(name, "v", expiry)
		see(asked, ok, err)
	}
	pttl := func(asked, name string) {
		d, err := conn.PTTL(name)
		if d > time.Second {
			d = d.Round(time.Minute)
		}
		see(asked, d, err)
	}
	eval := func(asked string, keys int, text string, args ...any) {
		// Not by its hash, which nobody has loaded.
		v, err := conn.Eval(redsyncredis.NewScript(keys, text, "0000000000000000000000000000000000000000"), args...)
		see(asked, v, err)
	}
	get("Get, absent", "a")
	setNX("SetNX", "a", time.Minute)
	setNX("SetNX, taken", "a", time.Minute)
	get("Get", "a")
	pttl("PTTL", "a")
	setNX("SetNX, odd", "odd", time.Minute+1500*time.Microsecond)
	pttl("PTTL, odd", "odd")
	setNX("SetNX, less than a millisecond", "less", 500*time.Microsecond)
	setNX("SetNX, no expiry", "no expiry", 0)
	ok, err := conn.Set("a", "w")
	see("Set", ok, err)
	pttl("PTTL, for ever", "a")
	pttl("PTTL, absent", "b")
	get("Get, wrong type", "list")
	setNX("SetNX, wrong type", "list", time.Minute)
	eval("Eval, number", 1, "return 7", "k")
	eval("Eval, text", 1, "return 'text'", "k")
	eval("Eval, nothing", 1, "return false", "k")
	eval("Eval, list", 1, "return {1, 'text', false}", "k")
	eval("Eval, error", 1, "return redis.call('GET', KEYS[1])", "list")
	eval("Eval, no key", 0, "return #KEYS .. '/' .. #ARGV", "a", "b")
	eval("Eval, two keys", 2, "return #KEYS .. '/' .. #ARGV", "{a}", "{a}b", "c")
	for _, arg := range []any{"s", 1, int64(2), []byte("bytes"), true, false, 1.5} {
		eval(fmt.Sprintf("Eval, %T %v", arg, arg), 1, "return ARGV[1]", "k", arg)
	}
	script := redsyncredis.NewScript(1, "return 'loaded'", "")
	see("ScriptLoad", "", noPanic(func() error { return conn.ScriptLoad(script) }))
	see("ScriptLoad, its hash", script.Hash, nil)
	see("ScriptLoad, bad", "", conn.ScriptLoad(redsyncredis.NewScript(1, "return (", "")))
	see("Close", "", conn.Close())
	return seen
}

// plain returns a reply with strings for redigo's bulk strings.
func plain(reply any) any {
	switch reply := reply.(type) {
	case []byte:
		return string(reply)
	case []any:
		for i := range reply {
			reply[i] = plain(reply[i])
		}
	}
	return reply
}

// noPanic returns f's error, or one of its panic.
func noPanic(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}
