// Package wire is the connections of all peers: dialled in one way, and counted where
// that is asked for.
package wire

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// dialTimeout is how long a server may take to accept a connection.
const dialTimeout = 5 * time.Second

// A Place is where a server listens.
type Place struct{ Network, Address string }

// A Count is what was sent on a set of connections. It may be used by several
// goroutines at once; a nil *Count counts nothing.
type Count struct {
	Writes   atomic.Int64 // calls of Write: system calls
	Commands atomic.Int64 // commands in them
	Open     atomic.Int64 // connections that are open now
}

// Dial connects to the server at p within ctx and 5 s. What is sent on the connection
// is counted in c, if that is not nil.
func (c *Count) Dial(ctx context.Context, p Place) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, p.Network, p.Address)
	if err != nil || c == nil {
		return conn, err
	}
	c.Open.Add(1)
	return &counted{Conn: conn, count: c}, nil
}

// counted is a connection whose writes are counted.
type counted struct {
	net.Conn
	count  *Count
	closed atomic.Bool
	frames frames // used by one writer at a time, as the connection is
}

// Write implements [net.Conn].
func (c *counted) Write(b []byte) (int, error) {
	c.count.Writes.Add(1)
	c.count.Commands.Add(c.frames.read(b))
	return c.Conn.Write(b)
}

// Close implements [net.Conn].
func (c *counted) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.count.Open.Add(-1)
	}
	return c.Conn.Close()
}

// SyscallConn implements [syscall.Conn]: go-redis looks by it whether an idle
// connection has been closed, and would do less without it.
func (c *counted) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}
