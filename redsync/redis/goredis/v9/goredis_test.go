package goredis_test

import (
	"testing"

	client "github.com/redis/go-redis/v9"

	"github.com/redlatch/redlatch/internal/goredis/goredistest"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync/internal/dual/dualtest"
	"github.com/redlatch/redlatch/redsync/redis"
	"github.com/redlatch/redlatch/redsync/redis/goredis/v9"
)

// opened closes c when the test ends and returns the node in its pool.
func opened(t testing.TB, c client.UniversalClient) pool.Pool {
	t.Cleanup(func() { c.Close() })
	return goredis.NewPool(c).(pool.Pool)
}

var kinds = map[string]goredistest.Kind{
	"plain": func(t testing.TB, addr string) pool.Pool {
		return opened(t, client.NewClient(&client.Options{Addr: addr}))
	},
}

func TestConformance(t *testing.T) { goredistest.RunKinds(t, kinds) }

func TestCommandsOfAPair(t *testing.T) { pooltest.RunCommands(t, kinds["plain"]) }

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
