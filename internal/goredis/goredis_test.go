package goredis

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/pool"
)

// reply is an error reply, as go-redis has them from version 7 on, or, by its
// type, as version 6 has them.
type reply string

func (r reply) Error() string { return string(r) }

type coded struct{ reply }

func (coded) RedisError() {}

const errNil = reply("redis: nil")

// command is a command of go-redis's.
type command struct {
	args  []any
	value any
	err   error
}

func (c *command) Err() error       { return c.err }
func (c *command) SetErr(err error) { c.err = err }

// send writes the command into a connection's buffer.
func (c *command) send() error {
	for _, arg := range c.args {
		if m, ok := arg.(encoding.BinaryMarshaler); ok {
			if _, err := m.MarshalBinary(); err != nil {
				return err
			}
		}
	}
	return nil
}

// client returns the driver of a client that processes its commands like that.
func client(process func(ctx context.Context, c *command)) *commander {
	return &commander{client: Client{
		Nil: errNil,
		Command: func(ctx context.Context, args []any) (Command, func() (any, error)) {
			c := &command{args: args}
			return c, func() (any, error) {
				process(ctx, c)
				return c.value, c.err
			}
		},
	}}
}

// attempts is a client that sends a command as often as there are errors, and
// keeps the last one, or each.
func attempts(value any, keep bool, errs ...error) *commander {
	return client(func(_ context.Context, c *command) {
		var err error
		for _, err = range errs {
			c.send()
			if keep {
				c.err = err
			}
		}
		c.value, c.err = value, err
	})
}

var set = []any{"SET", "name", "value", "NX", "PX", int64(1000)}

func TestResent(t *testing.T) {
	moved, loading := coded{"MOVED 1 127.0.0.1:1"}, fmt.Errorf("hook: %w", coded{"LOADING"})
	for _, c := range []struct {
		name   string
		driver *commander
		args   []any
		want   bool
	}{
		{"once", attempts("OK", true, nil), set, false},
		{"a reply is lost", attempts("OK", true, io.EOF, nil), set, true},
		{"a lost reply is not kept", attempts("OK", false, io.EOF, nil), set, true},
		{"the answer is nil", attempts(nil, false, io.EOF, errNil), set, true},
		{"redirected", attempts("OK", true, moved, nil), set, false},
		{"redirected by version 6", attempts("OK", true, moved.reply, nil), set, false},
		{"loading, then redirected", attempts("OK", true, loading, moved, nil), set, false},
		{"redirected, then lost", attempts("OK", true, moved, io.EOF, nil), set, true},
		{"lost, then redirected", attempts("OK", true, io.EOF, moved, nil), set, true},
		{"nil is no refusal", attempts("OK", true, errNil, nil), set, true},
		{"refusals are not kept", attempts("OK", false, moved, nil), set, true},
		{"a script", attempts("OK", true, io.EOF, nil), []any{"EVALSHA", "hash", int64(1), "name"}, true},
		{"no mark", attempts("OK", true, nil), []any{"GET", "name"}, true},
	} {
		reply, resent, err := c.driver.Do(t.Context(), 0, c.args...)
		if resent != c.want || err != nil || (reply == nil) != (c.name == "the answer is nil") {
			t.Errorf("%s: got %v, resent %v, %v, want resent %v", c.name, reply, resent, err, c.want)
		}
	}
}

// An attempt whose error is not kept is not taken for the one before it.
func TestStaleRefusal(t *testing.T) {
	d := client(func(_ context.Context, c *command) {
		c.err = coded{"MOVED 1 127.0.0.1:1"} // to a connection's greeting: nothing was sent yet
		c.send()
		c.send()
		c.value, c.err = "OK", nil
	})
	if _, resent, err := d.Do(t.Context(), 0, set...); !resent || err != nil {
		t.Errorf("got resent %v, %v, want true", resent, err)
	}
}

// Of a command that must not be looked at every sending counts.
func TestNoCommand(t *testing.T) {
	d := attempts("OK", true, coded{"MOVED 1 127.0.0.1:1"}, nil)
	command := d.client.Command
	d.client.Command = func(ctx context.Context, args []any) (Command, func() (any, error)) {
		_, send := command(ctx, args)
		return nil, send
	}
	if _, resent, err := d.Do(t.Context(), 0, set...); !resent || err != nil {
		t.Errorf("got resent %v, %v, want true", resent, err)
	}
}

