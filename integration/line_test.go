package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
)

// A line is a node, and a key whose line is looked at.
type line struct {
	t      *testing.T
	server *servers.Server
	node   pool.Pool
	name   string
}

const theLine = "{lock}:redlatch-line"

// inLine runs the test on a server of every image, where the holder has the key.
func inLine(t *testing.T, test func(l line)) {
	t.Helper()
	onEach(t, func(t *testing.T, g *servers.Group) {
		s := g.Nodes(t, 1)[0]
		l := line{t, s, redigo.NewPool(redigoPool(t, s)), "lock"}
		l.want(pool.Yes, l.acquire("holder", nil))
		test(l)
	})
}

// ask puts a request about the key; an error ends the test.
func (l line) ask(req pool.Request) pool.Answer {
	l.t.Helper()
	req.Name, req.Expiry, req.Timeout = l.name, time.Minute, patience
	a, err := l.node.Ask(context.Background(), req)
	if err != nil {
		l.t.Fatalf("%v by %q: %v", req.Op, req.Value, err)
	}
	return a
}

func (l line) want(state pool.State, a pool.Answer) {
	l.t.Helper()
	if a.State != state {
		l.t.Fatalf("got %+v, want %v", a, state)
	}
}

func (l line) acquire(value string, change func(*pool.Request)) pool.Answer {
	l.t.Helper()
	req := pool.Request{Op: pool.Acquire, Value: value, Wait: true}
	if change != nil {
		change(&req)
	}
	return l.ask(req)
}

// join joins the line, and wants to have joined.
func (l line) join(value, inbox string, waited time.Duration) {
	l.t.Helper()
	a := l.acquire(value, func(req *pool.Request) { req.Inbox, req.Listens, req.Waited = inbox, inbox != "", waited })
	if a.State != pool.Other || a.Place != pool.Joined || a.Owner == "" || a.TTL <= 0 {
		l.t.Fatalf("%q joins: got %+v", value, a)
	}
}

// again asks again, and wants the place.
func (l line) again(value, inbox string, listens bool, place int) {
	l.t.Helper()
	a := l.acquire(value, func(req *pool.Request) { req.Inbox, req.Listens, req.Again = inbox, listens, true })
	if a.State != pool.Other || a.Place != place {
		l.t.Errorf("%q asks again: got %+v, want the place %d", value, a, place)
	}
}

func (l line) release(value string, change func(*pool.Request)) pool.Answer {
	l.t.Helper()
	req := pool.Request{Op: pool.Release, Value: value, HandOver: true}
	if change != nil {
		change(&req)
	}
	return l.ask(req)
}

// wantMembers looks who is in the line, in order.
func (l line) wantMembers(want ...string) {
	l.t.Helper()
	got, err := redis.Strings(l.server.Do("ZRANGE", theLine, 0, -1))
	if err != nil || !slices.Equal(got, want) {
		l.t.Errorf("%q are in line, %v, want %q", got, err, want)
	}
	if ttl := timeToLive(l.t, l.server, theLine); len(want) > 0 && (ttl <= 0 || ttl > pool.PlaceLasts) {
		l.t.Errorf("the line lasts for %v, want %v", ttl, pool.PlaceLasts)
	}
}

// wantReserved wants the key to be kept for a value.
func (l line) wantReserved(value string) {
	l.t.Helper()
	ttl := timeToLive(l.t, l.server, l.name)
	got, err := redis.String(l.server.Do("GET", l.name))
	if ttl <= -2*time.Millisecond || err != nil { // a slow machine is no fault of the script
		l.t.Fatalf("the key is kept for nobody, or has been: %v", err)
	}
	if got != value || ttl > pool.Reservation {
		l.t.Errorf("the key is kept for %q, for %v, want %q, for %v", got, ttl, value, pool.Reservation)
	}
}

// listen has the inbox listened to until the test ends, and returns what is heard.
func (l line) listen(inbox string) <-chan string {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	up, heard, done := make(chan struct{}), make(chan string, 100), make(chan error, 1)
	go func() {
		done <- l.node.(pool.Listener).Listen(ctx, inbox, func() { close(up) }, func(value string) { heard <- value })
	}()
	l.t.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case <-up:
	case err := <-done:
		l.t.Fatalf("Listen: %v", err)
	case <-time.After(patience):
		l.t.Fatalf("nothing is heard after %v", patience)
	}
	return heard
}

func (l line) wantHeard(heard <-chan string, want string) {
	l.t.Helper()
	select {
	case got := <-heard:
		if got != want {
			l.t.Errorf("heard %q, want %q", got, want)
		}
	case <-time.After(patience):
		l.t.Fatalf("%q is not heard after %v", want, patience)
	}
}

