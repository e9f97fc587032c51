package peer

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis/rueidislock"
)

type rueidislockPeer struct {
	locks  rueidislock.Locker
	oneTry bool
}

// rueidislockTry is how long it waits for a server's answer. With its default, 20 ms, it
// stood still now and then where the machine was busy for as long.
const rueidislockTry = time.Second

// openRueidislock is set up as its documentation advises for one server of version
// 7.0.5 or later.
func openRueidislock(c Config) (Peer, error) {
	locks, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption:   rueidisOption(c, 0),
		KeyMajority:    1,
		NoLoopTracking: true,
		KeyValidity:    c.Expiry,
		TryNextAfter:   rueidislockTry,
	})
	if err != nil {
		return nil, err
	}
	return &rueidislockPeer{locks, c.OneTry}, nil
}

// Lock implements [Peer].
func (p *rueidislockPeer) Lock(ctx context.Context, name string) (Lock, error) {
	lock := p.locks.WithContext
	if p.oneTry {
		lock = p.locks.TryWithContext
	}
	_, cancel, err := lock(ctx, name)
	if err != nil {
		return nil, err
	}
	return rueidislockLock(cancel), nil
}

// Ping implements [Peer].
func (p *rueidislockPeer) Ping(ctx context.Context) error { return pingRueidis(ctx, p.locks.Client()) }

// Close implements [Peer].
func (p *rueidislockPeer) Close() { p.locks.Close() }

type rueidislockLock context.CancelFunc

// Unlock implements [Lock]. It returns when the key has been deleted, and does not tell
// whether it was.
func (l rueidislockLock) Unlock(context.Context) error {
	l()
	return nil
}

// Extend implements [Lock].
func (l rueidislockLock) Extend(context.Context) error { return errNoExtend }

// errNoExtend is the error of a peer that extends its locks by itself.
var errNoExtend = errors.New("it extends by itself")