func TestMarkIsNoKey(t *testing.T) {
	for _, c := range []struct {
		args []any
		want int
	}{
		{set, 5},
		{[]any{"EVALSHA", "hash", int64(1), "name"}, 1},
		{[]any{"eval", "text", int64(1), "name", "value"}, 1},
		{[]any{"SET", "name", "value"}, 2},
		{[]any{"GET", "name"}, -1},
		{[]any{"PING"}, -1},
		{[]any{"SCRIPT", "LOAD", "text"}, -1},
	} {
		args, _ := marked(c.args)
		for i, arg := range args {
			if _, ok := arg.(*mark); ok != (i == c.want) {
				t.Errorf("%v: argument %d is marked: %v", c.args, i, ok)
			}
			if fmt.Sprint(arg) != fmt.Sprint(c.args[i]) {
				t.Errorf("%v: argument %d is printed as %v", c.args, i, arg)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	timeout := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	refusal, noScript := coded{"WRONGTYPE of value"}, coded{"NOSCRIPT No matching script."}
	unsent := func(err error) *commander { return client(func(_ context.Context, c *command) { c.err = err }) }
	for _, c := range []struct {
		name     string
		driver   *commander
		is       []error
		isNot    []error
		refusals bool
	}{
		{"refused", attempts(nil, true, refusal), []error{refusal}, []error{pool.ErrNotSent}, true},
		{"refused by version 6", attempts(nil, true, refusal.reply), []error{refusal.reply}, []error{pool.ErrNotSent}, true},
		{"the greeting is refused", unsent(refusal), []error{refusal, pool.ErrNotSent}, nil, true},
		{"refused after a lost reply", attempts(nil, true, io.EOF, refusal), []error{refusal}, []error{pool.ErrNotSent}, false},
		{"no script after a lost reply", attempts(nil, true, io.EOF, noScript), []error{noScript}, []error{pool.ErrNotSent}, true},
		{"refused after a redirection", attempts(nil, true, coded{"ASK 1"}, refusal), []error{refusal}, nil, true},
		{"not dialled", unsent(dial), []error{dial, pool.ErrNotSent}, []error{pool.ErrClosed}, false},
		{"not dialled after a lost reply", attempts(nil, true, dial), []error{dial}, []error{pool.ErrNotSent}, false},
		{"closed", attempts(nil, true, fmt.Errorf("hook: %w", io.EOF)), []error{io.EOF, pool.ErrClosed}, []error{pool.ErrNotSent}, false},
		{"reset", attempts(nil, true, syscall.ECONNRESET), []error{pool.ErrClosed}, nil, false},
		{"closed while dialling", unsent(io.EOF), []error{io.EOF, pool.ErrNotSent}, []error{pool.ErrClosed}, false},
		{"no attempt", unsent(nil), []error{errNoAttempt, pool.ErrNotSent}, nil, false},
		{"a timeout of its own", attempts(nil, true, timeout), []error{timeout}, []error{pool.ErrNoAnswer, context.DeadlineExceeded}, false},
		{"a context of its own", unsent(context.DeadlineExceeded), []error{pool.ErrNotSent}, []error{pool.ErrNoAnswer, context.DeadlineExceeded}, false},
	} {
		_, _, err := c.driver.Do(t.Context(), time.Minute, set...)
		for _, want := range c.is {
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want an error that matches %v", c.name, err, want)
			}
		}
		for _, not := range c.isNot {
			if errors.Is(err, not) {
				t.Errorf("%s: got %v, which matches %v", c.name, err, not)
			}
		}
		var r *pool.ServerError
		if errors.As(err, &r) != c.refusals {
			t.Errorf("%s: got %v, a refusal: %v", c.name, err, !c.refusals)
		}
	}
}

// The error of a timeout of the client's own is found by its type.
func TestOwnTimeout(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	_, _, err := client(func(_ context.Context, c *command) { c.err = dial }).Do(t.Context(), 0, set...)
	var got *net.OpError
	if !errors.As(err, &got) || got != dial || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// stubborn is a client that knows no context, and sends a command every minute.
func stubborn(sent *int) *commander {
	return client(func(_ context.Context, c *command) {
		for range 3 {
			time.Sleep(time.Minute)
			if c.err = c.send(); c.err != nil {
				return
			}
			*sent++
		}
	})
}

func TestGivenUp(t *testing.T) {
	for _, c := range []struct {
		name    string
		context time.Duration
		timeout time.Duration
		sent    int
		is      []error
	}{
		{"timeout before", time.Hour, time.Second, 0, []error{pool.ErrNoAnswer, pool.ErrNotSent}},
		{"context before", time.Second, time.Hour, 0, []error{context.DeadlineExceeded, pool.ErrNotSent}},
		{"both at once", time.Second, time.Second, 0, []error{context.DeadlineExceeded, pool.ErrNotSent}},
		{"timeout after", time.Hour, 90 * time.Second, 1, []error{pool.ErrNoAnswer}},
		{"context after", 150 * time.Second, 0, 2, []error{context.DeadlineExceeded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.context)
				defer cancel()
				start, sent := time.Now(), 0
				_, resent, err := stubborn(&sent).Do(ctx, c.timeout, set...)
				want := c.context
				if c.timeout > 0 {
					want = min(want, c.timeout)
				}
				if got := time.Since(start); got != want || resent != (c.sent > 1) {
					t.Errorf("returned after %v, resent %v, want after %v, %v", got, resent, want, c.sent > 1)
				}
				for _, want := range c.is {
					if !errors.Is(err, want) {
						t.Errorf("got %v, want an error that matches %v", err, want)
					}
				}
				if errors.Is(err, pool.ErrNotSent) && c.sent > 0 {
					t.Errorf("got %v, after %d sendings", err, c.sent)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if sent != c.sent {
					t.Errorf("sent %d times in the end, want %d", sent, c.sent)
				}
			})
		})
	}
}

func TestOverdueCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := client(func(context.Context, *command) { time.Sleep(time.Hour) })
		for range aside.Max {
			if _, _, err := d.Do(t.Context(), time.Second, set...); !errors.Is(err, pool.ErrNoAnswer) {
				t.Fatalf("got %v, want an error that matches ErrNoAnswer", err)
			}
		}
		if _, _, err := d.Do(t.Context(), time.Second, set...); !errors.Is(err, errOverdue) || !errors.Is(err, pool.ErrNotSent) {
			t.Errorf("got %v, want %v, and that it matches ErrNotSent", err, errOverdue)
		}
		time.Sleep(time.Hour)
	})
}
