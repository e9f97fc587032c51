package rueidis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// refusal is the clients' RedisError and ValkeyError: an error reply, or null.
type refusal interface {
	error
	IsNil() bool
	IsNoScript() bool
}

// explain puts the clients' errors into the words of package pool. Null, which is
// an error to them, is none. Bounded is ctx with the timeout.
func explain(ctx, bounded context.Context, timeout time.Duration, resent bool, err error) error {
	var refused refusal
	var network *net.OpError
	foreign := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.As(err, &refused) && refused.IsNil():
		return nil
	case refused != nil && resent && !refused.IsNoScript():
		return err // of the last sending alone
	case refused != nil:
		return &pool.ServerError{Message: words(refused), Err: err}
	case err == aside.ErrFull:
		return pool.NotSent(errOverdue)
	case bounded.Err() != nil:
		return driver.Ending(ctx, timeout)
	case errors.As(err, &network) && network.Op == "dial" && !resent && !errors.Is(err, context.Canceled):
		if foreign { // the client's own timeout: no context of the caller's has ended
			err = errors.New(err.Error())
		}
		return pool.NotSent(err)
	case foreign:
		// Another call's context ended, and with it the dialling, or the
		// connection, that this one waited for. Its next try does not.
		return fmt.Errorf("%w: %v", pool.ErrClosed, err)
	case driver.Broken(err):
		return driver.Closed(err)
	}
	// Among the rest is the clients' ErrClosing. That the client was closed does
	// not mean that nothing was sent: what is under way meets the same error.
	return err
}

// code is how the refusals begin that have a code of their own.
var code = regexp.MustCompile(`^([A-Z]{5,}|ASK|BUSY|ERR|OOM)( |$)`)

// words returns the server's own words. The clients leave out the code of those that have
// no other: ERR.
func words(r refusal) string {
	if s := r.Error(); code.MatchString(s) {
		return s
	}
	return "ERR " + r.Error()
}

var errOverdue = fmt.Errorf("%d calls to this server are overdue: does the function that dials it have a timeout?", aside.Max)
