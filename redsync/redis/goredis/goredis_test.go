package goredis_test

import (
	"net"
	"testing"

	client "github.com/go-redis/redis"

	"github.com/redlatch/redlatch/internal/goredis/goredistest"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync/internal/dual/dualtest"
	"github.com/redlatch/redlatch/redsync/redis"
	"github.com/redlatch/redlatch/redsync/redis/goredis"
)

// opened closes c when the test ends and returns the node in its pool.
func opened(t testing.TB, c *client.Client) pool.Pool {
	t.Cleanup(func() { c.Close() })
	return goredis.NewPool(c).(pool.Pool)
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
	"plain":   plain(client.Options{}),
	"retries": plain(client.Options{MaxRetries: 3}),
	// After as many dials as this have failed go-redis dials no more for a second.
	"limited": plain(client.Options{PoolSize: 1}),
}

func TestConformance(t *testing.T) { goredistest.RunKinds(t, kinds) }

func TestCommandsOfAPair(t *testing.T) { pooltest.RunCommands(t, kinds["plain"]) }

func TestGivenUp(t *testing.T) {
	goredistest.RunGivenUp(t, func(t testing.TB, dial func() (net.Conn, error)) pool.Pool {
		return opened(t, client.NewClient(&client.Options{
			Dialer:     dial,
			MaxRetries: 3,
		}))
	})
}

func TestNewPoolOfNil(t *testing.T) {
	if got := goredis.NewPool(nil); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

func TestDual(t *testing.T) {
	dualtest.Run(t, func(t testing.TB, addr string) redis.Pool { return kinds["plain"](t, addr).(redis.Pool) })
}
