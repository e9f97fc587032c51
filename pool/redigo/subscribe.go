package redigo

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool"
)

var _ pool.Subscriber = (*commander)(nil)

// Subscribe implements [pool.Subscriber], on a connection that the pool's own dial
// function makes, and the pool does not count. A pool that is no *redis.Pool has none
// that is known; and a connection that knows no timeouts is not listened on.
func (c *commander) Subscribe(ctx context.Context, channel string, subscribed func(), message func(payload string)) error {
	if c.known == nil || c.known.DialContext == nil && c.known.Dial == nil {
		return pool.ErrDeaf
	}
	open := func() (driver.Wire, error) { return subscribe(ctx, c.known, channel) }
	err := driver.Subscribe(ctx, &c.aside, open, func(err error) error { return explain(ctx, 0, err) }, subscribed, message)
	if boundless(err) {
		return errors.Join(pool.ErrDeaf, err)
	}
	return err
}

// subscribe dials, and asks to subscribe.
func subscribe(ctx context.Context, p *redis.Pool, channel string) (driver.Wire, error) {
	conn, err := dial(ctx, p)
	if err == nil && nilable.IsNil(conn) {
		err = errors.New("redigo: the pool's dial function returned neither a connection nor an error")
	}
	if err != nil {
		return nil, err
	}
	w := wire{conn}
	if err := w.send("SUBSCRIBE", channel); err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

func dial(ctx context.Context, p *redis.Pool) (redis.Conn, error) {
	if p.DialContext != nil {
		return p.DialContext(ctx)
	}
	return p.Dial()
}

// A wire is a connection of which one goroutine receives, and one sends.
type wire struct{ conn redis.Conn }

func (w wire) send(command string, args ...any) error {
	if err := w.conn.Send(command, args...); err != nil {
		return err
	}
	return w.conn.Flush()
}

// Receive implements [driver.Wire]. Whatever is not the message of a subscription
// has no kind: a server that does not know one from another answers a PING by a word.
func (w wire) Receive(timeout time.Duration) (kind, payload string, err error) {
	reply, err := redis.ReceiveWithTimeout(w.conn, timeout)
	words, _ := plain(reply).([]any)
	if len(words) < 3 {
		return "", "", err
	}
	kind, _ = words[0].(string)
	payload, _ = words[2].(string)
	return kind, payload, err
}

// Ping implements [driver.Wire].
func (w wire) Ping() error { return w.send("PING") }

// Close implements [driver.Wire].
func (w wire) Close() { w.conn.Close() }
