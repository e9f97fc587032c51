package valkeygo_test

import (
	"testing"

	"github.com/valkey-io/valkey-go"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	driver "github.com/redlatch/redlatch/pool/valkeygo"
	"github.com/redlatch/redlatch/redsync/internal/dual/dualtest"
	"github.com/redlatch/redlatch/redsync/redis"
	"github.com/redlatch/redlatch/redsync/redis/valkeygo"
)

// A cmdable stands for a valkeycompat.Cmdable.
type cmdable struct{ client valkey.Client }

func (c *cmdable) Client() valkey.Client { return c.client }

// newCmdable returns a client of whoever listens at addr, closed when the test
// ends.
func newCmdable(t testing.TB, addr string) valkeygo.Cmdable {
	t.Helper()
	c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true, PipelineMultiplex: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &cmdable{c}
}

func TestConformance(t *testing.T) {
	pooltest.RunNetwork(t, pooltest.NewServer(t).Addr(), func(t testing.TB, addr string) pool.Pool {
		return valkeygo.NewPool(newCmdable(t, addr)).(pool.Pool)
	})
}

func TestDual(t *testing.T) {
	dualtest.Run(t, func(t testing.TB, addr string) redis.Pool { return valkeygo.NewPool(newCmdable(t, addr)) })
}

// The pool is the same node as the client's own.
func TestID(t *testing.T) {
	c := newCmdable(t, pooltest.NewServer(t).Addr())
	id := func(p any) any { return p.(pool.Identified).ID() }
	if id(valkeygo.NewPool(c)) != id(driver.NewPool(c.Client())) {
		t.Error("one client makes two nodes")
	}
}

func TestNewPoolOfNil(t *testing.T) {
	var none *cmdable
	for _, c := range []valkeygo.Cmdable{nil, none, &cmdable{}} {
		if got := valkeygo.NewPool(c); got != nil {
			t.Errorf("got %v, want nil", got)
		}
	}
}
