// Package servers is how the command reaches the servers that its flags name.
package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
	"github.com/redlatch/redlatch/quorum"
)

// dialTimeout is how long a server may take to accept a connection.
const dialTimeout = 2 * time.Second

// Parse returns the addresses in a list of host:port with commas between them,
// and, of a list that cannot work, an error that says how one looks.
func Parse(list string) ([]string, error) {
	addrs := strings.Split(list, ",")
	for i, addr := range addrs {
		addr = strings.TrimSpace(addr)
		host, port, err := net.SplitHostPort(addr)
		number, portErr := strconv.Atoi(port)
		switch {
		case err != nil, host == "", portErr != nil, number < 1, number > 65535:
			return nil, fmt.Errorf("%q is not host:port, such as localhost:6379", addr)
		case slices.Contains(addrs[:i], addr):
			return nil, fmt.Errorf("%s is given twice, but a server has one vote", addr)
		}
		addrs[i] = addr
	}
	if len(addrs) > quorum.MaxNodes {
		return nil, fmt.Errorf("%d servers are too many: %d at most", len(addrs), quorum.MaxNodes)
	}
	return addrs, nil
}

// Check asks every server whether it is there, all at once, and returns an error
// that names each that is not, and why. It returns when all have answered, ctx
// has ended, or after a few seconds.
func Check(ctx context.Context, addrs []string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	errs := make([]error, len(addrs))
	var all sync.WaitGroup
	for i, addr := range addrs {
		all.Go(func() {
			if err := ping(ctx, addr); err != nil {
				errs[i] = fmt.Errorf("cannot use the server %s: %w", addr, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func ping(ctx context.Context, addr string) error {
	conn, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = redis.DoContext(conn, ctx, "PING")
	return err
}

// Pools returns a node for each of the servers, in their order. Nothing is
// connected yet. Done closes all connections.
func Pools(addrs []string) (pools []pool.Pool, done func()) {
	var owned []*redis.Pool
	for _, addr := range addrs {
		p := &redis.Pool{
			MaxIdle:     4,
			DialContext: func(ctx context.Context) (redis.Conn, error) { return dial(ctx, addr) },
		}
		owned = append(owned, p)
		pools = append(pools, redigo.NewPool(p))
	}
	return pools, func() {
		for _, p := range owned {
			p.Close()
		}
	}
}

func dial(ctx context.Context, addr string) (redis.Conn, error) {
	return redis.DialContext(ctx, "tcp", addr, redis.DialConnectTimeout(dialTimeout))
}