// Who has waited longest is first, whenever it has joined.
func TestLineIsInTheOrderOfWaiting(t *testing.T) {
	inLine(t, func(l line) {
		l.join("a", "", time.Second)
		l.join("b", "", time.Hour)
		l.join("c", "", time.Minute)
		l.again("a", "", false, 3)
		l.again("b", "", false, 1)
		l.again("c", "", false, 2)
		l.wantMembers(" b", " c", " a")
		owner := "holder"
		for _, heir := range []string{"b", "c", "a"} {
			l.want(pool.Yes, l.release(owner, nil))
			l.wantReserved(heir)
			l.want(pool.Yes, l.acquire(heir, nil))
			if ttl := timeToLive(t, l.server, l.name); ttl <= pool.Reservation {
				t.Errorf("claimed for %v, want a minute", ttl)
			}
			owner = heir
		}
		l.want(pool.Yes, l.release(owner, nil))
		nothingLeft(t, []*servers.Server{l.server})
	})
}

// Whom the holder names comes before the others, if it stands in the line; else the first
// does.
func TestLineOfTheNamed(t *testing.T) {
	inLine(t, func(l line) {
		l.join("a", "", time.Hour)
		l.join("b", "", time.Minute)
		l.join("c", "", time.Second)
		owner := "holder"
		for _, test := range []struct{ next, heir string }{{" c", "c"}, {" holder", "a"}, {"in b", "b"}, {" a", ""}} {
			l.want(pool.Yes, l.release(owner, func(req *pool.Request) { req.Next = test.next }))
			if test.heir != "" {
				l.wantReserved(test.heir)
				l.want(pool.Yes, l.acquire(test.heir, nil))
			}
			owner = test.heir
		}
		nothingLeft(t, []*servers.Server{l.server})
	})
}

// One that listens is told. Those who poll stand behind it as far as it is concerned.
func TestLineOfListeners(t *testing.T) {
	inLine(t, func(l line) {
		heard := l.listen("in")
		l.join("poller", "", time.Hour)
		l.join("a", "in", time.Minute)
		l.join("b", "in", time.Second)
		l.again("a", "in", true, 1)
		l.again("b", "in", true, 3)
		l.wantMembers(" poller", "in a", "in b")
		l.want(pool.Yes, l.release("holder", func(req *pool.Request) { req.Next = "in a" }))
		l.wantHeard(heard, "a")
		a := l.acquire("a", func(req *pool.Request) { req.Inbox, req.Listens, req.TellNext = "in", true, true })
		if a.State != pool.Yes || a.Next != " poller" {
			t.Errorf("got %+v, want that the poller is next", a)
		}
		l.wantMembers(" poller", "in b")
		l.want(pool.Yes, l.release("a", nil))
		l.wantReserved("poller")
		l.want(pool.Yes, l.acquire("poller", nil))
		l.want(pool.Yes, l.release("poller", nil))
		l.wantHeard(heard, "b")
	})
}

// One whose process is gone is left out, by who asks for its place and by who hands over.
func TestLineWithoutTheDead(t *testing.T) {
	inLine(t, func(l line) {
		heard := l.listen("in")
		l.join("1", "dead", time.Hour)
		l.join("a", "in", time.Minute)
		l.again("a", "in", true, 1)
		l.wantMembers("in a")
		l.join("2", "dead", time.Hour)
		l.join("3", "dead", time.Hour)
		l.want(pool.Yes, l.release("holder", nil))
		l.wantHeard(heard, "a")
		l.want(pool.Yes, l.acquire("a", nil))
		l.join("4", "dead", 0)
		l.want(pool.Yes, l.release("a", func(req *pool.Request) { req.Next = "dead 0" })) // who has never been there
		nothingLeft(t, []*servers.Server{l.server})
	})
}

// A place can be given up, and who first polls, and then listens, keeps one.
func TestLineIsLeft(t *testing.T) {
	inLine(t, func(l line) {
		l.listen("in")
		l.join("a", "in", time.Minute)
		l.join("b", "", time.Second)
		l.again("b", "in", true, 2)
		l.wantMembers("in a", "in b")
		l.again("b", "in", false, 2)
		l.wantMembers("in a", " b")
		for _, value := range []string{"a", "b"} {
			l.want(pool.Other, l.ask(pool.Request{Op: pool.Release, Value: value, Again: true, Inbox: "in"}))
		}
		l.wantMembers()
		l.join("a", "in", 0)
		l.want(pool.Yes, l.release("holder", nil))
		l.want(pool.Yes, l.ask(pool.Request{Op: pool.Release, Value: "a", Again: true, Inbox: "in"}))
		l.want(pool.Absent, l.ask(pool.Request{Op: pool.Release, Value: "a", Again: true, Inbox: "in"}))
		nothingLeft(t, []*servers.Server{l.server})
	})
}

