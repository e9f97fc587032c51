package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := driver.Within(t.Context(), 0)
		cancel()
		if ctx != t.Context() {
			t.Errorf("got %v without a timeout, want the context itself", ctx)
		}
		ctx, cancel = driver.Within(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		<-ctx.Done()
		if got := time.Since(start); got != time.Second {
			t.Errorf("it ended after %v, want 1s", got)
		}
	})
}

// noticed is a context at its deadline that does not say so yet.
type noticed struct{ context.Context }

func (noticed) Err() error { return nil }

func TestEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		early, cancel := context.WithTimeout(t.Context(), time.Second+1)
		defer cancel()
		time.Sleep(time.Second)
		for _, c := range []struct {
			name  string
			ctx   context.Context
			want  error
			ended bool
		}{
			{"canceled", canceled, context.Canceled, true},
			{"at its deadline", late, context.DeadlineExceeded, true},
			{"at its deadline, unnoticed", noticed{late}, context.DeadlineExceeded, true},
			{"before its deadline", early, pool.ErrNoAnswer, false},
			{"without a deadline", t.Context(), pool.ErrNoAnswer, false},
		} {
			if got := driver.Ended(c.ctx); got != c.ended {
				t.Errorf("%s: Ended: got %v, want %v", c.name, got, c.ended)
			}
			if got := driver.Ending(c.ctx, time.Minute); !errors.Is(got, c.want) {
				t.Errorf("%s: Ending: got %v, want %v", c.name, got, c.want)
			}
		}
	})
}

func TestBroken(t *testing.T) {
	for _, err := range []error{
		io.EOF, io.ErrUnexpectedEOF, fmt.Errorf("read: %w", net.ErrClosed),
		&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, syscall.EPIPE, syscall.ECONNABORTED,
	} {
		if !driver.Broken(err) {
			t.Errorf("%v: got false", err)
		}
		if closed := driver.Closed(err); !errors.Is(closed, pool.ErrClosed) || !errors.Is(closed, err) {
			t.Errorf("%v: got %v, want what matches it and ErrClosed", err, closed)
		}
	}
	for _, err := range []error{nil, context.Canceled, os.ErrDeadlineExceeded, syscall.ECONNREFUSED, errors.New("EOF")} {
		if driver.Broken(err) {
			t.Errorf("%v: got true", err)
		}
	}
}
