package redsync

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4/redis/redigo"
	client "github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync/redis"
)

// A foreignLine is the node behind a pool of redsync's own, and the server that it reaches.
type foreignLine struct {
	*testing.T
	server *pooltest.Server
	pool   redis.Pool
	node   pool.Pool
}

func newForeignLine(t *testing.T) *foreignLine {
	s := pooltest.NewServer(t)
	p := &client.Pool{MaxIdle: 1, Dial: func() (client.Conn, error) { return client.Dial("tcp", s.Addr()) }}
	t.Cleanup(func() { p.Close() })
	l := &foreignLine{T: t, server: s, pool: redigo.NewPool(p)}
	l.node = newForeign(l.pool)
	return l
}

func (l *foreignLine) ask(req pool.Request) pool.Answer {
	l.Helper()
	req.Name, req.Expiry, req.Timeout = "lock", time.Minute, time.Minute
	a, err := l.node.Ask(context.Background(), req)
	if err != nil {
		l.Fatalf("%+v: %v", req, err)
	}
	return a
}

func (l *foreignLine) want(req pool.Request, want pool.Answer) {
	l.Helper()
	a := l.ask(req)
	if want.TTL != 0 && a.TTL > 0 && a.TTL <= want.TTL {
		a.TTL = want.TTL
	}
	if a != want {
		l.Errorf("%+v: got %+v, want %+v", req, a, want)
	}
}

func waits(value string) pool.Request {
	return pool.Request{Op: pool.Acquire, Value: value, Wait: true, Inbox: "in", Listens: true}
}

func waitsAgain(value string) pool.Request {
	req := waits(value)
	req.Again, req.TellNext = true, true
	return req
}

func handsOver(value string) pool.Request {
	return pool.Request{Op: pool.Release, Value: value, HandOver: true}
}

var (
	yes   = pool.Answer{State: pool.Yes}
	taken = pool.Answer{State: pool.Yes, Place: pool.Joined} // by the script
)

// Who waits behind a pool of redsync's own stands in line, and polls, whatever it says
// of its inbox.
func TestForeignLine(t *testing.T) {
	l := newForeignLine(t)
	l.want(waits("a"), taken)
	l.want(waits("b"), pool.Answer{State: pool.Other, TTL: time.Minute, Place: pool.Joined, Owner: "a"})
	l.want(waits("c"), pool.Answer{State: pool.Other, TTL: time.Minute, Place: pool.Joined, Owner: "a"})
	l.want(waitsAgain("c"), pool.Answer{State: pool.Other, TTL: time.Minute, Place: 2, Owner: "a"})
	l.want(handsOver("a"), yes)
	l.want(waits("d"), pool.Answer{State: pool.Other, TTL: pool.Reservation, Place: pool.Joined, Owner: "b"})
	l.want(waitsAgain("b"), pool.Answer{State: pool.Yes, Place: pool.Joined, Next: " c"})
	toTheLast := handsOver("b")
	toTheLast.Next = " d"
	l.want(toTheLast, yes)
	l.want(waitsAgain("d"), pool.Answer{State: pool.Yes, Place: pool.Joined, Next: " c"})
	l.want(pool.Request{Op: pool.Release, Value: "c", Again: true, Inbox: "in"}, pool.Answer{State: pool.Other})
	l.want(handsOver("d"), yes)
	l.want(handsOver("d"), pool.Answer{State: pool.Absent})
	if n := l.server.Count("SET") + l.server.Count("GET"); n != 0 {
		t.Errorf("%d commands besides the scripts", n)
	}
	l.want(pool.Request{Op: pool.Acquire, Value: "e"}, yes)
	l.want(pool.Request{Op: pool.Release, Value: "e"}, yes)
	if l.server.Count("SET") != 1 {
		t.Error("who does not wait takes the lock as redsync does")
	}
}

// A server that does not let us keep a line is asked as ever, and not asked for one again.
func TestForeignLineForbidden(t *testing.T) {
	for _, reply := range []string{"-NOPERM No permissions to access a key", "-CROSSSLOT Keys in request", "-ERR unknown command"} {
		l := newForeignLine(t)
		l.server.Answer("EVALSHA", reply)
		l.want(waits("a"), yes)
		l.want(waits("b"), pool.Answer{State: pool.Other})
		if sets, scripts := l.server.Count("SET"), l.server.Count("EVALSHA"); sets != 2 || scripts != 1 {
			t.Errorf("%s: %d times SET, %d scripts, want 2 and 1", reply, sets, scripts)
		}
	}
}

