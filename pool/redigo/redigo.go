// Package redigo is the driver for github.com/gomodule/redigo.
package redigo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
)

// NewPool returns the node behind p; of a nil p, nil, which redlatch.New
// reports. Calls use p's connections, return them at once, and open as many at
// a time as there are calls at a time.
//
// Every command has a deadline, whatever timeouts p's connections were dialled
// with. So has the wait for a connection, although redigo cannot interrupt
// p.Dial, p.TestOnBorrow or a TLS handshake: unless an idle connection is at
// hand, and no TestOnBorrow or MaxConnLifetime could turn it down, a goroutine
// of its own gets one, and is not waited for beyond the deadline. While many
// such goroutines are overdue no further one is started.
//
// Closing p is up to whoever made it.
func NewPool(p *redis.Pool) pool.Pool {
	if p == nil {
		return nil
	}
	d := &driver{pool: p}
	return &node{Redis: pool.NewRedis(d), pool: p}
}

type node struct {
	*pool.Redis
	pool *redis.Pool
}

var (
	_ pool.Bounded    = (*node)(nil)
	_ pool.Identified = (*node)(nil)
)

// Bounded implements [pool.Bounded].
func (n *node) Bounded() bool { return true }

// ID implements [pool.Identified]: two nodes over one redis.Pool are the same.
func (n *node) ID() any { return n.pool }

type driver struct {
	pool    *redis.Pool
	taking  atomic.Int32 // calls that are about to take an idle connection
	overdue atomic.Int32 // goroutines that are still getting one for a call that has gone
	put     atomic.Int64 // when a connection was last returned, in Unix nanoseconds
}

var _ pool.Commander = (*driver)(nil)

// Idle implements [pool.Commander].
func (d *driver) Idle() int { return d.pool.IdleCount() }

// Do implements [pool.Commander].
func (d *driver) Do(ctx context.Context, timeout time.Duration, args ...any) (any, error) {
	start := time.Now() // the wait for a connection is a part of the time allowed
	conn, err := d.get(ctx, timeout)
	if err != nil {
		return nil, pool.NotSent(err)
	}
	defer d.release(conn)
	left := timeout
	if timeout > 0 {
		if left = timeout - time.Since(start); left <= 0 {
			return nil, pool.NotSent(pool.NoAnswer(timeout))
		}
	}
	reply, err := exchange(ctx, conn, left, args)
	if err != nil {
		return nil, explain(ctx, timeout, err)
	}
	return plain(reply), nil
}

// inlineBytes is how long a command may be that is written without a deadline
// of its own: it always fits the socket's buffer, for on a connection that
// came from the pool nothing else is under way.
const inlineBytes = 4 << 10

// exchange sends one command and waits for its reply. redigo interrupts a
// command only from a second goroutine; without one it keeps a read deadline.
func exchange(ctx context.Context, conn redis.Conn, timeout time.Duration, args []any) (any, error) {
	name := args[0].(string)
	if ctx.Done() == nil && size(args) <= inlineBytes {
		return redis.DoWithTimeout(conn, timeout, name, args[1:]...)
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	return redis.DoContext(conn, ctx, name, args[1:]...)
}

func size(args []any) int {
	n := 0
	for _, arg := range args {
		if s, ok := arg.(string); ok {
			n += len(s)
		}
	}
	return n
}

// get returns a connection within ctx and timeout.
func (d *driver) get(ctx context.Context, timeout time.Duration) (redis.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.taking.Add(1)
	defer d.taking.Add(-1)
	if d.idleAtHand() {
		// Should another user of the redis.Pool take it in this instant, the
		// pool dials, within the limits of its own dial function.
		return d.pool.GetContext(ctx)
	}
	return d.getAside(ctx, timeout)
}

// idleAtHand reports whether the next Get takes an idle connection, at once.
func (d *driver) idleAtHand() bool {
	p := d.pool
	if p.TestOnBorrow != nil || p.TestOnBorrowContext != nil || p.MaxConnLifetime > 0 || p.Wait && p.MaxActive > 0 {
		return false
	}
	if p.IdleCount() < int(d.taking.Load()) {
		return false
	}
	// The pool hands out what was returned last; half of its time makes sure
	// that it does not find this one stale.
	return p.IdleTimeout == 0 || time.Since(time.Unix(0, d.put.Load())) < p.IdleTimeout/2
}

// getting is a Get in a goroutine of its own.
type getting struct {
	mu   sync.Mutex
	left bool // whoever wanted the connection has gone; guarded by mu
	done chan struct{}
	conn redis.Conn
	err  error
}

// maxOverdue bounds the goroutines that hang in a dial function. It is more than
// one because a test on borrowing may hang on one dead connection after another
// before the pool comes to dial a new one.
const maxOverdue = 16

func (d *driver) getAside(ctx context.Context, timeout time.Duration) (redis.Conn, error) {
	if d.overdue.Load() >= maxOverdue {
		return nil, errOverdue
	}
	bounded := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		bounded, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	g := &getting{done: make(chan struct{})}
	go func() {
		conn, err := d.pool.GetContext(bounded)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.conn, g.err = conn, err
		close(g.done)
		if g.left {
			d.overdue.Add(-1)
			conn.Close()
		}
	}()
	select {
	case <-g.done:
		if g.err == nil || bounded.Err() == nil {
			return g.conn, g.err
		}
		return nil, ending(ctx, timeout) // the reason for whatever error that is
	case <-bounded.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.done: // just in time, but for nobody
		g.conn.Close()
	default:
		g.left = true
		d.overdue.Add(1)
	}
	return nil, ending(ctx, timeout)
}

// ending returns the error of a call that was ended by ctx or else by timeout.
func ending(ctx context.Context, timeout time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// What has the same deadline as ctx may notice it before ctx does.
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return pool.NoAnswer(timeout)
}

var errOverdue = fmt.Errorf("redigo: the pool still owes %d connections asked for too long ago: does its dial function have a timeout?", maxOverdue)

// release gives the connection back, or closes it if it has failed. An answer
// that came too late can so never be taken for that of another command.
func (d *driver) release(conn redis.Conn) {
	if d.pool.IdleTimeout > 0 {
		d.put.Store(time.Now().UnixNano())
	}
	conn.Close()
}

// explain puts redigo's errors into the words of package pool.
func explain(ctx context.Context, timeout time.Duration, err error) error {
	var refusal redis.Error
	var network net.Error
	switch {
	case errors.As(err, &refusal):
		return &pool.ServerError{Message: string(refusal)}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return ending(ctx, timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNABORTED):
		return fmt.Errorf("%w: %w", pool.ErrClosed, err)
	}
	return err
}

// plain turns redigo's bulk strings into strings.
func plain(reply any) any {
	switch reply := reply.(type) {
	case []byte:
		return string(reply)
	case []any:
		for i := range reply {
			reply[i] = plain(reply[i])
		}
	}
	return reply
}
