package redsync

import (
	"context"
	"errors"
	"net"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/redsync/redis"
)

// A foreign node is one that is asked through a redsync pool of which nothing else
// is known. Some of these heed the context that Get is given, and others none, so
// it cannot be relied on to return in time: it is no pool.Bounded.
type foreign struct {
	*pool.Redis
	id any
}

var _ pool.Identified = (*foreign)(nil)

// newForeign returns the node behind p, or nil if there is no client behind p. Its
// ID is the client, as it is of the nodes that the drivers make.
func newForeign(p redis.Pool) pool.Pool {
	id := any(p)
	if wrapper, ok := wrapperOf(p); ok {
		client := wrapper.Field(0)
		if client.Kind() == reflect.Interface {
			client = client.Elem()
		}
		switch {
		case nilable.IsNilValue(client):
			return nil
		case client.Kind() == reflect.Pointer:
			id = reflect.NewAt(client.Type().Elem(), client.UnsafePointer()).Interface()
		default:
			id = wrapper.Interface()
		}
	}
	return &foreign{pool.NewRedis(&conns{p}), id}
}

// ID implements [pool.Identified]: two pools over one client are the same.
func (f *foreign) ID() any { return f.id }

// wrapperOf returns the struct that p points to, if p was made by one of redsync's
// packages: its only field is the client.
func wrapperOf(p redis.Pool) (reflect.Value, bool) {
	v := reflect.ValueOf(p)
	if v.Kind() != reflect.Pointer || !strings.HasPrefix(v.Type().Elem().PkgPath(), "github.com/go-redsync/redsync/v4/redis/") {
		return reflect.Value{}, false
	}
	v = v.Elem()
	return v, v.Kind() == reflect.Struct && v.NumField() == 1
}

// conns sends commands through a redsync pool's connections: those that its
// interface has.
type conns struct{ pool redis.Pool }

var _ pool.Scripter = (*conns)(nil)

// Idle implements [pool.Commander]. How many connections may turn out closed, it
// cannot know; the timeout bounds the attempts, too.
func (c *conns) Idle() int { return 64 }

var errOnlyLocks = &pool.ServerError{Message: "ERR a redsync pool does not support this command"}

// Do implements [pool.Commander] for SET NX, and refuses all else. The client
// library may have sent it more than once, unnoticed.
func (c *conns) Do(ctx context.Context, timeout time.Duration, args ...any) (reply any, resent bool, err error) {
	if len(args) != 6 || args[0] != "SET" || args[3] != "NX" || args[4] != "PX" {
		return nil, false, errOnlyLocks
	}
	expiry := time.Duration(args[5].(int64)) * time.Millisecond
	reply, err = c.with(ctx, timeout, func(conn redis.Conn) (any, error) {
		ok, err := conn.SetNX(args[1].(string), args[2].(string), expiry)
		if !ok {
			return nil, err
		}
		return "OK", err
	})
	return reply, true, err
}

var acquireHash = pool.Scripts()["acquire"].Hash

// Eval implements [pool.Scripter].
func (c *conns) Eval(ctx context.Context, timeout time.Duration, s pool.Script, key string, args ...any) (reply any, resent bool, err error) {
	reply, err = c.with(ctx, timeout, func(conn redis.Conn) (any, error) {
		return conn.Eval(redis.NewScript(1, s.Text, s.Hash), append([]any{key}, args...)...)
	})
	// Of the other scripts the first sending cannot be told from a loss.
	return reply, s.Hash == acquireHash, err
}

// with has do use a connection.
func (c *conns) with(ctx context.Context, timeout time.Duration, do func(redis.Conn) (any, error)) (any, error) {
	bounded, cancel := driver.Within(ctx, timeout)
	defer cancel()
	conn, err := c.pool.Get(bounded)
	if err == nil && nilable.IsNil(conn) {
		err = errors.New("the pool's Get returned neither a connection nor an error")
	}
	if err != nil {
		return nil, pool.NotSent(explain(ctx, bounded, timeout, err))
	}
	defer conn.Close()
	reply, err := do(conn)
	if err != nil {
		return nil, explain(ctx, bounded, timeout, err)
	}
	return reply, nil
}

// errorReply is how a server begins its refusals.
var errorReply = regexp.MustCompile(`^[A-Z]+ `)

// explain puts the errors of whatever client library into the words of package
// pool.
func explain(ctx, bounded context.Context, timeout time.Duration, err error) error {
	var network net.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout(), bounded.Err() != nil:
		return pool.NoAnswer(timeout)
	case driver.Broken(err):
		return driver.Closed(err)
	case errorReply.MatchString(err.Error()):
		return &pool.ServerError{Message: err.Error(), Err: err}
	}
	return err
}
