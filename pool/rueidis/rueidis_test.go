package rueidis_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"

	"github.com/redis/rueidis"

	"github.com/redlatch/redlatch/internal/rueidis/rueidistest"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	driver "github.com/redlatch/redlatch/pool/rueidis"
)

// newClient returns a client of whoever listens at addr, closed when the test
// ends.
func newClient(t testing.TB, addr string, option rueidis.ClientOption) rueidis.Client {
	t.Helper()
	option.InitAddress = []string{addr}
	option.ForceSingleClient = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// The kinds of clients that people make: they differ in how they use their
// connections. A client of several connections can meet as many that are broken,
// in one call after the other; so it is tested below.
var kinds = map[string]rueidis.ClientOption{
	"default":               {},
	"RESP2":                 {PipelineMultiplex: -1, AlwaysRESP2: true, DisableCache: true},
	"AlwaysPipelining":      {PipelineMultiplex: -1, AlwaysPipelining: true},
	"DisableAutoPipelining": {PipelineMultiplex: -1, DisableAutoPipelining: true},
	"DisableRetry":          {PipelineMultiplex: -1, DisableRetry: true},
}

func TestConformance(t *testing.T) {
	for kind, option := range kinds {
		t.Run(kind, func(t *testing.T) {
			pooltest.RunNetwork(t, pooltest.NewServer(t).Addr(), func(t testing.TB, addr string) pool.Pool {
				return driver.NewPool(newClient(t, addr, option))
			})
		})
	}
}

// A client of the older protocol has a second connection for subscriptions.
func TestListening(t *testing.T) {
	for _, kind := range []string{"default", "RESP2"} {
		option := kinds[kind]
		dial := func(t testing.TB, addr string) pool.Pool { return driver.NewPool(newClient(t, addr, option)) }
		t.Run(kind, func(t *testing.T) {
			pooltest.RunListening(t, pooltest.NewServer(t).Addr(), dial)
			pooltest.RunDeaf(t, dial)
		})
	}
}

// A clusterClient is one of a Redis Cluster, where a message is published on any server.
type clusterClient struct{ rueidis.Client }

func (clusterClient) Mode() rueidis.ClientMode { return rueidis.ClientModeCluster }

func TestClusterIsDeaf(t *testing.T) {
	client := clusterClient{newClient(t, pooltest.NewServer(t).Addr(), rueidis.ClientOption{})}
	err := driver.NewPool(client).(pool.Listener).Listen(t.Context(), "inbox", func() { t.Error("up") }, func(string) {})
	if !errors.Is(err, pool.ErrDeaf) {
		t.Errorf("got %v, want ErrDeaf", err)
	}
}

// A client has four connections unless it is told otherwise. A call gets its
// answer even if the server has closed them all.
func TestSeveralConnections(t *testing.T) {
	proxy := pooltest.NewProxy(t, pooltest.NewServer(t).Addr())
	node := driver.NewPool(newClient(t, proxy.Addr(), rueidis.ClientOption{}))
	pooltest.Run(t, node)
	for range 100 {
		proxy.Cut()
		if _, err := node.Ask(t.Context(), pool.Request{Op: pool.Look, Name: "n", Value: "v"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCommandsOfAPair(t *testing.T) {
	for kind, option := range kinds {
		t.Run(kind, func(t *testing.T) {
			pooltest.RunCommands(t, func(t testing.TB, addr string) pool.Pool {
				return driver.NewPool(newClient(t, addr, option))
			})
		})
	}
}

func TestSpecial(t *testing.T) {
	rueidistest.Run(t, func(t testing.TB, addr string, o rueidistest.Options) rueidistest.Client {
		option := rueidis.ClientOption{PipelineMultiplex: -1, ConnLifetime: o.Lifetime, RingScaleEachConn: o.Ring}
		if o.Dial != nil {
			option.DialFn = func(addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) { return o.Dial(addr) }
		}
		client := newClient(t, addr, option)
		return rueidistest.Client{
			Node: driver.NewPool(client),
			Ping: func(ctx context.Context) { client.Do(ctx, client.B().Ping().Build()) },
		}
	})
}

// A spy notes where its commands are sent in a Redis Cluster.
type spy struct {
	rueidis.Client
	slots []uint16
}

func (s *spy) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	s.slots = append(s.slots, cmd.Slot())
	return s.Client.Do(ctx, cmd)
}

// In a Redis Cluster every command goes to the key's server.
func TestSlots(t *testing.T) {
	s := &spy{Client: newClient(t, pooltest.NewServer(t).Addr(), rueidis.ClientOption{})}
	commander := driver.NewPool(s).(interface{ Commander() pool.Commander }).Commander()
	get, ping := s.B().Get().Key("name").Build(), s.B().Ping().Build()
	if get.Slot() == ping.Slot() {
		t.Fatal("a key makes no difference")
	}
	for _, args := range [][]any{
		{"GET", "name"},
		{"SET", "name", "v", "NX", "PX", int64(1)},
		{"PTTL", "name"},
		{"DELIFEQ", "name", "v"},
		{"DELEX", "name", "IFEQ", "v"},
		{"EVAL", "text", int64(1), "name", "v"},
		{"EVALSHA", "hash", int64(1), "name", "v"},
	} {
		s.slots = nil
		commander.Do(t.Context(), 0, args...)
		if len(s.slots) != 1 || s.slots[0] != get.Slot() {
			t.Errorf("%v: sent to %v, want %v", args, s.slots, get.Slot())
		}
	}
	s.slots = nil
	commander.Do(t.Context(), 0, "COMMAND", "INFO", "DELEX")
	if len(s.slots) != 1 || s.slots[0] != ping.Slot() {
		t.Errorf("COMMAND: sent to %v, want %v", s.slots, ping.Slot())
	}
}

func TestNewPoolOfNil(t *testing.T) {
	var none *spy
	for _, client := range []rueidis.Client{nil, none} {
		if got := driver.NewPool(client); got != nil {
			t.Errorf("got %v, want nil", got)
		}
	}
}

// Two nodes over one client are the same, two over two are not.
func TestID(t *testing.T) {
	addr := pooltest.NewServer(t).Addr()
	p, q := newClient(t, addr, rueidis.ClientOption{}), newClient(t, addr, rueidis.ClientOption{})
	id := func(c rueidis.Client) any { return driver.NewPool(c).(pool.Identified).ID() }
	if id(p) != id(p) {
		t.Error("two nodes over one client differ")
	}
	if id(p) == id(q) {
		t.Error("two nodes over two clients are the same")
	}
}

func TestClosedClient(t *testing.T) {
	client := newClient(t, pooltest.NewServer(t).Addr(), rueidis.ClientOption{})
	node := driver.NewPool(client)
	client.Close()
	_, err := node.Ask(t.Context(), pool.Request{Op: pool.Look, Name: "n", Value: "v"})
	if !errors.Is(err, rueidis.ErrClosing) || errors.Is(err, pool.ErrClosed) {
		t.Errorf("got %v, want rueidis.ErrClosing", err)
	}
}
