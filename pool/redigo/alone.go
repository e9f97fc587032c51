package redigo

import (
	"context"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// alone is Do on a connection that no other call uses.
func (c *commander) alone(ctx context.Context, start time.Time, timeout time.Duration, args []any) (any, error) {
	conn, err := c.get(ctx, timeout)
	if err != nil {
		return nil, pool.NotSent(err)
	}
	left := timeout
	if timeout > 0 {
		if left = timeout - time.Since(start); left <= 0 {
			c.release(conn)
			return nil, pool.NotSent(pool.NoAnswer(timeout))
		}
	}
	reply, err := exchange(ctx, conn, left, args)
	if boundless(err) {
		reply, err = c.exchangeAside(ctx, conn, left, args)
	} else {
		c.release(conn)
	}
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
	ctx, cancel := driver.Within(ctx, timeout)
	defer cancel()
	return redis.DoContext(conn, ctx, name, args[1:]...)
}

// boundless reports whether err means that nothing was sent, since the
// connection, somebody's own kind of redis.Conn, knows neither timeouts nor
// contexts. redigo has no other sign of it than these words.
func boundless(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "redis: connection does not support ConnWith")
}

// exchangeAside is exchange on such a connection. It releases it.
func (c *commander) exchangeAside(ctx context.Context, conn redis.Conn, timeout time.Duration, args []any) (any, error) {
	ctx, cancel := driver.Within(ctx, timeout)
	defer cancel()
	reply, err := aside.Run(ctx, &c.aside, func() (any, error) {
		defer c.release(conn)
		return conn.Do(args[0].(string), args[1:]...)
	}, func(any) {})
	if err == aside.ErrFull {
		c.release(conn)
		return nil, pool.NotSent(errOverdue)
	}
	return reply, err
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
