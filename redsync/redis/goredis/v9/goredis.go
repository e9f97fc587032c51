// Package goredis makes pools of clients of github.com/redis/go-redis/v9.
package goredis

import (
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/redlatch/redlatch/pool/goredis"
	"github.com/redlatch/redlatch/redsync/internal/dual"
	"github.com/redlatch/redlatch/redsync/redis"
)

// NewPool returns a pool that uses delegate; of a nil delegate, nil, which
// redsync.New reports. It is a node of redlatch besides: the one that package
// pool/goredis of redlatch makes of the same delegate.
func NewPool(delegate client.UniversalClient) redis.Pool {
	return dual.New(goredis.NewPool(delegate), time.Nanosecond)
}
