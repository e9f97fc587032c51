package pooltest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// RunListening tests that a driver keeps the contract of [pool.Subscriber], whatever
// the network does, and that its node can be listened to. Server and dial are as for
// [RunNetwork].
func RunListening(t *testing.T, server string, dial func(t testing.TB, addr string) pool.Pool) {
	for name, test := range map[string]func(listening, *testing.T){
		"messages":             listening.messages,
		"end of the context":   listening.end,
		"cut":                  listening.cut,
		"hang":                 listening.hang,
		"hang while dialling":  listening.hangWhileDialling,
		"refuse":               listening.refuse,
		"listen":               listening.listen,
		"listen to one of two": listening.listenToOne,
	} {
		t.Run(name, func(t *testing.T) {
			label(t)
			proxy := NewProxy(t, server)
			l := listening{network{proxy, conformance{dial(t, proxy.Addr())}, conformance{dial(t, server)}}}
			l.warm(t)
			test(l, t)
		})
	}
}

// listening is one test's view of a node that can be listened to.
type listening struct{ network }

func (l listening) subscriber(t *testing.T) pool.Subscriber {
	t.Helper()
	return subscriber(t, l.through.pool)
}

func subscriber(t *testing.T, p pool.Pool) pool.Subscriber {
	t.Helper()
	s, ok := p.(interface{ Commander() pool.Commander }).Commander().(pool.Subscriber)
	if !ok {
		t.Fatal("its commander is no pool.Subscriber")
	}
	return s
}

// do sends a command past the proxy.
func (l listening) do(t *testing.T, args ...any) any {
	t.Helper()
	reply, _, err := l.direct.pool.(interface{ Commander() pool.Commander }).Commander().Do(context.Background(), patience, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return reply
}

// channel returns a name of this test's own.
func channel(t *testing.T) string {
	return fmt.Sprintf("pooltest-%s-%d", t.Name(), time.Now().UnixNano())
}

func (l listening) subscribe(t *testing.T, channel string) *subscription {
	t.Helper()
	subscriber := l.subscriber(t)
	return start(t, func(ctx context.Context, up func(), heard func(string)) error {
		return subscriber.Subscribe(ctx, channel, up, heard)
	})
}

// slack is how many goroutines and connections may be there after something that leaves
// none, and have nothing to do with it: the clients, the proxy and the server have some.
// It is less than what two connections take.
const slack = 4

// wantNothingLeft does something with a channel, and so often again. Then there must be
// no more goroutines and connections than after the first time, and nobody who listens.
func (l listening) wantNothingLeft(t *testing.T, rounds int, do func(channel string)) {
	t.Helper()
	channel := channel(t)
	do(channel)
	most, links := goroutines(t)+slack, l.proxy.open()+slack
	for range rounds {
		do(channel)
	}
	nobody := []any{channel, int64(0)}
	settle(t, func() bool {
		listeners, _ := l.do(t, "PUBSUB", "NUMSUB", channel).([]any)
		return goroutines(t) <= most && l.proxy.open() <= links && slices.Equal(listeners, nobody)
	})
}

// settle waits until something is so.
func settle(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); runtime.Gosched() {
		if time.Now().After(deadline) {
			buffer := make([]byte, 1<<20)
			t.Fatalf("too many connections, listeners or goroutines:\n%s", buffer[:runtime.Stack(buffer, true)])
		}
	}
}

// What is heard is what was published, in order, and nothing of what was published before.
func (l listening) messages(t *testing.T) {
	for _, channel := range []string{channel(t), channel(t) + " \r\n\x00\xff{}"} {
		l.do(t, "PUBLISH", channel, "too early")
		s := l.subscribe(t, channel)
		s.wantUp(t)
		for _, payload := range []string{"", "a", "\r\n\x00 \xff", "b", string(make([]byte, 100_000))} {
			if n := l.do(t, "PUBLISH", channel, payload); n != int64(1) {
				t.Errorf("%v were told, want 1", n)
			}
			s.wantHeard(t, payload)
		}
		published := make(chan struct{})
		go func() {
			defer close(published)
			for i := range 200 {
				l.do(t, "PUBLISH", channel, fmt.Sprint(i))
			}
		}()
		for i := range 200 {
			s.wantHeard(t, fmt.Sprint(i))
		}
		<-published
		s.cancel()
		s.wantEnd(t, context.Canceled)
	}
}

// At the end of the context it returns, also from the middle of its messages, and leaves
// nothing.
func (l listening) end(t *testing.T) {
	l.wantNothingLeft(t, 8, func(channel string) {
		s := l.subscribe(t, channel)
		s.wantUp(t)
		for range 20 {
			l.do(t, "PUBLISH", channel, "x")
		}
		s.cancel()
		s.wantEnd(t, context.Canceled)
	})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	err := l.subscriber(t).Subscribe(ended, "pooltest", func() { t.Error("it has subscribed") }, func(string) {})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: got %v", err)
	}
}

// A connection that was closed is not replaced: whoever listens has to know of it.
func (l listening) cut(t *testing.T) {
	l.wantNothingLeft(t, 8, func(channel string) {
		s := l.subscribe(t, channel)
		s.wantUp(t)
		l.do(t, "PUBLISH", channel, "x")
		s.wantHeard(t, "x")
		l.proxy.Cut()
		s.wantEnd(t, pool.ErrClosed)
		l.again(t, pool.Request{Op: pool.Look, Name: channel, Value: "v"})
	})
}

// Neither does a server that does not answer hold it up for long after the end of the
// context: a client may wait for a second to see the connection end well.
func (l listening) hang(t *testing.T) {
	l.wantNothingLeft(t, 2, func(channel string) {
		s := l.subscribe(t, channel)
		s.wantUp(t)
		l.proxy.Stop()
		s.cancel()
		s.wantEnd(t, context.Canceled)
		l.proxy.Thaw()
	})
}

func (l listening) hangWhileDialling(t *testing.T) {
	l.wantNothingLeft(t, 8, func(channel string) {
		l.proxy.Stop()
		s := l.subscribe(t, channel)
		time.AfterFunc(short, s.cancel)
		s.wantEnd(t, context.Canceled)
		if len(s.up) > 0 {
			t.Error("it has subscribed at a server that does not answer")
		}
		l.proxy.Thaw()
	})
}

// A server that cannot be connected to is tried again later.
func (l listening) refuse(t *testing.T) {
	l.proxy.Refuse()
	s := l.subscribe(t, channel(t))
	select {
	case err := <-s.done:
		if err == nil || errors.Is(err, pool.ErrDeaf) {
			t.Errorf("got %v, though nobody listens at that address", err)
		}
	case <-time.After(patience):
		t.Errorf("it has not returned after %v", patience)
	}
	l.proxy.Accept(t)
}
