// Package rueidistest is what the drivers for rueidis and for its fork are tested
// for, besides the conformance of every driver.
package rueidistest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// Options are those of a client that the tests choose. It has one connection.
type Options struct {
	Dial     func(addr string) (net.Conn, error) // nil is the client's own
	Lifetime time.Duration                       // of a connection; 0 is for ever
	Ring     int                                 // 2 to the power of it is the room for commands; 0 is the client's default
}

// A Client is a client, as its driver's tests make it, to be closed when the test
// ends.
type Client struct {
	Node pool.Pool
	Ping func(ctx context.Context) // another use of it
}

// New makes a client of whoever listens at addr.
type New func(t testing.TB, addr string, o Options) Client

const patience = 30 * time.Second // for what takes a moment, on a machine of any speed

// Run tests whatever is special to these clients.
func Run(t *testing.T, newClient New) {
	for name, test := range map[string]func(*testing.T, New){
		"sent twice":        sentTwice,
		"dialling hangs":    dialHangs,
		"no room":           noRoom,
		"another's timeout": anothersTimeout,
		"nobody listens":    nobodyListens,
	} {
		t.Run(name, func(t *testing.T) { test(t, newClient) })
	}
}

// A conn loses one reply on demand: it is not read before the connection has
// expired, and then the connection turns out to be closed.
type conn struct {
	net.Conn
	lose *atomic.Bool
}

const lifetime = 50 * time.Millisecond

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.lose.CompareAndSwap(true, false) {
		<-time.After(2 * lifetime)
		return 0, io.EOF
	}
	return n, err
}

// The client repeats a command whose connection breaks when its lifetime is over,
// even if the command was served. That is told.
func sentTwice(t *testing.T, newClient New) {
	var lose atomic.Bool
	client := newClient(t, pooltest.NewServer(t).Addr(), Options{
		Lifetime: lifetime,
		Dial: func(addr string) (net.Conn, error) {
			c, err := net.Dial("tcp", addr)
			return &conn{c, &lose}, err
		},
	})
	commander := client.Node.(interface{ Commander() pool.Commander }).Commander()
	for deadline := time.Now().Add(patience); ; {
		name := time.Now().String()
		client.Ping(context.Background()) // connects
		lose.Store(true)
		reply, resent, err := commander.Do(context.Background(), patience, "SET", name, "v", "NX", "PX", int64(60_000))
		if err == nil && reply == nil {
			if !resent {
				t.Error("the second sending is not told of")
			}
			return
		}
		// What was lost was the greeting, or the machine is slow.
		if time.Now().After(deadline) {
			t.Fatalf("nothing was sent twice: %v, %v, %v", reply, resent, err)
		}
	}
}

var look = pool.Request{Op: pool.Look, Name: "n", Value: "v"}

func ask(node pool.Pool, timeout time.Duration) error {
	req := look
	req.Timeout = timeout
	_, err := node.Ask(context.Background(), req)
	return err
}

// A call that another one's dialling holds up is back in time, and so are all
// that come after it.
func dialHangs(t *testing.T, newClient New) {
	proxy := pooltest.NewProxy(t, pooltest.NewServer(t).Addr())
	var hang atomic.Bool
	var once sync.Once
	hanging, release := make(chan struct{}), make(chan struct{})
	client := newClient(t, proxy.Addr(), Options{Dial: func(addr string) (net.Conn, error) {
		if hang.Load() {
			once.Do(func() { close(hanging) })
			<-release
		}
		return net.Dial("tcp", addr)
	}})
	hang.Store(true)
	proxy.Cut()
	other := make(chan struct{})
	go func() {
		defer close(other)
		for {
			select {
			case <-hanging:
				return
			default: // the client has not noticed the cut yet
				client.Ping(context.Background())
			}
		}
	}()
	<-hanging
	for range 100 {
		if err := ask(client.Node, time.Millisecond); !errors.Is(err, pool.ErrNoAnswer) && !errors.Is(err, pool.ErrNotSent) {
			t.Fatalf("got %v, want an error that matches ErrNoAnswer or ErrNotSent", err)
		}
	}
	hang.Store(false)
	close(release)
	<-other
	until(t, func() (bool, error) {
		err := ask(client.Node, patience)
		return err == nil, err
	})
}

// until repeats what has to succeed at last.
func until(t *testing.T, try func() (bool, error)) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		ok, err := try()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still: %v", err)
		}
	}
}

// A call for whose command the connection has no room is back in time.
func noRoom(t *testing.T, newClient New) {
	proxy := pooltest.NewProxy(t, pooltest.NewServer(t).Addr())
	client := newClient(t, proxy.Addr(), Options{Ring: 1})
	proxy.Stop()
	defer proxy.Thaw() // closing the client waits for room, too
	start := time.Now()
	for range 10 {
		if err := ask(client.Node, time.Millisecond); !errors.Is(err, pool.ErrNoAnswer) {
			t.Fatalf("got %v, want an error that matches ErrNoAnswer", err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("10 calls of a millisecond each took %v", took)
	}
}

// The client closes a connection when the time of another's command is up. A
// call that shares the connection gets its answer on a new one.
func anothersTimeout(t *testing.T, newClient New) {
	server := pooltest.NewServer(t)
	for range 8 {
		proxy := pooltest.NewProxy(t, server.Addr())
		client := newClient(t, proxy.Addr(), Options{})
		proxy.Stop()
		begun := make(chan struct{})
		go func() {
			defer proxy.Thaw()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			close(begun)
			client.Ping(ctx)
		}()
		<-begun
		if err := ask(client.Node, patience); err != nil {
			t.Errorf("got %v, want an answer", err)
		}
	}
}

func nobodyListens(t *testing.T, newClient New) {
	proxy := pooltest.NewProxy(t, pooltest.NewServer(t).Addr())
	client := newClient(t, proxy.Addr(), Options{})
	proxy.Refuse()
	until(t, func() (bool, error) { // the first calls may have met the broken connection
		err := ask(client.Node, patience)
		var dial *net.OpError
		return errors.Is(err, pool.ErrNotSent) && errors.As(err, &dial), err
	})
}
