package redsync

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/internal/nilable"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/redsync/redis"
)

// A foreign node is one that is asked through a redsync pool of which nothing else
// is known: by SETNX, Get and PTTL, and by scripts that take and return what those of
// redsync do, so that a pool over something else than Redis works as well; through a
// pool that redsync has made itself, by the scripts that keep a line, too. It can tell
// nobody anything: who waits polls. Some pools heed the context that Get is given, and others none, so a foreign node cannot be
// relied on to answer in time: it is no pool.Bounded.
type foreign struct {
	pool    redis.Pool
	id      any
	resends bool // the client may send a SET NX twice by itself, and does not tell
	known   bool // one of redsync's own pools, which reach a Redis server

	lineless atomic.Bool // the server does not let us keep lines
}

var _ pool.Identified = (*foreign)(nil)

// newForeign returns the node behind p, or nil if there is no client behind p. Its
// ID is the client, as it is of the nodes that the drivers make.
func newForeign(p redis.Pool) pool.Pool {
	f := &foreign{pool: p, id: p, resends: true}
	if wrapper, ok := wrapperOf(p); ok {
		client := wrapper.Field(0)
		if client.Kind() == reflect.Interface {
			client = client.Elem()
		}
		switch {
		case nilable.IsNilValue(client):
			return nil
		case client.Kind() == reflect.Pointer:
			f.id = reflect.NewAt(client.Type().Elem(), client.UnsafePointer()).Interface()
		default:
			f.id = wrapper.Interface()
		}
		f.known = true
		f.resends = wrapper.Type().PkgPath() != redsyncRedis+"redigo"
	}
	return f
}

// ID implements [pool.Identified]: two pools over one client are the same.
func (f *foreign) ID() any { return f.id }

const redsyncRedis = "github.com/go-redsync/redsync/v4/redis/"

// wrapperOf returns the struct that p points to, if p was made by one of redsync's
// packages: its only field is the client.
func wrapperOf(p redis.Pool) (reflect.Value, bool) {
	v := reflect.ValueOf(p)
	if v.Kind() != reflect.Pointer || !strings.HasPrefix(v.Type().Elem().PkgPath(), redsyncRedis) {
		return reflect.Value{}, false
	}
	v = v.Elem()
	return v, v.Kind() == reflect.Struct && v.NumField() == 1
}

// maxStale is how many connections in a row may turn out to be closed: as many as a
// client may keep. The timeout bounds the attempts, too.
const maxStale = 64

// Ask implements [pool.Pool]. What is asked on a connection that turns out to be
// closed is asked again on another: no request changes a key that holds another
// owner's value, and what a second acquire may find is looked at.
func (f *foreign) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	if err := req.Check(); err != nil {
		return pool.Answer{}, err
	}
	bounded, cancel := driver.Within(ctx, req.Timeout)
	defer cancel()
	start := time.Now()
	var broken error // of the sending before, whose outcome is not known
	for range 1 + maxStale {
		a, err := f.ask(bounded, req, start, broken != nil)
		if err == nil {
			a.Resent = broken != nil
			return a, nil
		}
		err = explain(ctx, bounded, req.Timeout, err)
		switch {
		case errors.Is(err, pool.ErrNotSent) && broken != nil:
			return pool.Answer{}, fmt.Errorf("%w; and then: %v", broken, err)
		case !errors.Is(err, pool.ErrClosed):
			return pool.Answer{}, err
		}
		broken = err
	}
	return pool.Answer{}, broken
}

// ask puts req to the node on one connection. Again says that it has been sent before.
func (f *foreign) ask(ctx context.Context, req pool.Request, start time.Time, again bool) (pool.Answer, error) {
	conn, err := f.pool.Get(ctx)
	if err == nil && nilable.IsNil(conn) {
		err = errors.New("the pool's Get returned neither a connection nor an error")
	}
	if err != nil {
		return pool.Answer{}, pool.NotSent(err)
	}
	defer conn.Close()
	if a, done, err := f.inLine(conn, req, start, again); done {
		return a, err
	}
	return f.askPlainly(conn, req, start, again)
}

