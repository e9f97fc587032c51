package goredis

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/redlatch/redlatch/internal/driver"
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
func (c *commander) explain(ctx, bounded context.Context, timeout time.Duration, sent int, err error) error {
	refusal := c.client.refusal(err)
	switch {
	case refusal != nil && sent > 1 && !strings.HasPrefix(refusal.Error(), "NOSCRIPT "):
		return err // of the last sending alone
	case refusal != nil:
		err = &pool.ServerError{Message: refusal.Error(), Err: err}
	case driver.Ended(bounded):
		err = driver.Ending(ctx, timeout) // the reason for whatever error that is
	case sent != 0 && driver.Broken(err):
		err = driver.Closed(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		err = ownTimeout{err}
	}
	if sent == 0 {
		return pool.NotSent(err)
	}
	return err
}

// An ownTimeout is the error of a timeout that is the client's own, as that of
// its dialer. It does not match the errors of contexts, as the errors of package
// net do: the caller's is in good health. Its type is found by errors.As.
type ownTimeout struct{ err error }

func (e ownTimeout) Error() string      { return e.err.Error() }
func (e ownTimeout) As(target any) bool { return errors.As(e.err, target) }
