package pooltest

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/redlatch/redlatch/pool"
)

func listen(t *testing.T, p pool.Pool, inbox string) *subscription {
	t.Helper()
	listener, ok := p.(pool.Listener)
	if !ok {
		t.Fatal("it is no pool.Listener")
	}
	return start(t, func(ctx context.Context, up func(), handed func(string)) error {
		return listener.Listen(ctx, inbox, up, handed)
	})
}

// The node is up when its own message has come back, and is handed what comes then.
func (l listening) listen(t *testing.T) {
	l.wantNothingLeft(t, 8, func(inbox string) {
		s := listen(t, l.through.pool, inbox)
		s.wantUp(t)
		for _, value := range []string{"a", "\r\n \x00\xff", "c"} {
			l.do(t, "PUBLISH", inbox, value)
			s.wantHeard(t, value)
		}
		l.do(t, "PUBLISH", inbox, "") // another's
		s.cancel()
		s.wantEnd(t, context.Canceled)
	})
	s := listen(t, l.through.pool, channel(t))
	s.wantUp(t)
	l.proxy.Cut()
	s.wantEnd(t, pool.ErrClosed)
}

// What is sent to one inbox is not sent to another; and a key that is handed over is
// handed to whoever has waited longest.
func (l listening) listenToOne(t *testing.T) {
	name, inboxes := l.direct.name(t, "holder", "first", "second"), []string{channel(t) + "1", channel(t) + "2"}
	l.through.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "holder"})
	var heirs []*subscription
	for i, value := range []string{"first", "second"} {
		s := listen(t, l.through.pool, inboxes[i])
		s.wantUp(t)
		heirs = append(heirs, s)
		a := l.through.want(t, pool.Other, pool.Request{Op: pool.Acquire, Name: name, Value: value, Wait: true, Inbox: inboxes[i], Listens: true})
		if a.Place != pool.Joined || a.Owner != "holder" {
			t.Errorf("%s joins: got %+v", value, a)
		}
	}
	l.through.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "holder", HandOver: true})
	heirs[0].wantHeard(t, "first")
	l.through.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "first", Wait: true, Inbox: inboxes[0], Listens: true})
	l.through.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "first", HandOver: true})
	heirs[1].wantHeard(t, "second")
	l.through.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "second", Wait: true, Inbox: inboxes[1], Listens: true})
	l.through.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "second", HandOver: true})
	l.through.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "second"})
	for _, s := range heirs {
		s.cancel()
		s.wantEnd(t, context.Canceled)
	}
}

// RunDeaf tests that a driver's node is deaf on a server that refuses what it takes to
// listen, and says why. Dial is as for [RunNetwork].
func RunDeaf(t *testing.T, dial func(t testing.TB, addr string) pool.Pool) {
	s := NewServer(t)
	p := dial(t, s.Addr())
	goroutines := runtime.NumGoroutine()
	for _, test := range []struct {
		command, reply string
		refusal        bool
	}{
		{"SUBSCRIBE", "-NOPERM this user has no permissions", true},
		{"SUBSCRIBE", "-ERR unknown command", true},
		{"PUBLISH", "-NOPERM this user has no permissions", true},
		{"PUBLISH", "-ERR unknown command", true},
		{"PUBLISH", ":0", false},
	} {
		s.Answer(test.command, test.reply)
		ctx, cancel := context.WithCancel(context.Background())
		err := p.(pool.Listener).Listen(ctx, "inbox", func() { cancel() }, func(string) {})
		cancel()
		var refusal *pool.ServerError
		if !errors.Is(err, pool.ErrDeaf) || errors.As(err, &refusal) != test.refusal {
			t.Errorf("%s is answered by %q: got %v", test.command, test.reply, err)
		}
		if test.command == "SUBSCRIBE" {
			err := subscriber(t, p).Subscribe(context.Background(), "inbox", func() { t.Error("it has subscribed") }, func(string) {})
			if !errors.As(err, &refusal) || "-"+refusal.Message != test.reply {
				t.Errorf("%s is answered by %q: got %v", test.command, test.reply, err)
			}
		}
		s.Answer(test.command, "")
		settle(t, func() bool { return runtime.NumGoroutine() <= goroutines+slack })
	}
}