// When the first leaves the line who is the first then is told, once; when another does,
// nobody is; and one that hands the key over as it leaves tells its heir alone.
func TestLineIsLeftByTheFirst(t *testing.T) {
	inLine(t, func(l line) {
		heard := l.listen("in")
		for i, value := range []string{"a", "b", "c", "d"} {
			l.join(value, "in", time.Duration(4-i)*time.Hour)
		}
		leave := func(value string, want pool.State, more counts) {
			t.Helper()
			l.release("nobody", nil) // the server knows the script
			do(t, l.server, "CONFIG", "RESETSTAT")
			l.want(want, l.ask(pool.Request{Op: pool.Release, Value: value, Again: true, HandOver: want == pool.Yes, Inbox: "in"}))
			wanted := counts{"evalsha": 1, "get": 1, "zrange": 2, "zrem": 1}
			maps.Copy(wanted, more)
			wantCounts(t, l.server, value+" leaves", wanted)
		}
		leave("b", pool.Other, nil)
		leave("nobody", pool.Other, nil)
		leave("a", pool.Other, counts{"publish": 1})
		l.wantHeard(heard, "c")
		do(t, l.server, "ZADD", theLine, 1, "in holder")
		leave("holder", pool.Yes, counts{"zpopmin": 1, "publish": 1, "set": 1})
		l.wantHeard(heard, "c")
		l.wantReserved("c")
		l.wantMembers("in d")
		leave("d", pool.Other, nil)
		leave("c", pool.Yes, counts{"zpopmin": 1, "del": 1})
		if n := len(heard); n > 0 {
			t.Errorf("%d more messages are heard, want none", n)
		}
		nothingLeft(t, []*servers.Server{l.server})
	})
}

// Names and values are bytes.
func TestLineOfOddNames(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		s := g.Nodes(t, 1)[0]
		l := line{t: t, server: s, node: redigo.NewPool(redigoPool(t, s))}
		heard := l.listen("in%S*")
		values := []string{" ", "  two  spaces ", "a\x00b\x00", "\r\n$3\r\n", "\xff\xfe\x80", "%s%d", "鍵"}
		for _, l.name = range []string{"two spaces", "{a}{b}} {c", "a\x00b", "a\r\n", "\xff\xfe", "鍵", "*?[a]\\", "a{"} {
			l.want(pool.Yes, l.acquire("holder", nil))
			for i, value := range values {
				l.join(value, "in%S*", time.Duration(len(values)-i)*time.Hour)
			}
			for i, value := range values {
				l.again(value, "in%S*", true, i+1)
			}
			owner := "holder"
			for _, value := range values {
				if a := l.acquire("look", func(req *pool.Request) { req.Inbox = "x" }); a.Owner != owner {
					t.Errorf("the owner is %q, want %q", a.Owner, owner)
				}
				l.want(pool.Other, l.ask(pool.Request{Op: pool.Release, Value: "look", Again: true, Inbox: "x"}))
				l.want(pool.Yes, l.release(owner, nil))
				l.wantHeard(heard, value)
				l.want(pool.Yes, l.acquire(value, func(req *pool.Request) { req.Inbox, req.Again = "in%S*", true }))
				owner = value
			}
			l.want(pool.Yes, l.release(owner, nil))
		}
		for _, l.name = range []string{"", "}", "{}", "a}b"} { // which have no line
			l.want(pool.Yes, l.acquire("holder", nil))
			if a := l.acquire("a", nil); a.State != pool.Other || a.Place != 0 {
				t.Errorf("%q: got %+v, want no place", l.name, a)
			}
			l.want(pool.Yes, l.release("holder", nil))
		}
		nothingLeft(t, []*servers.Server{s})
	})
}

// What waiting costs the server.
func TestLineIsFewCommands(t *testing.T) {
	inLine(t, func(l line) {
		heard := l.listen("in")
		l.join("a", "in", time.Hour) // by the script's text
		l.want(pool.Yes, l.release("holder", nil))
		l.wantHeard(heard, "a")
		l.want(pool.Yes, l.acquire("a", nil))
		do(t, l.server, "CONFIG", "RESETSTAT")

		l.join("b", "in", 0)
		wantCounts(l.t, l.server, "joining", counts{"evalsha": 1, "get": 1, "pttl": 1, "time": 1, "zadd": 1, "pexpire": 1})
		l.want(pool.Yes, l.release("a", nil))
		wantCounts(l.t, l.server, "handing over", counts{"evalsha": 1, "get": 1, "zpopmin": 1, "publish": 1, "set": 1})
		l.want(pool.Yes, l.acquire("b", func(req *pool.Request) { req.Inbox, req.Listens, req.Again = "in", true, true }))
		wantCounts(l.t, l.server, "claiming", counts{"evalsha": 1, "get": 1, "set": 1})
		l.wantHeard(heard, "b")
	})
}

