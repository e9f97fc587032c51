// Package driver is what the drivers for the client libraries have in common: the
// bounds of a call, and what its errors mean.
package driver

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// Within returns ctx with the timeout, if that is not 0.
func Within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// Ended reports whether ctx has ended. What has the same deadline, as a connection
// may, may notice it before ctx does.
func Ended(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(end)
}

// Ending returns the error of a call that was ended by ctx or else by timeout: that
// of ctx, or one that matches [pool.ErrNoAnswer].
func Ending(ctx context.Context, timeout time.Duration) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case Ended(ctx):
		return context.DeadlineExceeded
	}
	return pool.NoAnswer(timeout)
}

// Broken reports whether err is of a connection that the server closed: it then
// matches [pool.ErrClosed] as a driver returns it.
func Broken(err error) bool {
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// Closed returns err, which is Broken, so that it matches [pool.ErrClosed], too, and
// says so.
func Closed(err error) error { return &closed{err} }

type closed struct{ err error }

func (e *closed) Error() string        { return pool.ErrClosed.Error() + ": " + e.err.Error() }
func (e *closed) Unwrap() error        { return e.err }
func (e *closed) Is(target error) bool { return target == pool.ErrClosed }
