package integration

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/pool/redigo"
)

// A node that is a real server keeps the contract of a pool.
func TestConformance(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		pooltest.Run(t, redigo.NewPool(redigoPool(t, g.Nodes(t, 1)[0])))
	})
}

// It does so over a network that does its worst.
func TestConformanceOverBadNetwork(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		pooltest.RunNetwork(t, g.Nodes(t, 1)[0].Addr(), func(t testing.TB, addr string) pool.Pool {
			return redigo.NewPool(closing(t, &redis.Pool{
				MaxIdle: 10,
				Dial:    func() (redis.Conn, error) { return redis.Dial("tcp", addr) },
			}))
		})
	})
}
