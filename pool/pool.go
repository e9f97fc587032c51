// Package pool is the contract of one node, and the Redis side of it.
//
// A [Pool] is a lock server as the lock sees it: it can be asked to acquire,
// extend, release or look at one key. [NewRedis] turns anything that can send
// one command to a Redis server into such a node; the packages below this one
// do that for one client library each.
package pool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Pool is one node: an independent lock server, usually one Redis master.
type Pool interface {
	// Ask puts one request to the node and returns its answer.
	//
	// It returns at the end of ctx or after req.Timeout, whichever comes
	// first, with or without an answer. Its error then matches [ErrNoAnswer]
	// or the context's error. The errors tell what is known of the outcome:
	//
	//	nil                the node has answered
	//	[ErrNotSent]       nothing was sent, nothing has happened
	//	[*ServerError]     the node refused the request; nothing has happened
	//	any other          not known: the request may take effect, even later
	//
	// Ask may be called by several goroutines at once. It never sends a
	// request a second time unless that is harmless.
	Ask(ctx context.Context, req Request) (Answer, error)
}

// Bounded is what a Pool implements if its Ask can be relied on to return in
// time, as the conformance test in package pooltest checks it. Such a node is
// asked in the goroutine of whoever locks. Any other Pool is asked in a
// goroutine of its own that is not waited for: slower, but no call of the lock
// hangs when the driver does.
type Bounded interface {
	Pool
	Bounded() bool
}

// Identified is what a Pool implements to say which node it stands for. Two
// pools whose IDs are equal (==) are one node: listing both would let one
// server vote twice.
type Identified interface {
	Pool
	ID() any
}

// An Op is what a node is asked to do. Its zero value is no operation.
type Op uint8

const (
	// Acquire sets the key to Value, for Expiry, if there is no key.
	// Yes: it was set. Other: there is a key, even if it holds Value; unless a
	// lost reply made Ask send the request again, and the first sending set it:
	// that is a Yes, or, if Value is Reused, an error of which the outcome is not
	// known.
	Acquire Op = 1 + iota
	// Extend sets the key's time to live to Expiry if it holds Value.
	Extend
	// Release deletes the key if it holds Value.
	Release
	// Look changes nothing and tells whether the key holds Value.
	Look
)

