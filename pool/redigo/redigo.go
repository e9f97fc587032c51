// Package redigo is the driver for github.com/gomodule/redigo.
package redigo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool"
)

// A Pool is a [*redis.Pool], or what somebody puts in its place.
type Pool interface {
	Get() redis.Conn
	GetContext(ctx context.Context) (redis.Conn, error)
}

// NewPool returns the node behind p; of a nil p, nil, which redlatch.New
// reports. Calls use p's connections, return them at once, and open as many at
// a time as there are calls at a time, or fewer.
//
// A call that is the only one has a connection to itself. Calls that come while
// there are others share one, and what they send at the same time is one write,
// if p is a *redis.Pool. A call that is cancelled leaves the others alone. A reply
// that does not come in time closes the connection: the node then sends what else
// was waiting there once more, on another, in the time that is left.
//
// Every command has a deadline, whatever timeouts p's connections were dialled
// with. So has the wait for a connection, although redigo cannot interrupt
// p.Dial, p.TestOnBorrow or a TLS handshake: unless an idle connection is at
// hand, and no TestOnBorrow or MaxConnLifetime could turn it down, a goroutine
// of its own gets one, and is not waited for beyond the deadline. While many
// such goroutines are overdue no further one is started. Every connection of a
// pool that is not a *redis.Pool is got like that, and used like that, too, if
// it is neither a [redis.ConnWithTimeout] nor a [redis.ConnWithContext].
//
// A *redis.Pool can be listened through, by a connection that p's own dial function
// makes, and that MaxActive does not count. It lasts until nobody listens any more, even
// if p is closed before.
//
// Closing p is up to whoever made it.
func NewPool(p Pool) pool.Pool {
	if nilable.IsNil(p) {
		return nil
	}
	c := &commander{pool: p}
	c.known, _ = p.(*redis.Pool)
	return driver.NewNode(p, c)
}

type commander struct {
	pool   Pool
	known  *redis.Pool  // pool, if it is one of redigo's own
	taking atomic.Int32 // calls that are about to take an idle connection
	put    atomic.Int64 // when a connection was last returned, in Unix nanoseconds
	aside  aside.Group

	calls  atomic.Int32 // under way
	bare   atomic.Bool  // a connection was found to be no ConnWithTimeout
	mu     sync.Mutex
	stream *stream   // that calls join; nil if there is none; guarded by mu
	spare  sync.Pool // of *call
}

var _ pool.Commander = (*commander)(nil)

// Idle implements [pool.Commander].
func (c *commander) Idle() int {
	if c.known == nil {
		return usuallyIdle
	}
	return c.known.IdleCount()
}

// usuallyIdle is how many idle connections a pool may have that does not tell.
const usuallyIdle = 16

// Do implements [pool.Commander].
func (c *commander) Do(ctx context.Context, timeout time.Duration, args ...any) (reply any, resent bool, err error) {
	start := time.Now() // the wait for a connection is a part of the time allowed
	others := c.calls.Add(1) > 1
	defer c.calls.Add(-1)
	if others && c.shares(ctx, timeout, args) {
		reply, err := c.share(ctx, start, timeout, args)
		if err != errUnsent {
			return reply, false, err
		}
		start, timeout = time.Now(), max(timeout-time.Since(start), 1) // 0 would be no bound
	}
	reply, err = c.alone(ctx, start, timeout, args)
	return reply, false, err
}

// get returns a connection within ctx and timeout.
func (c *commander) get(ctx context.Context, timeout time.Duration) (redis.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.taking.Add(1)
	defer c.taking.Add(-1)
	if c.idleAtHand() {
		// Should another user of the redis.Pool take it in this instant, the
		// pool dials, within the limits of its own dial function.
		return c.pool.GetContext(ctx)
	}
	return c.getAside(ctx, timeout)
}

// idleAtHand reports whether the next Get takes an idle connection, at once.
func (c *commander) idleAtHand() bool {
	p := c.known
	if p == nil || p.TestOnBorrow != nil || p.TestOnBorrowContext != nil || p.MaxConnLifetime > 0 || p.Wait && p.MaxActive > 0 {
		return false
	}
	if p.IdleCount() < int(c.taking.Load()) {
		return false
	}
	// The pool hands out what was returned last; half of its time makes sure
	// that it does not find this one stale.
	return p.IdleTimeout == 0 || time.Since(time.Unix(0, c.put.Load())) < p.IdleTimeout/2
}

// getAside gets a connection in a goroutine of its own.
func (c *commander) getAside(ctx context.Context, timeout time.Duration) (redis.Conn, error) {
	bounded, cancel := driver.Within(ctx, timeout)
	defer cancel()
	conn, err := aside.Run(bounded, &c.aside, func() (redis.Conn, error) {
		return c.pool.GetContext(bounded)
	}, closeConn)
	switch {
	case err == aside.ErrFull:
		return nil, errOverdue
	case err != nil && bounded.Err() != nil:
		return nil, driver.Ending(ctx, timeout) // the reason for whatever error that is
	}
	return conn, err
}

func closeConn(conn redis.Conn) { conn.Close() }

var errOverdue = fmt.Errorf("redigo: %d calls to this server are overdue: do the functions that dial and test its connections have a timeout?", aside.Max)

// release gives the connection back, or closes it if it has failed. An answer
// that came too late can so never be taken for that of another command.
func (c *commander) release(conn redis.Conn) {
	if c.known != nil && c.known.IdleTimeout > 0 {
		c.put.Store(time.Now().UnixNano())
	}
	conn.Close()
}

// explain puts redigo's errors into the words of package pool.
func explain(ctx context.Context, timeout time.Duration, err error) error {
	var refusal redis.Error
	var network net.Error
	switch {
	case errors.As(err, &refusal):
		return &pool.ServerError{Message: string(refusal), Err: err}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return driver.Ending(ctx, timeout)
	case driver.Broken(err):
		return driver.Closed(err)
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
