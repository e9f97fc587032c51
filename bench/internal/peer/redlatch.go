package peer

import (
	"context"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/goredis"
	"github.com/redlatch/redlatch/pool/redigo"
	"github.com/redlatch/redlatch/pool/rueidis"
)

// handovers is how many times in a row a lock may stay in one process, where it may.
const handovers = 16

// closeTimeout is how long a Locker may take to be closed.
const closeTimeout = time.Second

type redlatchPeer struct {
	locker  *redlatch.Locker
	options []redlatch.Option
	ping    func(context.Context) error
	close   func()
}

// newRedlatch returns the peer on the pools.
func newRedlatch(c Config, pools []pool.Pool, ping func(context.Context) error, close func()) *redlatchPeer {
	p := &redlatchPeer{locker: redlatch.New(pools...), ping: ping, close: close}
	if c.Expiry != 0 {
		p.options = append(p.options, redlatch.WithExpiry(c.Expiry))
	}
	tries := redlatch.WithTries(redlatch.Forever)
	if c.OneTry {
		tries = redlatch.WithTries(1)
	}
	p.options = append(p.options, tries)
	return p
}

func openRedlatch(c Config) (Peer, error) {
	var pools []pool.Pool
	clients := redigoPools(c)
	for _, client := range clients {
		pools = append(pools, redigo.NewPool(client))
	}
	ping := func(context.Context) error { return pingRedigo(clients[0]) }
	return newRedlatch(c, pools, ping, func() { closeAll(clients) }), nil
}

func openRedlatchLocal(c Config) (Peer, error) {
	p, err := openRedlatch(c)
	if err == nil {
		local := p.(*redlatchPeer)
		local.options = append(local.options, redlatch.WithLocalHandover(handovers))
	}
	return p, err
}

func openRedlatchGoRedis(c Config) (Peer, error) {
	var pools []pool.Pool
	clients := goredisClients(c)
	for _, client := range clients {
		pools = append(pools, goredis.NewPool(client))
	}
	ping := func(ctx context.Context) error { return clients[0].Ping(ctx).Err() }
	return newRedlatch(c, pools, ping, func() { closeAll(clients) }), nil
}

func openRedlatchRueidis(c Config) (Peer, error) {
	clients, err := rueidisClients(c)
	if err != nil {
		return nil, err
	}
	var pools []pool.Pool
	for _, client := range clients {
		pools = append(pools, rueidis.NewPool(client))
	}
	return newRedlatch(c, pools, func(ctx context.Context) error { return pingRueidis(ctx, clients[0]) }, func() {
		for _, client := range clients {
			client.Close()
		}
	}), nil
}

// Lock implements [Peer].
func (p *redlatchPeer) Lock(ctx context.Context, name string) (Lock, error) {
	m := p.locker.NewMutex(name, p.options...)
	if err := m.LockContext(ctx); err != nil {
		return nil, err
	}
	return redlatchLock{m}, nil
}

// Ping implements [Peer].
func (p *redlatchPeer) Ping(ctx context.Context) error { return p.ping(ctx) }

// Close implements [Peer].
func (p *redlatchPeer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	p.locker.Close(ctx)
	p.close()
}

type redlatchLock struct{ mutex *redlatch.Mutex }

func (l redlatchLock) Unlock(ctx context.Context) error { return confirmed(l.mutex.UnlockContext(ctx)) }
func (l redlatchLock) Extend(ctx context.Context) error { return confirmed(l.mutex.ExtendContext(ctx)) }
