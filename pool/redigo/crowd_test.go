package redigo

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

const patience = 30 * time.Second

// crowd is a commander that always has a call under way, so that all others share, and
// the pool and the server behind it.
type crowd struct {
	*testing.T
	*commander
	echoes *echoes
	pool   *redis.Pool
	dials  atomic.Int32
	writes atomic.Int32
	dial   func() error // what a dial has to wait for, if anything
	write  func()       // what a write has to wait for, if anything
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{T: t, echoes: newEchoes(t)}
	c.pool = &redis.Pool{MaxIdle: 64, Dial: func() (redis.Conn, error) {
		c.dials.Add(1)
		if c.dial != nil {
			if err := c.dial(); err != nil {
				return nil, err
			}
		}
		conn, err := net.Dial("tcp", c.echoes.addr)
		if err != nil {
			return nil, err
		}
		return redis.NewConn(&counted{conn, c}, 0, 0), nil
	}}
	t.Cleanup(func() { c.pool.Close() })
	c.commander = &commander{pool: c.pool, known: c.pool}
	c.calls.Add(1)
	return c
}

// counted counts the writes.
type counted struct {
	net.Conn
	*crowd
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	if c.write != nil {
		c.write()
	}
	return c.Conn.Write(b)
}

// eventually waits until a condition is met that others bring about.
func (c *crowd) eventually(what string, met func() bool) {
	c.Helper()
	for deadline := time.Now().Add(patience); !met(); runtime.Gosched() {
		if time.Now().After(deadline) {
			c.Fatalf("not so after %v: %s", patience, what)
		}
	}
}

// joined waits until so many calls have joined the stream that have not been sent.
func (c *crowd) joined(n int) {
	c.Helper()
	c.eventually(fmt.Sprint(n, " calls wait to be sent"), func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.stream != nil && len(c.stream.unsent) == n
	})
}

// anyNumber is any number of connections.
const anyNumber = -1

// idle waits until nothing is left of the calls.
func (c *crowd) idle(connections int) {
	c.Helper()
	c.eventually("all connections are idle, and no stream is left", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.stream == nil && c.pool.ActiveCount() == c.pool.IdleCount()
	})
	if got := c.pool.IdleCount(); got != connections && connections != anyNumber {
		c.Errorf("%d connections are idle, want %d", got, connections)
	}
}

// want makes a call that is answered with what it sends.
func (c *crowd) want(ctx context.Context, word string) {
	c.Helper()
	if got, _, err := c.Do(ctx, patience, "ECHO", word); got != word || err != nil {
		c.Errorf("got %.40v, %v, want %.40s", got, err, word)
	}
}

func word(i int) string { return fmt.Sprintf("word %04d", i) }