// String returns the operation in lower case.
func (op Op) String() string {
	switch op {
	case Acquire:
		return "acquire"
	case Extend:
		return "extend"
	case Release:
		return "release"
	case Look:
		return "look"
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// A Request is one question to one node.
type Request struct {
	Op    Op
	Name  string // the key, byte for byte
	Value string // who asks: the owner's random token

	// Expiry is the time to live to set, for Acquire and Extend. The part
	// below a millisecond is dropped; what remains is at least one.
	Expiry time.Duration

	// Timeout is how long to wait for the answer at most; 0 is as long as the
	// context lasts. It is a part of the request, rather than of the context,
	// so that a driver that can set a deadline on its connection needs no
	// timer, and an error can tell the node's time from the caller's.
	Timeout time.Duration

	// Reused says of an Acquire that Value may have been used before, or be used by
	// others: that the key holds it does not show that this request has set it. Of a
	// Release, that several such may be under way.
	Reused bool

	// Explain asks of a refused Acquire what else the node can tell of the key: its
	// time to live, and the server's complaint if it is not a string. A Redis
	// server is then asked by a script rather than by a plain SET.
	Explain bool

	// Wait asks of a refused Acquire to have Value stand in the line of those who
	// wait for the key, at the place of one who has waited for Waited. A node that
	// hands the key to it makes it hold Value, for [Reservation]: then an Acquire by
	// that Value is a Yes. It implies Explain. Not every node has a line: see
	// Answer.Place.
	//
	// A Value that waits leaves the line by a Release; and it loses its place when nobody
	// has waited for the key for [PlaceLasts].
	Wait   bool
	Waited time.Duration

	// Again says of an Acquire that waits that Value may be in the line already; of a
	// Release, that it may be in the line, and leaves it.
	Again bool

	// Inbox is where those who wait for this client can be told something, if it Listens
	// there ([Listener]); else it polls. It has no spaces.
	Inbox   string
	Listens bool

	// HandOver asks of a Release to hand the key to the first in line instead of
	// deleting it: to Next, if that is given (Answer.Next). Those who listen are told; one
	// that is found to listen no more is left out.
	HandOver bool
	Next     string

	// TellNext asks of an Acquire that waits who the next in line is.
	TellNext bool
}

const (
	// Reservation is how long a key that was handed to a waiter is kept for it.
	Reservation = 300 * time.Millisecond

	// PlaceLasts is how long a line lasts that nobody joins, or asks for his place.
	PlaceLasts = 90 * time.Second
)

// A Listener is what a Pool implements that can tell a waiter when its turn has come.
type Listener interface {
	Pool

	// Listen receives what the node sends to inbox, a name that nobody else uses. It
	// calls up when it is known that messages arrive, and from then on handed for each
	// value that a key was handed to, or that has become the first in line because the one
	// before it has left; one at a time, and never after it has returned.
	//
	// It blocks until ctx has ended or it hears no more, and returns why. The error
	// matches [ErrDeaf] if trying again soon is of no use.
	Listen(ctx context.Context, inbox string, up func(), handed func(value string)) error
}

// ErrDeaf is matched by the error of a Listen to a node that cannot send messages, or
// does not let this client receive them.
var ErrDeaf = errors.New("this node sends no messages to those who wait")

// A State is what a node says of a key. Its zero value is no state.
type State uint8

const (
	// Yes means that the key holds, or held until it was released just now,
	// the value asked for.
	Yes State = 1 + iota
	// Other means that the key is another owner's.
	Other
	// Absent means that there is no key.
	Absent
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case Yes:
		return "yes"
	case Other:
		return "other"
	case Absent:
		return "absent"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Joined is a place in line that is not known.
const Joined = -1

// NoExpiry is the time to live of a key that never expires.
const NoExpiry time.Duration = -1

// An Answer is what a node said.
type Answer struct {
	State State

	// TTL is how long the key has left, to the millisecond, or NoExpiry. It is
	// known of every key that Look finds, and as a rule of a refused Acquire that
	// was to Explain; else it is 0.
	TTL time.Duration

	// Place is the place in line of an Acquire that was to Wait, and was refused: 1 is the
	// first. It is [Joined] if the node has not looked which, as of one that was not refused;
	// and 0 if the node has no line.
	Place int

	// Owner is the value that the key of such an Acquire holds.
	Owner string

	// Next is who is the first in line after an Acquire that was to Wait has
	// succeeded that was to TellNext, in the node's own words; "" if nobody is.
	Next string

	// Resent means that the request was sent more than once, since a
	// connection broke before its reply came. A Release that is answered Absent, or
	// Other if it was to HandOver, may then have been served by an earlier sending.
	Resent bool
}

// ErrNoAnswer is matched by the error of an Ask whose Timeout has passed.
var ErrNoAnswer = errors.New("no answer")

// NoAnswer returns the error of an Ask that has waited for timeout. It matches
// [ErrNoAnswer], and no error of a context: the caller's may be in good health.
func NoAnswer(timeout time.Duration) error {
	return fmt.Errorf("%w within %v", ErrNoAnswer, timeout)
}

// ErrNotSent is matched by the error of an Ask that sent nothing: the server
// could not be connected to, or the request was malformed.
var ErrNotSent = errors.New("nothing was sent")

// NotSent returns err as the error of an Ask that sent nothing: its text is
// err's, and it matches err and [ErrNotSent].
func NotSent(err error) error { return &notSent{err} }

type notSent struct{ err error }

func (e *notSent) Error() string        { return e.err.Error() }
func (e *notSent) Unwrap() error        { return e.err }
func (e *notSent) Is(target error) bool { return target == ErrNotSent }

// A ServerError is a node's refusal, in its own words. It is the error of an
// Ask that had no effect.
type ServerError struct {
	Message string // "WRONGTYPE Operation against a key holding …"
	Err     error  // the client library's own error, if it has one
}

// Error returns the server's words.
func (e *ServerError) Error() string { return e.Message }

// Unwrap returns Err.
func (e *ServerError) Unwrap() error { return e.Err }

// AnswerSentTwice returns the answer to an Acquire that was sent more than once, at
// most elapsed ago, and refused by a key that holds its value and has ttl left. If the
// key can have been set since then, by a clock that runs up to twice as fast as ours,
// the first sending has done so, and the answer is Yes; unless the value is Reused: then
// the error says that nobody knows.
func (req Request) AnswerSentTwice(ttl, elapsed time.Duration) (Answer, error) {
	const rounding = time.Millisecond
	switch since := ttl >= req.Expiry.Truncate(time.Millisecond)-2*elapsed-rounding; {
	case !since, ttl == NoExpiry: // it held the value before: somebody else uses it, too
		return Answer{State: Other, TTL: ttl}, nil
	case req.Reused:
		return Answer{}, errReused
	}
	return Answer{State: Yes}, nil
}

var errReused = errors.New("the key holds this value: set by this request, whose reply was lost, or by another that uses the same value")

// Check returns the error that Ask owes a request that no node could serve, or
// nil. The error matches [ErrNotSent].
func (req Request) Check() error {
	var problem string
	switch {
	case req.Op < Acquire || req.Op > Look:
		problem = "no such operation"
	case req.Value == "":
		problem = "the value is empty"
	case (req.Op == Acquire || req.Op == Extend) && req.Expiry < time.Millisecond:
		problem = fmt.Sprintf("the expiry %v is under a millisecond", req.Expiry)
	default:
		return nil
	}
	return NotSent(fmt.Errorf("pool: %v: %s", req.Op, problem))
}
