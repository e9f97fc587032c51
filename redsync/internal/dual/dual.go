// Package dual makes a redlatch driver a redsync pool, too.
package dual

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-redsync/redsync/v4/redis"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// New returns node, which a driver has made, as a redsync pool: the drop-in finds
// the node in it, and others find connections, on which every command has the
// deadline of the context that Get was given. A nil node, of a nil client, is nil.
//
// Unit is that of the negative numbers that PTTL returns of a key that does not
// exist (-2) or does not expire (-1): client libraries differ in it.
func New(node pool.Pool, unit time.Duration) redis.Pool {
	if node == nil {
		return nil
	}
	return &both{node.(*driver.Node), unit}
}

type both struct {
	*driver.Node
	unit time.Duration
}

// Get implements redsync's redis.Pool. It sends nothing. A nil ctx is
// context.Background.
func (b *both) Get(ctx context.Context) (redis.Conn, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	return &conn{ctx, b.Commander(), b.unit}, nil
}

// A conn is not one connection: each command uses one of the client's.
type conn struct {
	ctx       context.Context // of Get, as redsync's interface has it
	commander pool.Commander
	unit      time.Duration
}

var _ redis.Conn = (*conn)(nil)

func (c *conn) do(args ...any) (any, error) {
	reply, _, err := c.commander.Do(c.ctx, 0, args...)
	var refusal *pool.ServerError
	if errors.As(err, &refusal) && refusal.Err != nil {
		err = refusal.Err // as the client library's own users know it
	}
	return reply, err
}

func (c *conn) Get(name string) (string, error) {
	reply, err := c.do("GET", name)
	value, _ := reply.(string)
	return value, err
}

func (c *conn) Set(name, value string) (bool, error) {
	reply, err := c.do("SET", name, value)
	return reply == "OK", err
}

func (c *conn) SetNX(name, value string, expiry time.Duration) (bool, error) {
	reply, err := c.do("SET", name, value, "NX", "PX", expiry.Milliseconds())
	return reply == "OK", err
}

func (c *conn) PTTL(name string) (time.Duration, error) {
	reply, err := c.do("PTTL", name)
	n, _ := reply.(int64)
	if n < 0 {
		return time.Duration(n) * c.unit, err
	}
	return time.Duration(n) * time.Millisecond, err
}

func (c *conn) Eval(script *redis.Script, keysAndArgs ...any) (any, error) {
	args := make([]any, 0, 3+len(keysAndArgs))
	args = append(args, "EVALSHA", script.Hash)
	if script.KeyCount >= 0 { // else the first argument is the count
		args = append(args, int64(script.KeyCount))
	}
	for _, arg := range keysAndArgs {
		args = append(args, plain(arg))
	}
	reply, err := c.do(args...)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT ") {
		args[0], args[1] = "EVAL", script.Src
		reply, err = c.do(args...)
	}
	return reply, err
}

func (c *conn) ScriptLoad(script *redis.Script) error {
	reply, err := c.do("SCRIPT", "LOAD", script.Src)
	if hash, ok := reply.(string); ok && err == nil {
		script.Hash = hash
	}
	return err
}

func (c *conn) Close() error { return nil }

// plain returns a script's argument as a pool.Commander takes it.
func plain(arg any) any {
	switch arg := arg.(type) {
	case nil:
		return ""
	case string, int64:
		return arg
	case int:
		return int64(arg)
	case []byte:
		return string(arg)
	case bool:
		if arg {
			return int64(1)
		}
		return int64(0)
	}
	return fmt.Sprint(arg)
}
