package peer

import (
	"context"
	"errors"
	"time"

	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/go-redsync/redsync/v4/redis/redigo"
	"github.com/go-redsync/redsync/v4/redis/rueidis"
	"github.com/redis/rueidis/rueidiscompat"
)

type redsyncPeer struct {
	redsync *redsync.Redsync
	options []redsync.Option
	ping    func(context.Context) error
	close   func()
}

func newRedsync(c Config, pools []redis.Pool, ping func(context.Context) error, close func()) *redsyncPeer {
	p := &redsyncPeer{redsync: redsync.New(pools...), ping: ping, close: close}
	if c.Expiry != 0 {
		p.options = append(p.options, redsync.WithExpiry(c.Expiry))
	}
	tries := 1 << 30
	if c.OneTry {
		tries = 1
	}
	p.options = append(p.options, redsync.WithTries(tries))
	return p
}

func openRedsync(c Config) (Peer, error) {
	var pools []redis.Pool
	clients := redigoPools(c)
	for _, client := range clients {
		pools = append(pools, redigo.NewPool(client))
	}
	ping := func(context.Context) error { return pingRedigo(clients[0]) }
	return newRedsync(c, pools, ping, func() { closeAll(clients) }), nil
}

// openRedsyncEager is redsync that looks again every millisecond, instead of after its
// 50 to 250 ms.
func openRedsyncEager(c Config) (Peer, error) {
	p, err := openRedsync(c)
	if err == nil {
		eager := p.(*redsyncPeer)
		eager.options = append(eager.options, redsync.WithRetryDelay(time.Millisecond))
	}
	return p, err
}

func openRedsyncGoRedis(c Config) (Peer, error) {
	var pools []redis.Pool
	clients := goredisClients(c)
	for _, client := range clients {
		pools = append(pools, goredis.NewPool(client))
	}
	ping := func(ctx context.Context) error { return clients[0].Ping(ctx).Err() }
	return newRedsync(c, pools, ping, func() { closeAll(clients) }), nil
}

func openRedsyncRueidis(c Config) (Peer, error) {
	clients, err := rueidisClients(c)
	if err != nil {
		return nil, err
	}
	var pools []redis.Pool
	for _, client := range clients {
		pools = append(pools, rueidis.NewPool(rueidiscompat.NewAdapter(client)))
	}
	return newRedsync(c, pools, func(ctx context.Context) error { return pingRueidis(ctx, clients[0]) }, func() {
		for _, client := range clients {
			client.Close()
		}
	}), nil
}

// Lock implements [Peer].
func (p *redsyncPeer) Lock(ctx context.Context, name string) (Lock, error) {
	m := p.redsync.NewMutex(name, p.options...)
	if err := m.LockContext(ctx); err != nil {
		return nil, err
	}
	return redsyncLock{m}, nil
}

// Ping implements [Peer].
func (p *redsyncPeer) Ping(ctx context.Context) error { return p.ping(ctx) }

// Close implements [Peer].
func (p *redsyncPeer) Close() { p.close() }

type redsyncLock struct{ mutex *redsync.Mutex }

func (l redsyncLock) Unlock(ctx context.Context) error { return confirmed(l.mutex.UnlockContext(ctx)) }
func (l redsyncLock) Extend(ctx context.Context) error { return confirmed(l.mutex.ExtendContext(ctx)) }

// errNotConfirmed is the error of a call that said no, and not why.
var errNotConfirmed = errors.New("not confirmed")

// confirmed makes one error of what Unlock and Extend return.
func confirmed(ok bool, err error) error {
	if err == nil && !ok {
		return errNotConfirmed
	}
	return err
}
