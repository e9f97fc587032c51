// Package peer is what is measured: libraries that lock, and the raw limit, behind one
// interface.
package peer

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/redlatch/redlatch/bench/internal/wire"
)

// A Peer is a library that locks on some servers, in one process. It may be used by
// several goroutines at once.
type Peer interface {
	// Lock acquires the lock of a name. It blocks until it has it or ctx has ended,
	// or, with OneTry, after one try.
	Lock(ctx context.Context, name string) (Lock, error)

	// Ping is one round trip to the first server, on such a connection as locking uses.
	Ping(ctx context.Context) error

	// Close ends what the peer has open.
	Close()
}

// A Lock is a lock that is held.
type Lock interface {
	Unlock(ctx context.Context) error
	Extend(ctx context.Context) error
}

// Config is what a peer is to work with. Peers that keep the lock in another way than
// by one expiry, or extend it by themselves, take what is nearest to it.
type Config struct {
	Places []wire.Place
	Count  *wire.Count   // counts what is sent; nil does not
	Expiry time.Duration // of a lock; 0 is the peer's default
	OneTry bool          // Lock does not wait for another holder
}

// conn connects to the server at place i.
func (c Config) conn(ctx context.Context, i int) (net.Conn, error) {
	return c.Count.Dial(ctx, c.Places[i])
}

// The names of the peers. What follows a slash is the client library.
const (
	Raw             = "raw redigo"
	RawBatches      = "raw redigo, batches"
	RawRueidis      = "raw rueidis"
	Redlatch        = "redlatch"
	RedlatchGoRedis = "redlatch / go-redis"
	RedlatchRueidis = "redlatch / rueidis"
	RedlatchLocal   = "redlatch, handover"
	Redsync         = "redsync"
	RedsyncGoRedis  = "redsync / go-redis"
	RedsyncRueidis  = "redsync / rueidis"
	RedsyncEager    = "redsync, 1 ms"
	Redislock       = "redislock"
	Rueidislock     = "rueidislock"
)

var openers = map[string]func(Config) (Peer, error){
	Raw:             openRaw,
	RawBatches:      openRawBatches,
	RawRueidis:      openRawRueidis,
	Redlatch:        openRedlatch,
	RedlatchGoRedis: openRedlatchGoRedis,
	RedlatchRueidis: openRedlatchRueidis,
	RedlatchLocal:   openRedlatchLocal,
	Redsync:         openRedsync,
	RedsyncGoRedis:  openRedsyncGoRedis,
	RedsyncRueidis:  openRedsyncRueidis,
	RedsyncEager:    openRedsyncEager,
	Redislock:       openRedislock,
	Rueidislock:     openRueidislock,
}

// Open returns the peer of a name.
func Open(name string, c Config) (Peer, error) {
	open, ok := openers[name]
	if !ok {
		return nil, fmt.Errorf("there is no peer %q", name)
	}
	p, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// Names returns the names of all peers, in order.
func Names() []string {
	var names []string
	for name := range openers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
