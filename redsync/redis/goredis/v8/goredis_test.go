package goredis_test

import (
	"context"
	"net"
	"testing"

	client "github.com/go-redis/redis/v8"

	"github.com/redlatch/redlatch/internal/goredis/goredistest"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync/internal/dual/dualtest"
	"github.com/redlatch/redlatch/redsync/redis"
	"github.com/redlatch/redlatch/redsync/redis/goredis/v8"
)

// opened closes c when the test ends and returns the node in its pool.
func opened(t testing.TB, c client.UniversalClient) pool.Pool {
	t.Cleanup(func() { c.Close() })
	return goredis.NewPool(c).(pool.Pool)
}

// greeted is opened for a client that first asks the server for its commands:
// when it gets no answer to that, it races with itself.
func greeted(t testing.TB, c client.UniversalClient) pool.Pool {
	if err := c.Ping(context.Background()).Err(); err != nil {
		t.Fatal(err)
	}
	return opened(t, c)
}

// plain is the kind of client that has these options.
func plain(options client.Options) goredistest.Kind {
	return func(t testing.TB, addr string) pool.Pool {
		options := options // the client keeps them
		options.Addr = addr
		return opened(t, client.NewClient(&options))
	}
}

var kinds = map[string]goredistest.Kind{
	"plain":      plain(client.Options{}),
	"retries":    plain(client.Options{MaxRetries: 3}),
	"no retries": plain(client.Options{MaxRetries: -1}),
	// After as many dials as this have failed go-redis dials no more for a second.
	"limited": plain(client.Options{PoolSize: 1, MaxRetries: -1}),
	"ring": func(t testing.TB, addr string) pool.Pool {
		return greeted(t, client.NewRing(&client.RingOptions{
			Addrs: map[string]string{"shard": addr},
		}))
	},
	"cluster": func(t testing.TB, addr string) pool.Pool {
		return greeted(t, client.NewClusterClient(&client.ClusterOptions{
			ClusterSlots: func(context.Context) ([]client.ClusterSlot, error) {
				return []client.ClusterSlot{{End: 16383, Nodes: []client.ClusterNode{{Addr: addr}}}}, nil
			},
		}))
	},
}

func TestConformance(t *testing.T) { goredistest.RunKinds(t, kinds) }

func TestCommandsOfAPair(t *testing.T) { pooltest.RunCommands(t, kinds["plain"]) }

func TestGivenUp(t *testing.T) {
	goredistest.RunGivenUp(t, func(t testing.TB, dial func() (net.Conn, error)) pool.Pool {
		return opened(t, client.NewClient(&client.Options{
			Dialer:     func(context.Context, string, string) (net.Conn, error) { return dial() },
			MaxRetries: 3,
		}))
	})
}

func TestNewPoolOfNil(t *testing.T) {
	var none *client.Client
	for _, c := range []client.UniversalClient{nil, none} {
		if got := goredis.NewPool(c); got != nil {
			t.Errorf("got %v, want nil", got)
		}
	}
}

func TestDual(t *testing.T) {
	dualtest.Run(t, func(t testing.TB, addr string) redis.Pool { return kinds["plain"](t, addr).(redis.Pool) })
}
