package peer

import (
	"context"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

const (
	redislockExpiry = 8 * time.Second        // it has no default
	redislockRetry  = 100 * time.Millisecond // as its README has it: by default it does not wait
	redislockWait   = time.Hour              // without a deadline it waits for one expiry
)

type redislockPeer struct {
	client  *redis.Client
	locks   *redislock.Client
	expiry  time.Duration
	options *redislock.Options // nil is one try
}

func openRedislock(c Config) (Peer, error) {
	client := goredisClients(c)[0] // it knows one server only
	p := &redislockPeer{client: client, locks: redislock.New(client), expiry: redislockExpiry}
	if c.Expiry != 0 {
		p.expiry = c.Expiry
	}
	if !c.OneTry {
		p.options = &redislock.Options{RetryStrategy: redislock.LinearBackoff(redislockRetry)}
	}
	return p, nil
}

// Lock implements [Peer].
func (p *redislockPeer) Lock(ctx context.Context, name string) (Lock, error) {
	if p.options != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, redislockWait)
		defer cancel()
	}
	l, err := p.locks.Obtain(ctx, name, p.expiry, p.options)
	if err != nil {
		return nil, err
	}
	return redislockLock{l, p.expiry}, nil
}

// Ping implements [Peer].
func (p *redislockPeer) Ping(ctx context.Context) error { return p.client.Ping(ctx).Err() }

// Close implements [Peer].
func (p *redislockPeer) Close() { p.client.Close() }

type redislockLock struct {
	lock   *redislock.Lock
	expiry time.Duration
}

func (l redislockLock) Unlock(ctx context.Context) error { return l.lock.Release(ctx) }
func (l redislockLock) Extend(ctx context.Context) error { return l.lock.Refresh(ctx, l.expiry, nil) }
