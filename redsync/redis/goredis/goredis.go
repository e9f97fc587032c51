// Package goredis makes pools of clients of version 6 of go-redis,
// github.com/go-redis/redis.
package goredis

import (
	"context"
	"time"

	client "github.com/go-redis/redis"

	"github.com/redlatch/redlatch/internal/goredis"
	"github.com/redlatch/redlatch/redsync/internal/dual"
	"github.com/redlatch/redlatch/redsync/redis"
)

// NewPool returns a pool that uses delegate; of a nil delegate, nil, which
// redsync.New reports. It is a node of redlatch besides.
//
// Every command is sent in a goroutine of its own, which is not waited for
// beyond the deadline: this version of go-redis knows no context. That goroutine
// lasts until delegate's timeouts pass, and sends nothing after the deadline.
func NewPool(delegate *client.Client) redis.Pool {
	if delegate == nil {
		return nil
	}
	node := goredis.NewNode(goredis.Client{
		ID:   delegate,
		Nil:  client.Nil,
		Idle: func() int { return int(delegate.PoolStats().IdleConns) },
		Command: func(_ context.Context, args []any) (goredis.Command, func() (any, error)) {
			cmd := client.NewCmd(args...)
			return cmd, func() (any, error) {
				delegate.Process(cmd)
				return cmd.Result()
			}
		},
	})
	return dual.New(node, time.Millisecond)
}
