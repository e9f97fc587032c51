package valkeygo_test

import (
	"context"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	driver "github.com/redlatch/redlatch/pool/valkeygo"
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

// Who does not know the node finds connections.
func TestConn(t *testing.T) {
	p := valkeygo.NewPool(newCmdable(t, pooltest.NewServer(t).Addr()))
	for _, ctx := range []context.Context{nil, t.Context()} {
		conn, err := p.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false} {
			if got, err := conn.SetNX("name", "value", time.Minute); got != want || err != nil {
				t.Errorf("SetNX: got %v, %v, want %v", got, err, want)
			}
		}
		release := pool.Scripts()["release"]
		for _, want := range []int64{1, -1} {
			got, err := conn.Eval(redis.NewScript(1, release.Text, release.Hash), "name", "value")
			if got != want || err != nil {
				t.Errorf("Eval: got %v, %v, want %d", got, err, want)
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
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
