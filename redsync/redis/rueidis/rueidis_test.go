package rueidis_test

import (
	"testing"

	client "github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidiscompat"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	driver "github.com/redlatch/redlatch/pool/rueidis"
	"github.com/redlatch/redlatch/redsync/internal/dual/dualtest"
	"github.com/redlatch/redlatch/redsync/redis"
	"github.com/redlatch/redlatch/redsync/redis/rueidis"
)

// newCmdable returns a client of whoever listens at addr, closed when the test
// ends.
func newCmdable(t testing.TB, addr string) rueidiscompat.Cmdable {
	t.Helper()
	c, err := client.NewClient(client.ClientOption{InitAddress: []string{addr}, ForceSingleClient: true, PipelineMultiplex: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return rueidiscompat.NewAdapter(c)
}

func TestConformance(t *testing.T) {
	pooltest.RunNetwork(t, pooltest.NewServer(t).Addr(), func(t testing.TB, addr string) pool.Pool {
		return rueidis.NewPool(newCmdable(t, addr)).(pool.Pool)
	})
}

func TestDual(t *testing.T) {
	dualtest.Run(t, func(t testing.TB, addr string) redis.Pool { return rueidis.NewPool(newCmdable(t, addr)) })
}

// The pool is the same node as the client's own.
func TestID(t *testing.T) {
	c := newCmdable(t, pooltest.NewServer(t).Addr())
	id := func(p any) any { return p.(pool.Identified).ID() }
	if id(rueidis.NewPool(c)) != id(driver.NewPool(c.Client())) {
		t.Error("one client makes two nodes")
	}
}

func TestNewPoolOfNil(t *testing.T) {
	var none *rueidiscompat.Compat
	for _, c := range []rueidiscompat.Cmdable{nil, none, rueidiscompat.NewAdapter(nil)} {
		if got := rueidis.NewPool(c); got != nil {
			t.Errorf("got %v, want nil", got)
		}
	}
}
