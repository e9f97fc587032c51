package demo

import (
	"context"
	"math"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/cmd/redlatch/internal/servers"
)

const (
	minRetry, maxRetry = 10 * time.Millisecond, 40 * time.Millisecond

	// settle is what a process that gave up waiting stays for: a try that its
	// end interrupted is undone in the background.
	settle = 150 * time.Millisecond
)

// OnServers returns what takes the lock of the given name on the servers, with
// Redlatch. Done lets what is under way come to its end, which takes a moment,
// and closes the connections.
func OnServers(addrs []string, name string) (take Take, done func()) {
	pools, closePools := servers.Pools(addrs)
	mutex := redlatch.New(pools...).NewMutex(name,
		redlatch.WithTries(math.MaxInt), // as long as the demo lasts
		redlatch.WithRetryDelayFunc(func(int) time.Duration { return between(minRetry, maxRetry) }),
	)
	take = func(ctx context.Context) (time.Time, func() error, error) {
		if err := mutex.LockContext(ctx); err != nil {
			return time.Time{}, nil, err
		}
		return mutex.Until(), func() error { _, err := mutex.Unlock(); return err }, nil
	}
	return take, func() {
		time.Sleep(settle)
		closePools()
	}
}
