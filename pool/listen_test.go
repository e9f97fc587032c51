package pool

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A channel is a server with one subscriber, in virtual time.
type channel struct {
	scripted
	publish  func() (any, error) // what a PUBLISH is answered
	messages chan string
	refusal  error // of Subscribe
}

func (c *channel) Do(_ context.Context, _ time.Duration, args ...any) (any, bool, error) {
	c.got = append(c.got, args[0].(string))
	if c.publish != nil {
		reply, err := c.publish()
		return reply, false, err
	}
	c.messages <- args[2].(string)
	return int64(1), false, nil
}

func (c *channel) Subscribe(ctx context.Context, _ string, subscribed func(), message func(string)) error {
	if c.refusal != nil {
		return c.refusal
	}
	subscribed()
	for {
		select {
		case m, ok := <-c.messages:
			if !ok {
				return errClosed
			}
			message(m)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// listen listens to c, and returns what was called, and why it ended.
func listen(ctx context.Context, c *channel) (calls []string, err error) {
	err = NewRedis(c).Listen(ctx, "in", func() { calls = append(calls, "up") }, func(value string) { calls = append(calls, value) })
	return calls, err
}

// It is up when the echo has come back, and not before; what came before that was not
// for it.
func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channel{messages: make(chan string, 10)}
		c.messages <- "early"
		go func() {
			synctest.Wait() // until it waits for messages
			for _, m := range []string{"a", "", "b"} {
				c.messages <- m
			}
			close(c.messages)
		}()
		calls, err := listen(t.Context(), c)
		if want := []string{"up", "a", "b"}; !slices.Equal(calls, want) || !errors.Is(err, ErrClosed) || errors.Is(err, ErrDeaf) {
			t.Errorf("got %q, %v, want %q, and that the connection was closed", calls, err, want)
		}
		if want := []string{"PUBLISH"}; !slices.Equal(c.got, want) {
			t.Errorf("sent %q, want %q", c.got, want)
		}
	})
}

// Without the echo it is never up, and its context ends it.
func TestListenWithoutAnEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &channel{messages: make(chan string, 10), publish: func() (any, error) { return int64(1), nil }}
		c.messages <- "a"
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		calls, err := listen(ctx, c)
		if len(calls) > 0 || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrDeaf) {
			t.Errorf("got %q, %v, want nothing until the context ends", calls, err)
		}
	})
}

func TestListenRefused(t *testing.T) {
	publish := func(reply any, err error) *channel {
		return &channel{messages: make(chan string, 1), publish: func() (any, error) { return reply, err }}
	}
	for name, test := range map[string]struct {
		c    *channel
		want error
		deaf bool
	}{
		"nobody was found":       {publish(int64(0), nil), ErrDeaf, true},
		"PUBLISH not permitted":  {publish(nil, noPerm), noPerm, true},
		"PUBLISH not known":      {publish(nil, unknown), unknown, true},
		"PUBLISH not answered":   {publish(nil, NoAnswer(echoTimeout)), ErrNoAnswer, false},
		"SUBSCRIBE refused":      {&channel{refusal: noPerm}, noPerm, true},
		"SUBSCRIBE not known":    {&channel{refusal: unknown}, unknown, true},
		"no subscriptions":       {&channel{refusal: ErrDeaf}, ErrDeaf, true},
		"too many clients":       {&channel{refusal: full}, full, false},
		"cannot be connected to": {&channel{refusal: NotSent(errAny)}, errAny, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls, err := listen(t.Context(), test.c)
			if len(calls) > 0 || !errors.Is(err, test.want) || errors.Is(err, ErrDeaf) != test.deaf {
				t.Errorf("%s: got %q, %v, want %v, deaf: %v", name, calls, err, test.want, test.deaf)
			}
		})
	}
	if err := NewRedis(&scripted{t: t}).Listen(t.Context(), "in", nil, nil); !errors.Is(err, ErrDeaf) {
		t.Errorf("a client that cannot subscribe: got %v, want ErrDeaf", err)
	}
}
