// Package valkeygo makes pools of clients of github.com/valkey-io/valkey-go.
package valkeygo

import (
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool/valkeygo"
	"github.com/redlatch/redlatch/redsync/internal/dual"
	"github.com/redlatch/redlatch/redsync/redis"
)

// A Cmdable is a valkeycompat.Cmdable of version 1.0.72 or newer: what of it is
// used, so that nobody needs valkeycompat who has no use for it.
type Cmdable interface{ Client() valkey.Client }

// NewPool returns a pool that uses the client that delegate adapts; of a nil
// delegate, nil, which redsync.New reports. It is a node of redlatch besides: the
// one that package pool/valkeygo of redlatch makes of the same client.
func NewPool(delegate Cmdable) redis.Pool {
	if nilable.IsNil(delegate) {
		return nil
	}
	return dual.New(valkeygo.NewPool(delegate.Client()), time.Nanosecond)
}
