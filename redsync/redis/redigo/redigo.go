// Package redigo makes pools of github.com/gomodule/redigo's.
package redigo

import (
	"time"

	"github.com/redlatch/redlatch/pool/redigo"
	"github.com/redlatch/redlatch/redsync/internal/dual"
	"github.com/redlatch/redlatch/redsync/redis"
)

// A Pool is a redigo pool, or what somebody puts in its place.
type Pool = redigo.Pool

// NewPool returns a pool that uses the connections of delegate; of a nil
// delegate, nil, which redsync.New reports. It is a node of redlatch besides: the
// one that package pool/redigo of redlatch makes of the same delegate.
func NewPool(delegate Pool) redis.Pool {
	return dual.New(redigo.NewPool(delegate), time.Millisecond)
}
