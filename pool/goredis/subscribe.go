package goredis

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/internal/goredis"
)

// subscribe returns what subscribes client to a channel. Of a cluster, and of whatever
// else client may be, it is not known that a message gets through: nil.
func subscribe(client redis.UniversalClient) goredis.Subscribe {
	c, ok := client.(*redis.Client)
	if !ok {
		return nil
	}
	return func(ctx context.Context, channel string) (driver.Wire, error) {
		pubsub := c.Subscribe(ctx) // it connects when there is a channel
		if err := pubsub.Subscribe(ctx, channel); err != nil {
			pubsub.Close()
			return nil, err
		}
		return wire{pubsub}, nil
	}
}

// A wire is a subscription that does not outlive its connection: go-redis looks at the
// context only when it connects, which it so does not do again by itself.
type wire struct{ pubsub *redis.PubSub }

// connected is the context of who needs no other connection: it has ended.
var connected = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// Receive implements [driver.Wire].
func (w wire) Receive(timeout time.Duration) (kind, payload string, err error) {
	event, err := w.pubsub.ReceiveTimeout(connected, timeout)
	switch event := event.(type) {
	case *redis.Subscription:
		return event.Kind, "", err
	case *redis.Message:
		return "message", event.Payload, err
	}
	return "", "", err
}

// Ping implements [driver.Wire].
func (w wire) Ping() error { return w.pubsub.Ping(connected) }

// Close implements [driver.Wire].
func (w wire) Close() { w.pubsub.Close() }
