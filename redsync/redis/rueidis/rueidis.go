// Package rueidis makes pools of clients of github.com/redis/rueidis.
package rueidis

import (
	"time"

	"github.com/redis/rueidis/rueidiscompat"

	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool/rueidis"
	"github.com/redlatch/redlatch/redsync/internal/dual"
	"github.com/redlatch/redlatch/redsync/redis"
)

// NewPool returns a pool that uses the client that delegate adapts; of a nil
// delegate, nil, which redsync.New reports. It is a node of redlatch besides: the
// one that package pool/rueidis of redlatch makes of the same client.
func NewPool(delegate rueidiscompat.Cmdable) redis.Pool {
	if nilable.IsNil(delegate) {
		return nil
	}
	return dual.New(rueidis.NewPool(delegate.Client()), time.Nanosecond)
}
