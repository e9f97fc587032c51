package driver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// fakeWire is a connection in virtual time.
type fakeWire struct {
	says   chan string // "kind payload"
	pings  int
	dead   bool // it does not answer
	closed chan struct{}
}

func newFakeWire() *fakeWire {
	return &fakeWire{says: make(chan string, 10), closed: make(chan struct{})}
}

func (w *fakeWire) Receive(timeout time.Duration) (kind, payload string, err error) {
	select {
	case s := <-w.says:
		fmt.Sscanf(s, "%s %s", &kind, &payload)
		if kind == "error" {
			return "", "", errors.New(payload)
		}
		return kind, payload, nil
	case <-w.closed:
		return "", "", os.ErrClosed
	case <-time.After(timeout):
		return "", "", os.ErrDeadlineExceeded
	}
}

func (w *fakeWire) Ping() error {
	w.pings++
	if w.dead {
		<-w.closed // as one that waits for the reply
		return os.ErrClosed
	}
	w.says <- "pong"
	return nil
}

func (w *fakeWire) Close() { close(w.closed) }

// subscribe has w subscribe, and returns what was heard, and why it ended.
func subscribe(ctx context.Context, open func() (driver.Wire, error)) (heard []string, err error) {
	explain := func(err error) error { return fmt.Errorf("explained: %w", err) }
	err = driver.Subscribe(ctx, new(aside.Group), open, explain,
		func() { heard = append(heard, "up") }, func(payload string) { heard = append(heard, payload) })
	return heard, err
}

func opened(w *fakeWire) func() (driver.Wire, error) {
	return func() (driver.Wire, error) { return w, nil }
}

func TestSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWire()
		for _, s := range []string{"message early", "subscribe", "message a", "pong", "subscribe", "message b", "error oh", "message late"} {
			w.says <- s
		}
		heard, err := subscribe(t.Context(), opened(w))
		if want := []string{"up", "a", "b"}; !slices.Equal(heard, want) {
			t.Errorf("heard %q, want %q", heard, want)
		}
		if err == nil || err.Error() != "explained: oh" {
			t.Errorf("got %v", err)
		}
		<-w.closed
	})
}

// A server that answers the pings may say nothing else for as long as it likes; one that
// does not is found dead within a minute.
func TestSubscribeToSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFakeWire()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := subscribe(ctx, opened(w)); !errors.Is(err, context.DeadlineExceeded) || w.pings < 60 {
			t.Errorf("got %v after %d pings", err, w.pings)
		}
		<-w.closed

		w = newFakeWire()
		w.dead = true
		start := time.Now()
		_, err := subscribe(t.Context(), opened(w))
		if took := time.Since(start); !errors.Is(err, pool.ErrClosed) || took >= time.Minute {
			t.Errorf("got %v after %v", err, took)
		}
		<-w.closed
	})
}

func TestSubscribeWithinTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w, start := newFakeWire(), time.Now()
		_, err := subscribe(ctx, func() (driver.Wire, error) {
			time.Sleep(time.Minute) // as a dial function that knows no context
			return w, nil
		})
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, pool.ErrNotSent) || took != time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		<-w.closed // in the end
		if took := time.Since(start); took != time.Minute {
			t.Errorf("the connection was closed after %v", took)
		}

		none := func() (driver.Wire, error) { return nil, pool.ErrDeaf }
		if _, err := subscribe(t.Context(), none); !errors.Is(err, pool.ErrDeaf) || !errors.Is(err, pool.ErrNotSent) {
			t.Errorf("got %v", err)
		}
		if _, err := subscribe(ctx, opened(nil)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v of a context that has ended", err)
		}
	})
}