// askPlainly is ask without regard to who waits.
func (f *foreign) askPlainly(conn redis.Conn, req pool.Request, start time.Time, again bool) (pool.Answer, error) {
	switch req.Op {
	case pool.Acquire:
		set, err := conn.SetNX(req.Name, req.Value, req.Expiry.Truncate(time.Millisecond))
		switch {
		case err != nil:
			return pool.Answer{}, err
		case set:
			return pool.Answer{State: pool.Yes}, nil
		case again || f.resends && !req.Reused:
			return notSet(conn, req, start)
		}
		// A reused value in the key would say nothing: the client has hardly ever sent
		// it twice, and others may well use it.
		return pool.Answer{State: pool.Other}, nil
	case pool.Extend:
		return run(conn, req, extendScript, req.Expiry.Milliseconds())
	case pool.Release:
		return run(conn, req, releaseScript)
	}
	return look(conn, req)
}

// notSet returns the answer to an acquire that was refused, and may have been sent
// twice.
func notSet(conn redis.Conn, req pool.Request, start time.Time) (pool.Answer, error) {
	value, err := conn.Get(req.Name)
	switch {
	case err != nil && !errorReply.MatchString(err.Error()):
		return pool.Answer{}, err
	case err != nil, value != req.Value: // of whatever type, it is not ours
		return pool.Answer{State: pool.Other}, nil
	}
	ttl, err := conn.PTTL(req.Name)
	if err != nil {
		return pool.Answer{}, err
	}
	return req.AnswerSentTwice(ttl, time.Since(start))
}

var extendScript, releaseScript = scriptOf("extend"), scriptOf("release")

func scriptOf(name string) *redis.Script {
	s := pool.Scripts()[name]
	return redis.NewScript(1, s.Text, s.Hash)
}

// run runs one of the scripts, and tells its reply as redsync does: whatever is not
// 0, nor the -1 of an absent key, is a yes.
func run(conn redis.Conn, req pool.Request, script *redis.Script, args ...any) (pool.Answer, error) {
	reply, err := conn.Eval(script, append([]any{req.Name, req.Value}, args...)...)
	switch {
	case err != nil:
		return pool.Answer{}, err
	case reply == int64(-1):
		return pool.Answer{State: pool.Absent}, nil
	case reply != int64(0):
		return pool.Answer{State: pool.Yes}, nil
	}
	// redsync's extension says 0 also of a key that is absent. What holds the value
	// now is not what the script has found.
	a, err := look(conn, req)
	if a.State == pool.Yes {
		a.State = pool.Other
	}
	return a, err
}

// look tells what can be known of a key without a script.
func look(conn redis.Conn, req pool.Request) (pool.Answer, error) {
	value, err := conn.Get(req.Name)
	switch {
	case err != nil:
		return pool.Answer{}, err
	case value == "":
		return pool.Answer{State: pool.Absent}, nil
	}
	a := pool.Answer{State: pool.Other}
	if value == req.Value {
		a.State = pool.Yes
	}
	a.TTL, err = conn.PTTL(req.Name)
	switch {
	case err != nil:
		return pool.Answer{}, err
	case a.TTL == -2 || a.TTL == -2*time.Millisecond: // in the unit of the client library: it has ended since
		return pool.Answer{State: pool.Absent}, nil
	case a.TTL < 0:
		a.TTL = pool.NoExpiry
	}
	return a, nil
}

// errorReply is how a server begins its refusals.
var errorReply = regexp.MustCompile(`^[A-Z]+ `)

// refusalOf returns err as a [*pool.ServerError] if it is a server's refusal, or else err.
func refusalOf(err error) error {
	var rueidis interface{ IsNoScript() bool }
	switch {
	case errorReply.MatchString(err.Error()):
		return &pool.ServerError{Message: err.Error(), Err: err}
	case errors.As(err, &rueidis): // which leaves out the code of those that have no other
		return &pool.ServerError{Message: "ERR " + err.Error(), Err: err}
	}
	return err
}

// explain puts the errors of whatever client library into the words of package
// pool.
func explain(ctx, bounded context.Context, timeout time.Duration, err error) error {
	var network net.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout(), bounded.Err() != nil:
		return pool.NoAnswer(timeout)
	case driver.Broken(err):
		return driver.Closed(err)
	}
	return refusalOf(err)
}
