package goredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"syscall"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// refusal returns the server's error reply in err, or nil.
func (c Client) refusal(err error) error {
	var coded interface {
		error
		RedisError()
	}
	switch {
	case err == nil, errors.Is(err, c.Nil):
		return nil
	case errors.As(err, &coded):
		return coded
	case reflect.TypeOf(err) == reflect.TypeOf(c.Nil): // version 6 has no such method
		return err
	}
	return nil
}

// explain puts go-redis's errors into the words of package pool. The command may
// have had an effect as often as sent says; bounded is ctx with the timeout.
func (d *driver) explain(ctx, bounded context.Context, timeout time.Duration, sent int, err error) error {
	refusal := d.client.refusal(err)
	switch {
	case refusal != nil && sent > 1:
		return err // of the last sending alone
	case refusal != nil:
		err = &pool.ServerError{Message: refusal.Error(), Err: err}
	case ended(bounded):
		err = ending(ctx, timeout) // the reason for whatever error that is
	case sent != 0 && broken(err):
		err = fmt.Errorf("%w: %w", pool.ErrClosed, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		err = ownTimeout{err}
	}
	if sent == 0 {
		return pool.NotSent(err)
	}
	return err
}

// within returns ctx with the timeout, if that is not 0.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// ended reports whether ctx has ended. What has the same deadline, as a
// connection may, may notice it before ctx does.
func ended(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(end)
}

// ending returns the error of a call that was ended by ctx or else by timeout.
func ending(ctx context.Context, timeout time.Duration) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ended(ctx):
		return context.DeadlineExceeded
	}
	return pool.NoAnswer(timeout)
}

// broken reports whether err is of a connection that the server closed.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED)
}

// An ownTimeout is the error of a timeout that is the client's own, as that of
// its dialer. It does not match the errors of contexts, as the errors of package
// net do: the caller's is in good health. Its type is found by errors.As.
type ownTimeout struct{ err error }

func (e ownTimeout) Error() string      { return e.err.Error() }
func (e ownTimeout) As(target any) bool { return errors.As(e.err, target) }
