package goredis_test

import (
	"context"
	"net"
	"reflect"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/redlatch/redlatch/internal/goredis/goredistest"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/goredis"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// opened closes client when the test ends and returns the node behind it.
func opened(t testing.TB, client redis.UniversalClient) pool.Pool {
	t.Cleanup(func() { client.Close() })
	return goredis.NewPool(client)
}

// greeted is opened for a client that first asks the server for its commands:
// when it gets no answer to that, it races with itself.
func greeted(t testing.TB, c redis.UniversalClient) pool.Pool {
	if err := c.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	return opened(t, c)
}

// plain is the kind of client that has these options.
func plain(options redis.UniversalOptions) goredistest.Kind {
	return func(t testing.TB, addr string) pool.Pool {
		options.Addrs = []string{addr}
		return opened(t, redis.NewUniversalClient(&options))
	}
}

// resp2 are options for the older protocol. The first versions have no such
// option.
func resp2() (options redis.UniversalOptions) {
	if protocol := reflect.ValueOf(&options).Elem().FieldByName("Protocol"); protocol.IsValid() {
		protocol.SetInt(2)
	}
	return options
}

// wrapped is a client in somebody's clothes.
type wrapped struct{ redis.UniversalClient }

var kinds = map[string]goredistest.Kind{
	"plain":                 plain(redis.UniversalOptions{}),
	"ContextTimeoutEnabled": plain(redis.UniversalOptions{ContextTimeoutEnabled: true}),
	"RESP2":                 plain(resp2()),
	"no retries":            plain(redis.UniversalOptions{MaxRetries: -1}),
	// After as many dials as this have failed go-redis dials no more for a second.
	"limited": plain(redis.UniversalOptions{PoolSize: 1, MaxRetries: -1}),
	"another's": func(t testing.TB, addr string) pool.Pool {
		return opened(t, wrapped{redis.NewClient(&redis.Options{Addr: addr})})
	},
	"ring": func(t testing.TB, addr string) pool.Pool {
		return greeted(t, redis.NewRing(&redis.RingOptions{
			Addrs: map[string]string{"shard": addr},
		}))
	},
	"cluster": func(t testing.TB, addr string) pool.Pool {
		return greeted(t, redis.NewClusterClient(&redis.ClusterOptions{
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: addr}}}}, nil
			},
		}))
	},
}

func TestConformance(t *testing.T) { goredistest.RunKinds(t, kinds) }

// A client of one server can be listened through; of the others it is not known where a
// message is published.
func TestListening(t *testing.T) {
	deaf := make(map[string]goredistest.Kind)
	for kind, open := range kinds {
		if kind == "another's" || kind == "ring" || kind == "cluster" {
			deaf[kind] = open
			continue
		}
		t.Run(kind, func(t *testing.T) {
			pooltest.RunListening(t, pooltest.NewServer(t).Addr(), open)
			pooltest.RunDeaf(t, open)
		})
	}
	goredistest.RunDeaf(t, deaf)
}

func TestCommandsOfAPair(t *testing.T) { pooltest.RunCommands(t, kinds["plain"]) }

func TestGivenUp(t *testing.T) {
	goredistest.RunGivenUp(t, func(t testing.TB, dial func() (net.Conn, error)) pool.Pool {
		return opened(t, redis.NewClient(&redis.Options{
			Dialer: func(context.Context, string, string) (net.Conn, error) { return dial() },
		}))
	})
}

func TestNewPoolOfNil(t *testing.T) {
	var none *redis.Client
	for _, client := range []redis.UniversalClient{nil, none} {
		if got := goredis.NewPool(client); got != nil {
			t.Errorf("got %v, want nil", got)
		}
	}
}

// Two nodes over one client are the same, two over two are not.
func TestID(t *testing.T) {
	p, q := redis.NewClient(&redis.Options{}), redis.NewClient(&redis.Options{})
	defer p.Close()
	defer q.Close()
	id := func(client *redis.Client) any { return goredis.NewPool(client).(pool.Identified).ID() }
	if id(p) != id(p) {
		t.Error("two nodes over one client differ")
	}
	if id(p) == id(q) {
		t.Error("two nodes over two clients are the same")
	}
}
