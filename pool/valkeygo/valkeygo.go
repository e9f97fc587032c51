// Package valkeygo is the driver for github.com/valkey-io/valkey-go.
package valkeygo

import (
	"context"

	"github.com/valkey-io/valkey-go"

	"github.com/redlatch/redlatch/internal/nilable"
	common "github.com/redlatch/redlatch/internal/rueidis"
	"github.com/redlatch/redlatch/pool"
)

// NewPool returns the node behind client; of a nil client, nil, which
// redlatch.New reports. Commands are pipelined, even if client was made with
// DisableAutoPipelining: they share the connections that it has in any case.
//
// A command that nobody waits for any more goes on in the background, and its
// reply is dropped; the connection stays open. It is up to client to notice that
// one is dead, as it does after ConnWriteTimeout, and to replace it.
//
// Closing client is up to whoever made it.
func NewPool(client valkey.Client) pool.Pool {
	if nilable.IsNil(client) {
		return nil
	}
	return common.NewNode(client, func(ctx context.Context, args []any) (any, error) {
		before, keys, after := common.Words(args)
		cmd := client.B().Arbitrary(before...).Keys(keys...).Args(after...).Build()
		return client.Do(ctx, cmd.ToPipe()).ToAny()
	})
}
