package pool

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"
)

// ErrClosed is matched by the error of a [Commander] whose connection turned
// out to be closed by the server, before a reply was read. Whether the command
// took effect is not known; another call uses another connection.
var ErrClosed = errors.New("the server closed the connection")

// A Commander sends one command to a Redis server: all that a driver supplies.
type Commander interface {
	// Do sends a command, its name first, and returns the reply. An argument
	// is a string or an int64. A reply is nil, an int64, a string, or a []any
	// of such replies.
	//
	// It returns by the end of ctx, or after timeout if that is not 0. Its
	// error is a [*ServerError] for an error reply, matches [ErrNotSent] if
	// nothing was sent, [ErrNoAnswer] if timeout has passed, [ErrClosed] if
	// the connection was closed, and the context's error if ctx has ended.
	//
	// Resent reports that the client library may have sent the command more
	// than once by itself, as some do when a reply does not come: the reply
	// may then tell what the first sending has done.
	Do(ctx context.Context, timeout time.Duration, args ...any) (reply any, resent bool, err error)

	// Idle returns how many connections are kept open for reuse: as many may
	// turn out to be closed, one after the other.
	Idle() int
}

// A Subscriber is what a Commander implements whose client can subscribe.
type Subscriber interface {
	Commander

	// Subscribe listens on a channel. It calls subscribed when the server has
	// confirmed that, and then message for each message; one at a time, in order, and
	// never after it has returned. It has a connection of its own, that none of the
	// client's limits counts, and notices within a minute that it is dead.
	//
	// It blocks until ctx has ended or the connection breaks, and returns why: a
	// [*ServerError] if the server refuses. Nothing is left of it when it returns.
	Subscribe(ctx context.Context, channel string, subscribed func(), message func(payload string)) error
}

// Redis is a node that is a Redis server, or one that speaks its protocol. The
// state of a lock is one string key, named as the lock, that holds the owner's
// value and has a time to live in milliseconds.
type Redis struct {
	commander Commander
	native    atomic.Int32 // what the server was found to offer: see native.go
	unheard   atomic.Int32 // how often that was asked, and the connection closed
	lineless  atomic.Bool  // the server does not let us keep lines
	names     names
}

var _ Listener = (*Redis)(nil)

// NewRedis returns the node behind c.
func NewRedis(c Commander) *Redis { return &Redis{commander: c} }

// Commander returns what the node's commands are sent by, for those who have
// others to send.
func (r *Redis) Commander() Commander { return r.commander }

// Ask implements [Pool]. Every request is one command, except: the first use of
// a script that the server does not know; the very first Release or Extend,
// which asks the server once which native commands it has; a native command's
// refusal, which is looked into; and a request that is sent again because the
// server had closed the connection.
func (r *Redis) Ask(ctx context.Context, req Request) (Answer, error) {
	if err := req.Check(); err != nil {
		return Answer{}, err
	}
	c := call{redis: r, ctx: ctx, start: time.Now(), Request: req} // before the first command
	var a Answer
	var err error
	switch req.Op {
	case Acquire:
		a, err = c.acquire()
	case Extend:
		a, err = c.extend()
	case Release:
		a, err = c.release()
	case Look:
		a, err = c.look()
	}
	a.Resent = c.resent
	if c.sent && errors.Is(err, ErrNotSent) {
		err = &lastNotSent{err}
	}
	return a, err
}

// lastNotSent is the error of an Ask whose last command was not sent, while an earlier
// one was. It matches what that command's error does, except ErrNotSent.
type lastNotSent struct{ err error }

func (e *lastNotSent) Error() string        { return e.err.Error() }
func (e *lastNotSent) Is(target error) bool { return target != ErrNotSent && errors.Is(e.err, target) }
func (e *lastNotSent) As(target any) bool   { return errors.As(e.err, target) }

// call is one Ask under way.
type call struct {
	redis  *Redis
	ctx    context.Context
	start  time.Time
	sent   bool // a command that the server has not refused
	resent bool // a command may have been sent again after its reply was lost
	Request
}

func (c *call) milliseconds() int64 { return int64(c.Expiry / time.Millisecond) }

func (c *call) acquire() (Answer, error) {
	switch {
	case c.Wait:
		return c.inLine(c.explain)
	case c.Explain:
		return c.explain()
	}
	reply, err := c.do("SET", c.redis.names.of(c.Name).lock, c.Value, "NX", "PX", c.milliseconds())
	switch {
	case err != nil:
		return Answer{}, err
	case reply == "OK":
		return Answer{State: Yes}, nil
	case reply != nil:
		return Answer{}, unexpected(c.Op, reply)
	case c.resent:
		return c.takenByUs()
	}
	return Answer{State: Other}, nil
}

// explain is acquire by a script, which also tells what it knows of a key that is taken.
func (c *call) explain() (Answer, error) {
	reply, err := c.eval(&acquireScript, c.Value, c.milliseconds())
	a, mine, err := c.stateAndTTL(reply, err)
	switch {
	case mine && c.resent:
		return c.AnswerSentTwice(a.TTL, time.Since(c.start))
	case a.State == Absent: // which the script never says
		return Answer{}, unexpected(c.Op, reply)
	}
	return a, err
}

// takenByUs tells whether a refused acquire that was sent more than once was
// refused because its first sending had taken the key.
func (c *call) takenByUs() (Answer, error) {
	a, err := c.look()
	switch {
	case err != nil:
		return Answer{}, err
	case a.State == Yes:
		return c.AnswerSentTwice(a.TTL, time.Since(c.start))
	case a.State == Absent:
		a = Answer{State: Other} // it was another's, and has just ended
	}
	return a, nil
}

