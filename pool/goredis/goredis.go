// Package goredis is the driver for github.com/redis/go-redis/v9.
package goredis

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/redlatch/redlatch/internal/goredis"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool"
)

// NewPool returns the node behind client; of a nil client, nil, which
// redlatch.New reports. Calls use client's connections, its hooks and its
// retries; a command that go-redis has sent twice by itself is never mistaken
// for one that was refused.
//
// Every command has a deadline, whether or not client has ContextTimeoutEnabled:
// it is sent in a goroutine of its own, which is not waited for beyond the
// deadline, and sends nothing after it. That goroutine lasts until the client
// gives up reading: after its ReadTimeout, or at the deadline with
// ContextTimeoutEnabled. While many are overdue no further one is started, so a
// client whose reads have neither limit is of no use after its connections hang.
//
// A *redis.Client can be listened through, by a connection of which PoolSize does not
// count; no other kind can.
//
// Closing client is up to whoever made it.
func NewPool(client redis.UniversalClient) pool.Pool {
	if nilable.IsNil(client) {
		return nil
	}
	return goredis.NewNode(goredis.Client{
		ID:      client,
		Nil:     redis.Nil,
		Idle:    func() int { return int(client.PoolStats().IdleConns) },
		Command: command(client),

		Subscribe: subscribe(client),
	})
}

// command returns what makes and sends client's commands.
func command(client redis.UniversalClient) func(context.Context, []any) (goredis.Command, func() (any, error)) {
	switch client.(type) {
	case *redis.Client, *redis.ClusterClient, *redis.Ring:
		return func(ctx context.Context, args []any) (goredis.Command, func() (any, error)) {
			cmd := redis.NewCmd(ctx, args...)
			return cmd, func() (any, error) {
				client.Process(ctx, cmd)
				return cmd.Result()
			}
		}
	}
	// An autopipeline's Process sends a command together with others, which a
	// command that is given up would take with it; its Do sends the command alone.
	// What other kinds there are is not known.
	return func(ctx context.Context, args []any) (goredis.Command, func() (any, error)) {
		return nil, func() (any, error) { return client.Do(ctx, args...).Result() }
	}
}
