// Package goredis makes pools of clients of github.com/go-redis/redis/v8.
package goredis

import (
	"context"
	"time"

	client "github.com/go-redis/redis/v8"

	"github.com/redlatch/redlatch/internal/goredis"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/redsync/internal/dual"
	"github.com/redlatch/redlatch/redsync/redis"
)

// NewPool returns a pool that uses delegate; of a nil delegate, nil, which
// redsync.New reports. It is a node of redlatch besides.
//
// Every command is sent in a goroutine of its own, which is not waited for
// beyond the deadline. It sends nothing after that.
func NewPool(delegate client.UniversalClient) redis.Pool {
	if nilable.IsNil(delegate) {
		return nil
	}
	node := goredis.NewNode(goredis.Client{
		ID:   delegate,
		Nil:  client.Nil,
		Idle: func() int { return int(delegate.PoolStats().IdleConns) },
		Command: func(ctx context.Context, args []any) (goredis.Command, func() (any, error)) {
			cmd := client.NewCmd(ctx, args...)
			return cmd, func() (any, error) {
				delegate.Process(ctx, cmd)
				return cmd.Result()
			}
		},
	})
	return dual.New(node, time.Nanosecond)
}