func (c *call) extend() (Answer, error) {
	if c.hasNative() {
		if a, done, err := c.natively(c.nativeExtend, "OK"); done {
			return a, err
		}
	}
	return c.state(c.eval(&extendScript, c.Value, c.milliseconds()))
}

func (c *call) release() (Answer, error) {
	if c.HandOver || c.Again {
		return c.inLine(c.delete)
	}
	return c.delete()
}

// delete is release without regard to who waits.
func (c *call) delete() (Answer, error) {
	if c.hasNative() {
		if a, done, err := c.natively(c.nativeDelete, int64(1)); done {
			return a, err
		}
	}
	return c.state(c.eval(&releaseScript, c.Value))
}

func (c *call) look() (Answer, error) {
	a, _, err := c.stateAndTTL(c.eval(&lookScript, c.Value))
	return a, err
}

// eval runs a script on the call's key: by its hash, and by its text if the
// server does not know it.
func (c *call) eval(s *Script, args ...any) (any, error) {
	return c.evalAll(s, append(append(make([]any, 0, 6), "EVALSHA", s.hash, int64(1), c.redis.names.of(c.Name).lock), args...))
}

// evalAll is eval of a whole command.
func (c *call) evalAll(s *Script, full []any) (any, error) {
	reply, err := c.do(full...)
	if !refusedWith(err, "NOSCRIPT") {
		return reply, err
	}
	full[0], full[1] = "EVAL", s.Text
	return c.do(full...)
}

// do sends a command, and does so again as long as all that is wrong is that the
// server had closed the connection: every command here can be repeated, since none
// changes a key that holds another owner's value, and what a second acquire may find
// is looked up.
func (c *call) do(args ...any) (any, error) {
	stale := -1
	var broken error // of the sending before, whose outcome is not known
	for {
		left, ok := c.left()
		if !ok {
			return nil, NoAnswer(c.Timeout)
		}
		reply, resent, err := c.redis.commander.Do(c.ctx, left, args...)
		c.resent = c.resent || resent
		c.sent = c.sent || resent || err == nil
		switch {
		case err == nil:
			return reply, nil
		case errors.Is(err, ErrNoAnswer) && errors.Is(err, ErrNotSent) && broken == nil:
			return nil, NotSent(NoAnswer(c.Timeout))
		case errors.Is(err, ErrNoAnswer):
			return nil, NoAnswer(c.Timeout) // of the whole request, not of what was left
		case errors.Is(err, ErrNotSent) && broken != nil:
			return nil, fmt.Errorf("%w; and then: %v", broken, err) // something was sent before
		case !errors.Is(err, ErrClosed) || c.ctx.Err() != nil:
			return nil, err
		}
		// This connection was closed. All that were idle may be, and after
		// them one that is new.
		if stale < 0 {
			stale = c.redis.commander.Idle() + 1
		}
		if stale == 0 {
			return nil, err
		}
		stale--
		broken, c.sent, c.resent = err, true, true
	}
}

// left returns how much of the timeout is left, which is for all commands together,
// and whether any is; 0 if there is no timeout.
func (c *call) left() (time.Duration, bool) {
	if c.Timeout == 0 {
		return 0, true
	}
	left := c.Timeout - time.Since(c.start)
	return left, left > 0
}

// state reads a script's reply that is one integer.
func (c *call) state(reply any, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	if n, ok := reply.(int64); ok {
		if s, ok := stateOf(n); ok {
			return Answer{State: s}, nil
		}
	}
	return Answer{}, unexpected(c.Op, reply)
}

// stateAndTTL reads a script's reply that is a state and a time to live. Mine
// tells, of a refused acquire, that the key holds the very value that asked.
func (c *call) stateAndTTL(reply any, err error) (a Answer, mine bool, _ error) {
	if err != nil {
		return Answer{}, false, err
	}
	if pair, ok := reply.([]any); ok && len(pair) == 2 {
		n, ok1 := pair[0].(int64)
		ttl, ok2 := pair[1].(int64)
		if mine = n == 2 && c.Op == Acquire; mine {
			n = 0
		}
		if s, ok := stateOf(n); ok && ok1 && ok2 {
			return Answer{State: s, TTL: ttlOf(ttl)}, mine, nil
		}
	}
	return Answer{}, false, unexpected(c.Op, reply)
}

func stateOf(n int64) (State, bool) {
	switch n {
	case 1:
		return Yes, true
	case 0:
		return Other, true
	case -1:
		return Absent, true
	}
	return 0, false
}

// maxMilliseconds is the most that a Duration can hold: 292 years. A key may have more.
const maxMilliseconds = int64(math.MaxInt64 / time.Millisecond)

func ttlOf(milliseconds int64) time.Duration {
	switch {
	case milliseconds == -1:
		return NoExpiry
	case milliseconds < 0:
		return 0 // not known
	}
	return time.Duration(min(milliseconds, maxMilliseconds)) * time.Millisecond
}

func unexpected(op Op, reply any) error {
	return fmt.Errorf("pool: %v: unexpected reply %.100q", op, fmt.Sprint(reply))
}

// refusedWith reports whether err is a server's refusal that begins with code.
func refusedWith(err error, code string) bool {
	if err == nil {
		return false // for which nothing is allocated
	}
	var refusal *ServerError
	return errors.As(err, &refusal) && strings.HasPrefix(refusal.Message, code)
}
