package driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/pool"
)

// A Wire is a connection that has asked to subscribe to one channel, and is used for
// nothing else.
type Wire interface {
	// Receive waits for what the server says next, and for so long at most. Kind is
	// "subscribe", or "message", or anything else that shows that the server is there.
	// It is called in one goroutine. After Close it returns an error.
	Receive(timeout time.Duration) (kind, payload string, err error)

	// Ping makes the server say something. It may wait until it has. It is called in one
	// goroutine, another than Receive's.
	Ping() error

	// Close ends everything. It is called once, while any of the others may be under way.
	Close()
}

const (
	pingInterval = 15 * time.Second

	// silence is how long a server may say nothing that is sent a PING every now and then.
	silence = 2*pingInterval + pingInterval/2
)

var errSilent = fmt.Errorf("%w: it has not been heard of for %v", pool.ErrClosed, silence)

// Subscribe is what [pool.Subscriber] asks for, on the wire that open makes. As open
// may know no bounds it runs aside, in g. Explain puts an error that the wire has
// received into the words of package pool.
func Subscribe(ctx context.Context, g *aside.Group, open func() (Wire, error), explain func(error) error, subscribed func(), message func(string)) error {
	if err := ctx.Err(); err != nil {
		return pool.NotSent(err)
	}
	wire, err := aside.Run(ctx, g, open, func(w Wire) {
		if w != nil {
			w.Close()
		}
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return pool.NotSent(ctx.Err())
	case err != nil:
		return pool.NotSent(err)
	}
	alive, cancel := context.WithCancel(ctx)
	var keepers sync.WaitGroup
	defer keepers.Wait()
	defer cancel()
	keepers.Go(func() {
		<-alive.Done()
		wire.Close()
	})
	keepers.Go(func() { ping(alive, wire) })
	for up := false; ; {
		kind, payload, err := wire.Receive(silence)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case timedOut(err):
			return errSilent
		case err != nil:
			return explain(err)
		case kind == "subscribe" && !up:
			up = true
			subscribed()
		case kind == "message" && up:
			message(payload)
		}
	}
}

// ping has the server say something every now and then. A ping that fails is noticed
// by who receives.
func ping(ctx context.Context, wire Wire) {
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			wire.Ping()
		}
	}
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
