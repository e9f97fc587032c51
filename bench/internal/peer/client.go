package peer

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/gomodule/redigo/redis"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// idle is how many connections a pool keeps: as many as there are goroutines in any
// measurement, so that none is dialled while it goes on.
const idle = 64

// redigoPools returns a pool for every server.
func redigoPools(c Config) []*redis.Pool {
	pools := make([]*redis.Pool, len(c.Places))
	for i := range pools {
		pools[i] = &redis.Pool{MaxIdle: idle, DialContext: func(ctx context.Context) (redis.Conn, error) {
			conn, err := c.conn(ctx, i)
			if err != nil {
				return nil, err
			}
			return redis.NewConn(conn, 0, 0), nil
		}}
	}
	return pools
}

// pingRedigo is [Peer.Ping] by a pool.
func pingRedigo(p *redis.Pool) error {
	conn := p.Get()
	defer conn.Close()
	_, err := conn.Do("PING")
	return err
}

func closeAll[C interface{ Close() error }](clients []C) {
	for _, client := range clients {
		client.Close() // the process is about to end
	}
}

// goredisClients returns a client for every server, with its defaults.
func goredisClients(c Config) []*goredis.Client {
	clients := make([]*goredis.Client, len(c.Places))
	for i := range clients {
		clients[i] = goredis.NewClient(&goredis.Options{
			Addr:     c.Places[i].Address,
			PoolSize: idle,
			Dialer:   func(ctx context.Context, _, _ string) (net.Conn, error) { return c.conn(ctx, i) },
		})
	}
	return clients
}

// rueidisOption returns the defaults of rueidis, for the server at place i.
func rueidisOption(c Config, i int) rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress:       []string{c.Places[i].Address},
		ForceSingleClient: true,
		DialCtxFn: func(ctx context.Context, _ string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return c.conn(ctx, i)
		},
	}
}

// rueidisClients returns a client for every server, with its defaults, except that it
// keeps no copies of keys: no lock here asks for them.
func rueidisClients(c Config) ([]rueidis.Client, error) {
	clients := make([]rueidis.Client, len(c.Places))
	for i := range clients {
		option := rueidisOption(c, i)
		option.DisableCache = true
		var err error
		if clients[i], err = rueidis.NewClient(option); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

// pingRueidis is [Peer.Ping] by a client.
func pingRueidis(ctx context.Context, client rueidis.Client) error {
	return client.Do(ctx, client.B().Ping().Build()).Error()
}
