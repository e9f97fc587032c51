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
// Who listens takes one of the connections of BlockingPoolSize, of which there are 1024
// by default. A client of a Redis Cluster cannot be listened through.
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
	}, dedicate(client))
}

func dedicate(client valkey.Client) common.Dedicate {
	return func(event func(kind, payload string)) (common.Dedicated, bool) {
		if client.Mode() == valkey.ClientModeCluster {
			return common.Dedicated{}, false
		}
		d, _ := client.Dedicate()
		broken := d.SetPubSubHooks(valkey.PubSubHooks{
			OnMessage:      func(m valkey.PubSubMessage) { event("message", m.Message) },
			OnSubscription: func(s valkey.PubSubSubscription) { event(s.Kind, "") },
		})
		return common.Dedicated{
			Subscribe: func(channel string) error {
				return d.Do(context.Background(), d.B().Subscribe().Channel(channel).Build()).Error()
			},
			Ping:   func() error { return d.Do(context.Background(), d.B().Ping().Build()).Error() },
			Broken: broken,
			Close:  d.Close,
		}, true
	}
}
