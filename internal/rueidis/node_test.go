package rueidis

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
)

func TestWords(t *testing.T) {
	for _, test := range []struct {
		args   []any
		before []string
		keys   []string
		after  []string
	}{
		{[]any{"GET", "name"}, []string{"GET"}, []string{"name"}, []string{}},
		{[]any{"SET", "name", "v", "NX", "PX", int64(7)}, []string{"SET"}, []string{"name"}, []string{"v", "NX", "PX", "7"}},
		{[]any{"EVALSHA", "hash", int64(1), "name", "v"}, []string{"EVALSHA", "hash", "1"}, []string{"name"}, []string{"v"}},
		{[]any{"EVAL", "text", int64(2), "a", "b"}, []string{"EVAL", "text", "2"}, []string{"a"}, []string{"b"}},
		{[]any{"EVAL", "text", int64(0), "v"}, []string{"EVAL", "text", "0", "v"}, nil, nil},
		{[]any{"EVAL", "text", int64(1)}, []string{"EVAL", "text", "1"}, nil, nil},
		{[]any{"COMMAND", "INFO", "DELEX"}, []string{"COMMAND", "INFO", "DELEX"}, nil, nil},
		{[]any{"SCRIPT", "LOAD", "text"}, []string{"SCRIPT", "LOAD", "text"}, nil, nil},
	} {
		before, keys, after := Words(test.args)
		if !reflect.DeepEqual(before, test.before) || !reflect.DeepEqual(keys, test.keys) || !reflect.DeepEqual(after, test.after) {
			t.Errorf("%q: got %q, %q, %q, want %q, %q, %q", test.args, before, keys, after, test.before, test.keys, test.after)
		}
	}
}

type reply string

func (r reply) Error() string    { return string(r) }
func (r reply) IsNil() bool      { return r == "" }
func (r reply) IsNoScript() bool { return r[:4] == "NOSC" }

// slowDial is the error of a dial that the client has given up by itself.
type slowDial struct{ error }

func (slowDial) Is(target error) bool { return target == context.DeadlineExceeded }

func dial(err error) error { return &net.OpError{Op: "dial", Err: err} }

func TestErrors(t *testing.T) {
	yes := func(targets ...error) []error { return targets }
	other := errors.New("other")
	for name, test := range map[string]struct {
		err    error
		sent   int // how often
		match  []error
		differ []error
	}{
		"null":                     {err: reply("")},
		"refused dial":             {dial(syscall.ECONNREFUSED), 1, yes(pool.ErrNotSent, syscall.ECONNREFUSED), yes(pool.ErrClosed)},
		"refused dial, sent twice": {dial(syscall.ECONNREFUSED), 2, yes(syscall.ECONNREFUSED), yes(pool.ErrNotSent)},
		"slow dial":                {dial(slowDial{other}), 1, yes(pool.ErrNotSent), yes(context.DeadlineExceeded)},
		"another's canceled dial":  {dial(context.Canceled), 1, yes(pool.ErrClosed), yes(pool.ErrNotSent, context.Canceled)},
		"another's deadline":       {context.DeadlineExceeded, 1, yes(pool.ErrClosed), yes(pool.ErrNotSent, pool.ErrNoAnswer, context.DeadlineExceeded)},
		"end of file":              {io.EOF, 1, yes(pool.ErrClosed, io.EOF), yes(pool.ErrNotSent)},
		"reset":                    {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, 1, yes(pool.ErrClosed, syscall.ECONNRESET), yes(pool.ErrNotSent)},
		"the client's own timeout": {os.ErrDeadlineExceeded, 1, yes(os.ErrDeadlineExceeded), yes(pool.ErrClosed, pool.ErrNoAnswer, context.DeadlineExceeded)},
		"any other":                {other, 1, yes(other), yes(pool.ErrClosed, pool.ErrNotSent)},
	} {
		t.Run(name, func(t *testing.T) {
			node := NewNode(nil, func(ctx context.Context, _ []any) (any, error) {
				for range test.sent {
					ctx.Err()
				}
				return nil, test.err
			}, nil)
			_, resent, err := node.Commander().Do(t.Context(), time.Minute, "GET", "name")
			if resent != (test.sent > 1) {
				t.Errorf("sent again: %v, after %d sendings", resent, test.sent)
			}
			if test.match == nil && err != nil {
				t.Errorf("got %v, want no error", err)
			}
			for _, target := range test.match {
				if !errors.Is(err, target) {
					t.Errorf("got %v, want an error that matches %v", err, target)
				}
			}
			for _, target := range test.differ {
				if errors.Is(err, target) {
					t.Errorf("got %v, want an error that does not match %v", err, target)
				}
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		err  reply
		sent int
		want bool // a ServerError, which says that nothing has happened
	}{
		{"WRONGTYPE", 1, true},
		{"WRONGTYPE", 2, false},
		{"NOSCRIPT", 1, true},
		{"NOSCRIPT", 2, true}, // the server does not know it, so it did not before
	} {
		node := NewNode(nil, func(ctx context.Context, _ []any) (any, error) {
			for range test.sent {
				ctx.Err()
			}
			return nil, test.err
		}, nil)
		_, _, err := node.Commander().Do(t.Context(), 0, "GET", "name")
		var refusal *pool.ServerError
		if errors.As(err, &refusal) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%v, sent %d times: got %#v", test.err, test.sent, err)
		}
	}
}

func TestTimeouts(t *testing.T) {
	hang := func(ctx context.Context, _ []any) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	commander := NewNode(nil, hang, nil).Commander()
	if _, _, err := commander.Do(context.Background(), time.Millisecond, "GET", "name"); !errors.Is(err, pool.ErrNoAnswer) {
		t.Errorf("got %v, want ErrNoAnswer", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, _, err := commander.Do(ctx, time.Minute, "GET", "name"); err != context.DeadlineExceeded {
		t.Errorf("got %v, want the end of the context", err)
	}
	if _, _, err := commander.Do(ctx, time.Minute, "GET", "name"); !errors.Is(err, pool.ErrNotSent) {
		t.Errorf("got %v, want ErrNotSent, since the context had ended", err)
	}
}

// The clients leave out the code ERR, and no other.
func TestWordsOfARefusal(t *testing.T) {
	for said, want := range map[string]string{
		"unknown command 'DELEX'":     "ERR unknown command 'DELEX'",
		"IFEQ is not supported":       "ERR IFEQ is not supported",
		"":                            "ERR ",
		"ERR":                         "ERR",
		"NOPERM no permissions":       "NOPERM no permissions",
		"OOM command not allowed":     "OOM command not allowed",
		"CROSSSLOT Keys in request":   "CROSSSLOT Keys in request",
		"NOSCRIPT No matching script": "NOSCRIPT No matching script",
	} {
		if got := words(reply(said)); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}
