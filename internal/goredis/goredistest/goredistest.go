// Package goredistest is what the tests of the drivers for go-redis have in
// common.
package goredistest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// A Kind returns a new client of one kind, for whoever listens at addr, and the
// node behind it. The client is closed when the test ends.
type Kind = func(t testing.TB, addr string) pool.Pool

// RunKinds tests that each kind keeps the contract of package pool.
func RunKinds(t *testing.T, kinds map[string]Kind) {
	for name, open := range kinds {
		t.Run(name, func(t *testing.T) {
			pooltest.RunNetwork(t, pooltest.NewServer(t).Addr(), open)
		})
	}
}

// RunDeaf tests that the kinds that cannot subscribe say so.
func RunDeaf(t *testing.T, kinds map[string]Kind) {
	for name, open := range kinds {
		node := open(t, pooltest.NewServer(t).Addr())
		err := node.(pool.Listener).Listen(t.Context(), "inbox", func() { t.Errorf("%s: up", name) }, func(string) {})
		if !errors.Is(err, pool.ErrDeaf) {
			t.Errorf("%s: got %v, want ErrDeaf", name, err)
		}
	}
}

// RunGivenUp tests that a command that was given up, and whose reply is lost
// after that, is not sent again. The client that open returns a node of dials by
// the function it is given, and repeats commands.
func RunGivenUp(t *testing.T, open func(t testing.TB, dial func() (net.Conn, error)) pool.Pool) {
	s := pooltest.NewServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	w := &wire{addr: s.Addr(), release: make(chan struct{})}
	w.sent = func() {
		for s.Count("SET") == 0 {
			runtime.Gosched()
		}
		cancel()
	}
	node := open(t, w.dial)
	look := pool.Request{Op: pool.Look, Name: "n", Value: "v", Timeout: patience}
	if _, err := node.Ask(context.Background(), look); err != nil {
		t.Fatal(err)
	}
	_, err := node.Ask(ctx, pool.Request{Op: pool.Acquire, Name: "given up", Value: "v", Expiry: time.Minute, Timeout: patience})
	if !errors.Is(err, context.Canceled) || errors.Is(err, pool.ErrNotSent) {
		t.Errorf("got %v, want an error that matches context.Canceled, and not ErrNotSent", err)
	}
	close(w.release)
	for deadline := time.Now().Add(patience); underWay(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("the command is still under way after %v", patience)
		}
	}
	if got := s.Count("SET"); got != 1 {
		t.Errorf("the command was sent %d times, want once", got)
	}
}

// underWay reports whether a goroutine runs that sends a command.
func underWay() bool {
	buffer := make([]byte, 1<<20)
	return bytes.Contains(buffer[:runtime.Stack(buffer, true)], []byte("internal/aside.Run"))
}

const patience = 30 * time.Second

// A wire dials connections. When the key "given up" is first written to one, it
// calls sent; and the reply is lost when release is closed.
type wire struct {
	addr    string
	sent    func()
	release chan struct{}
	first   sync.Once
}

func (w *wire) dial() (net.Conn, error) {
	c, err := net.Dial("tcp", w.addr)
	return &wired{Conn: c, wire: w}, err
}

type wired struct {
	net.Conn
	wire *wire
	lost atomic.Bool
}

func (c *wired) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if bytes.Contains(p, []byte("given up")) {
		c.wire.first.Do(func() {
			c.lost.Store(true)
			c.wire.sent()
		})
	}
	return n, err
}

func (c *wired) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.lost.Load() {
		<-c.wire.release
		return 0, io.EOF
	}
	return n, err
}
