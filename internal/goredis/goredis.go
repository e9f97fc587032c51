// Package goredis is what the drivers for the versions of go-redis have in
// common. It imports none of them: a driver describes its version by a [Client].
//
// Two things set go-redis apart from other libraries. It sends a command again
// by itself when a reply does not come, and a SET NX that has won is then told
// that the key is taken: every sending is therefore counted, by a mark in the
// command. And most of its versions wait on, whatever becomes of the context:
// every command is therefore sent in a goroutine of its own, which is not waited
// for beyond the deadline.
package goredis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// A Client is a client of go-redis, as the driver for its version describes it.
type Client struct {
	ID   any        // two clients are one if their IDs are equal
	Nil  error      // redis.Nil: the error of a nil reply, of the same type as a server's refusals
	Idle func() int // how many connections are idle

	// Command returns a command made of args, which it keeps, and the function
	// that sends it and returns its reply: within ctx, as far as that is in the
	// client's power. The command is nil if it must not be looked at meanwhile; a
	// sending that was refused, and that go-redis repeats by itself as it does
	// when a cluster redirects it, then counts as one that may have had an effect.
	Command func(ctx context.Context, args []any) (cmd Command, send func() (any, error))

	Subscribe Subscribe // nil if it does not
}

// Subscribe connects, and asks to subscribe to a channel; within ctx, as far as that is
// in the client's power.
type Subscribe func(ctx context.Context, channel string) (driver.Wire, error)

// A Command is a *redis.Cmd. Its error is that of the last attempt at sending
// it, or nil if go-redis did not keep that. If the command has a method SetErr,
// as it has from version 7 on, its error is forgotten at each sending; in a
// version without, every attempt that has sent something must set the error.
type Command interface {
	Err() error
}

// NewNode returns the node behind c.
func NewNode(c Client) *driver.Node { return driver.NewNode(c.ID, &commander{client: c}) }

type commander struct {
	client Client
	aside  aside.Group
}

var _ pool.Subscriber = (*commander)(nil)

// Idle implements [pool.Commander].
func (c *commander) Idle() int { return c.client.Idle() }

// Do implements [pool.Commander]. After it has returned, whatever it returned, a
// command that can be marked is not sent any more.
func (c *commander) Do(ctx context.Context, timeout time.Duration, args ...any) (reply any, resent bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, pool.NotSent(err)
	}
	bounded, cancel := driver.Within(ctx, timeout)
	defer cancel()
	args, m := marked(args)
	cmd, send := c.client.Command(bounded, args)
	m.watch(cmd, c.client.refusal)
	reply, err = aside.Run(bounded, &c.aside, func() (any, error) {
		reply, err := send()
		if reply == nil && err == nil { // version 6 makes no attempt at all if MaxRetries is negative
			err = errNoAttempt
		}
		return reply, err
	}, func(any) {})
	sent := m.close()
	if err == aside.ErrFull {
		return nil, false, pool.NotSent(errOverdue)
	}
	resent = sent != 0 && sent != 1
	if err == nil || errors.Is(err, c.client.Nil) {
		return reply, resent, nil
	}
	return nil, resent, c.explain(ctx, bounded, timeout, sent, err)
}

// Subscribe implements [pool.Subscriber].
func (c *commander) Subscribe(ctx context.Context, channel string, subscribed func(), message func(payload string)) error {
	if c.client.Subscribe == nil {
		return pool.ErrDeaf
	}
	open := func() (driver.Wire, error) { return c.client.Subscribe(ctx, channel) }
	explain := func(err error) error { return c.explain(ctx, ctx, 0, 1, err) }
	return driver.Subscribe(ctx, &c.aside, open, explain, subscribed, message)
}

var errNoAttempt = errors.New("go-redis: there was neither a reply nor an error: is MaxRetries negative?")

var errOverdue = fmt.Errorf("go-redis: %d calls to this server are overdue: do the client's dialer, hooks and reads have a timeout?", aside.Max)
