package rueidis

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// Dedicate has the client make, or take, a connection for one caller alone. What the
// server then says of subscriptions, and the messages, are given to event in order, by
// the goroutine that reads the connection. It returns false if the client is one of a
// Redis Cluster.
type Dedicate func(event func(kind, payload string)) (Dedicated, bool)

// Dedicated is such a connection.
type Dedicated struct {
	Subscribe func(channel string) error // waits for the server's reply, or the connection's end
	Ping      func() error               // so does this
	Broken    <-chan error               // says why the connection ended, after the last event
	Close     func()                     // ends the connection
}

// Subscribe implements [pool.Subscriber]. The client counts the connection among the
// BlockingPoolSize ones that it makes for blocking commands.
func (c *commander) Subscribe(ctx context.Context, channel string, subscribed func(), message func(payload string)) error {
	open := func() (driver.Wire, error) { return c.open(channel) }
	explained := func(err error) error { return explain(ctx, ctx, 0, false, err) }
	return driver.Subscribe(ctx, &c.aside, open, explained, subscribed, message)
}

func (c *commander) open(channel string) (driver.Wire, error) {
	w := &wire{events: make(chan event), failed: make(chan error, 1), closed: make(chan struct{}), done: make(chan struct{})}
	var ok bool
	w.conn, ok = c.dedicate(func(kind, payload string) { w.say(event{kind: kind, payload: payload}) })
	if !ok {
		return nil, pool.ErrDeaf
	}
	go func() {
		defer close(w.done)
		if err := w.conn.Subscribe(channel); err != nil {
			w.failed <- err
		}
	}()
	return w, nil
}

// A wire makes of what the client calls what can be waited for.
type wire struct {
	conn   Dedicated
	events chan event    // unbuffered: what is not received is not read, either
	failed chan error    // with room for the one error of subscribing
	closed chan struct{} // nobody receives any more
	done   chan struct{} // subscribing has come to its end
}

type event struct{ kind, payload string }

func (w *wire) say(e event) {
	select {
	case w.events <- e:
	case <-w.closed:
	}
}

// Receive implements [driver.Wire].
func (w *wire) Receive(timeout time.Duration) (kind, payload string, err error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case e := <-w.events:
		return e.kind, e.payload, nil
	case err = <-w.failed:
	case err = <-w.conn.Broken:
		if err == nil {
			err = io.EOF
		}
	case <-w.closed:
		err = os.ErrClosed
	case <-timer.C:
		err = os.ErrDeadlineExceeded
	}
	return "", "", err
}

// Ping implements [driver.Wire].
func (w *wire) Ping() error {
	err := w.conn.Ping()
	if err == nil {
		w.say(event{kind: "pong"})
	}
	return err
}

// Close implements [driver.Wire].
func (w *wire) Close() {
	close(w.closed)
	w.conn.Close()
	<-w.done
}
