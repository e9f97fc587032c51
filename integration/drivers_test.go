package integration

import (
	"io"
	"maps"
	"slices"
	"testing"

	goredis6 "github.com/go-redis/redis"
	goredis7 "github.com/go-redis/redis/v7"
	goredis8 "github.com/go-redis/redis/v8"
	"github.com/gomodule/redigo/redis"
	goredis9 "github.com/redis/go-redis/v9"
	rueidisclient "github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidiscompat"
	"github.com/valkey-io/valkey-go"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/goredis"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/pool/redigo"
	"github.com/redlatch/redlatch/pool/rueidis"
	"github.com/redlatch/redlatch/pool/valkeygo"
	dropinredis "github.com/redlatch/redlatch/redsync/redis"
	dropingoredis6 "github.com/redlatch/redlatch/redsync/redis/goredis"
	dropingoredis7 "github.com/redlatch/redlatch/redsync/redis/goredis/v7"
	dropingoredis8 "github.com/redlatch/redlatch/redsync/redis/goredis/v8"
	dropingoredis9 "github.com/redlatch/redlatch/redsync/redis/goredis/v9"
	dropinrueidis "github.com/redlatch/redlatch/redsync/redis/rueidis"
)

// drivers make a node of a server, each by another client library, of which they
// get the newest version here.
var drivers = map[string]func(t testing.TB, addr string) pool.Pool{
	"redigo": func(t testing.TB, addr string) pool.Pool {
		return redigo.NewPool(closing(t, &redis.Pool{
			MaxIdle: 10,
			Dial:    func() (redis.Conn, error) { return redis.Dial("tcp", addr) },
		}))
	},
	"go-redis 9": func(t testing.TB, addr string) pool.Pool {
		c := goredis9.NewClient(&goredis9.Options{Addr: addr})
		closeAfter(t, c)
		return goredis.NewPool(c)
	},
	"go-redis 9 with ContextTimeoutEnabled": func(t testing.TB, addr string) pool.Pool {
		c := goredis9.NewClient(&goredis9.Options{Addr: addr, ContextTimeoutEnabled: true})
		closeAfter(t, c)
		return nodeOf(dropingoredis9.NewPool(c))
	},
	"go-redis 8": func(t testing.TB, addr string) pool.Pool {
		c := goredis8.NewClient(&goredis8.Options{Addr: addr})
		closeAfter(t, c)
		return nodeOf(dropingoredis8.NewPool(c))
	},
	"go-redis 7": func(t testing.TB, addr string) pool.Pool {
		c := goredis7.NewClient(&goredis7.Options{Addr: addr})
		closeAfter(t, c)
		return nodeOf(dropingoredis7.NewPool(c))
	},
	"go-redis 6": func(t testing.TB, addr string) pool.Pool {
		c := goredis6.NewClient(&goredis6.Options{Addr: addr, MaxRetries: 3})
		closeAfter(t, c)
		return nodeOf(dropingoredis6.NewPool(c))
	},
	"rueidis": func(t testing.TB, addr string) pool.Pool {
		return rueidis.NewPool(rueidisOf(t, addr))
	},
	"rueidiscompat": func(t testing.TB, addr string) pool.Pool {
		return nodeOf(dropinrueidis.NewPool(rueidiscompat.NewAdapter(rueidisOf(t, addr))))
	},
	"valkey-go": func(t testing.TB, addr string) pool.Pool {
		c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{addr}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return valkeygo.NewPool(c)
	},
}

func rueidisOf(t testing.TB, addr string) rueidisclient.Client {
	c, err := rueidisclient.NewClient(rueidisclient.ClientOption{InitAddress: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func closeAfter(t testing.TB, c io.Closer) { t.Cleanup(func() { c.Close() }) }

// nodeOf returns the node that a pool of the drop-in's drivers is.
func nodeOf(p dropinredis.Pool) pool.Pool { return p.(pool.Pool) }

// listening are the drivers that can be listened through; the others of these libraries
// do it by the same code.
var listening = []string{"redigo", "go-redis 9", "rueidis", "valkey-go"}

// Every driver keeps the contract of a pool, also over a network that does its
// worst: redigo's on every server, the others', to save time, on one each.
func TestConformance(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		addr := g.Nodes(t, 1)[0].Addr()
		for i, name := range slices.Sorted(maps.Keys(drivers)) {
			if slices.Contains(listening, name) {
				t.Run("listening/"+name, func(t *testing.T) { pooltest.RunListening(t, addr, drivers[name]) })
			}
			if name == "redigo" || images[i%len(images)] == g.Image() {
				t.Run(name, func(t *testing.T) { pooltest.RunNetwork(t, addr, drivers[name]) })
			}
		}
	})
}