// But one that refuses what redsync asks, too, may do so for another reason.
func TestForeignLineNotForbidden(t *testing.T) {
	l := newForeignLine(t)
	l.want(waits("a"), taken)
	l.server.Answer("EVALSHA", "-NOPERM this user has no permissions")
	_, err := l.node.Ask(context.Background(), pool.Request{Op: pool.Release, Name: "lock", Value: "a", HandOver: true, Timeout: time.Minute})
	if refusal := (*pool.ServerError)(nil); !errors.As(err, &refusal) {
		t.Errorf("got %v, want the refusal", err)
	}
	l.server.Answer("EVALSHA", "")
	l.want(waits("b"), pool.Answer{State: pool.Other, TTL: time.Minute, Place: pool.Joined, Owner: "a"})
	l.server.Answer("EVALSHA", "-WRONGTYPE Operation against a key")
	_, err = l.node.Ask(context.Background(), pool.Request{Op: pool.Acquire, Name: "lock", Value: "c", Expiry: time.Minute, Wait: true, Timeout: time.Minute})
	if refusal := (*pool.ServerError)(nil); !errors.As(err, &refusal) || l.server.Count("SET") > 0 {
		t.Errorf("got %v, and %d times SET, want the refusal", err, l.server.Count("SET"))
	}
}

// somebodys is a pool of somebody's own making.
type somebodys struct{ redis.Pool }

// Through a pool of which nothing is known nothing is sent but what redsync sends.
func TestForeignLineOfSomebodysPool(t *testing.T) {
	l := newForeignLine(t)
	l.node = newForeign(somebodys{l.pool})
	l.want(waits("a"), yes)
	l.want(waits("b"), pool.Answer{State: pool.Other})
	if n := l.server.Count("EVALSHA") + l.server.Count("EVAL"); n != 0 {
		t.Errorf("%d scripts were sent to wait, want none", n)
	}
	l.want(handsOver("a"), yes)
	l.want(handsOver("a"), pool.Answer{State: pool.Absent})
}

// losing makes connections that lose the reply of a script, when they are told to.
type losing struct {
	client.Conn
	lose *int
}

func (c losing) Do(command string, args ...any) (any, error) {
	reply, err := c.Conn.Do(command, args...)
	if *c.lose > 0 && command != "" && err == nil {
		*c.lose--
		return nil, io.EOF
	}
	return reply, err
}

// What a connection broke on is asked again: who was given the lock by the first asking is
// told so, and who gave it away is told that it was sent again.
func TestForeignLineReplyLost(t *testing.T) {
	l := newForeignLine(t)
	lose := 0
	p := &client.Pool{Dial: func() (client.Conn, error) {
		c, err := client.Dial("tcp", l.server.Addr())
		return losing{c, &lose}, err
	}}
	t.Cleanup(func() { p.Close() })
	l.node = newForeign(redigo.NewPool(p))
	lose = 1
	l.want(waits("a"), pool.Answer{State: pool.Yes, Place: pool.Joined, Resent: true})
	lose = 1
	l.want(waits("b"), pool.Answer{State: pool.Other, TTL: time.Minute, Place: pool.Joined, Owner: "a", Resent: true})
	lose = 1
	l.want(handsOver("a"), pool.Answer{State: pool.Other, Resent: true})
	l.want(waits("b"), taken)
	lose = 1
	l.want(handsOver("b"), pool.Answer{State: pool.Absent, Resent: true})
}

// clientError is an error reply as rueidis has it.
type clientError string

func (e clientError) Error() string    { return string(e) }
func (e clientError) IsNoScript() bool { return false }

func TestForeignRefusals(t *testing.T) {
	for err, want := range map[error]string{
		clientError("unknown command 'EVALSHA'"): "ERR unknown command 'EVALSHA'",
		clientError("NOPERM no permissions"):     "NOPERM no permissions",
		client.Error("CROSSSLOT Keys"):           "CROSSSLOT Keys",
		io.EOF:                                   "",
	} {
		refusal := (*pool.ServerError)(nil)
		if errors.As(refusalOf(err), &refusal) != (want != "") || refusal != nil && refusal.Message != want {
			t.Errorf("%v: got %v, want %q", err, refusalOf(err), want)
		}
	}
}