// as returns l for a user with these permissions.
func (l line) as(rules ...any) line {
	l.t.Helper()
	l.node = poolAs(l.t, l.server, rules...)
	return l
}

// poolAs returns a pool for a user with these permissions.
func poolAs(t *testing.T, s *servers.Server, rules ...any) pool.Pool {
	t.Helper()
	do(t, s, "ACL", append([]any{"SETUSER", "some", "reset", "on", "nopass"}, rules...)...)
	return redigo.NewPool(closing(t, &redis.Pool{
		MaxIdle: 10,
		Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", s.Addr(), redis.DialUsername("some"), redis.DialPassword("any"))
		},
	}))
}

// Who may not do everything that a line takes is served all the same: without a line, or
// without being told.
func TestLineForbidden(t *testing.T) {
	inLine(t, func(l line) {
		for _, test := range []struct {
			rules  []any
			keeps  bool // a line
			listen bool
		}{
			{[]any{"~lock", "&*", "+@all"}, false, true},
			{[]any{"~*", "&*", "+@all", "-zadd"}, false, true},
			{[]any{"~*", "&*", "+@all", "-time"}, false, true},
			{[]any{"~*", "&*", "+set", "+get", "+del", "+pexpire", "+eval", "+evalsha"}, false, false},
			{[]any{"~*", "&*", "+@all", "-publish"}, true, false},
			{[]any{"~*", "&*", "+@all", "-subscribe"}, true, false},
			{[]any{"~*", "resetchannels", "+@all"}, true, false},
			{[]any{"~*", "&*", "+@all", "-pubsub", "-pttl", "-zrange", "-zrank"}, true, true},
		} {
			some := l.as(test.rules...)
			what := fmt.Sprint(test.rules)
			for range 2 { // the second time it is known
				a := some.acquire("a", func(req *pool.Request) { req.Again = true })
				if a.State != pool.Other || (a.Place > 0) != test.keeps {
					t.Errorf("%s: waiting: got %+v", what, a)
				}
			}
			l.want(pool.Yes, l.ask(pool.Request{Op: pool.Release, Value: "holder"}))
			l.want(pool.Yes, some.acquire("some", nil))
			l.want(pool.Yes, some.release("some", nil))
			if test.keeps {
				l.wantReserved("a")
				l.want(pool.Yes, l.ask(pool.Request{Op: pool.Release, Value: "a"}))
			}
			l.want(pool.Yes, l.acquire("holder", nil))

			ctx, cancel := context.WithTimeout(context.Background(), patience)
			err := some.node.(pool.Listener).Listen(ctx, "in", cancel, func(string) {})
			if errors.Is(err, pool.ErrDeaf) == test.listen || test.listen && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: listening: got %v", what, err)
			}
			cancel()
		}
	})
}

// A message that may not be sent does not keep the key from who has waited.
func TestLinePublishForbidden(t *testing.T) {
	inLine(t, func(l line) {
		some := l.as("~*", "&*", "+@all", "-publish")
		l.listen("in")
		l.join("a", "in", 0)
		l.want(pool.Yes, l.ask(pool.Request{Op: pool.Release, Value: "holder"}))
		l.want(pool.Yes, some.acquire("some", nil))
		l.want(pool.Yes, some.release("some", nil))
		l.wantReserved("a")
	})
}

// A key that is no lock is an error in the server's words, and has no line.
func TestLineOfAnotherType(t *testing.T) {
	inLine(t, func(l line) {
		do(t, l.server, "RPUSH", "list", "x")
		for range 2 {
			_, err := l.node.Ask(context.Background(), pool.Request{Op: pool.Acquire, Name: "list", Value: "a", Expiry: time.Minute, Timeout: patience, Wait: true})
			var refusal *pool.ServerError
			if !errors.As(err, &refusal) {
				t.Errorf("got %v, want the server's refusal", err)
			}
		}
		l.join("a", "", 0) // lines are kept as before
		do(t, l.server, "DEL", theLine)
		do(t, l.server, "SET", theLine, "somebody's")
		if a := l.acquire("a", nil); a.State != pool.Other || a.Place != 0 {
			t.Errorf("the line's key is another's: got %+v, want no place", a)
		}
		l.want(pool.Yes, l.release("holder", nil))
		if got := do(t, l.server, "EXISTS", l.name); got != int64(0) {
			t.Errorf("%v keys, want that it is released", got)
		}
		do(t, l.server, "DEL", theLine)
	})
}
