package pooltest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// RunNetwork tests that a driver keeps the contract of [pool.Pool] whatever the
// network does: everything that [Run] tests, and then with a proxy between the
// driver and the server that stops, refuses, loses replies, cuts connections.
//
// Server is the host:port of a server that is well, and dial returns a new
// client of whoever listens at addr, to be closed when the test ends.
func RunNetwork(t *testing.T, server string, dial func(t testing.TB, addr string) pool.Pool) {
	Run(t, dial(t, server))
	for name, test := range map[string]func(network, *testing.T){
		"hang until the timeout":     network.hangUntilTimeout,
		"hang until the context":     network.hangUntilContext,
		"answer too late":            network.answerTooLate,
		"refuse":                     network.refuse,
		"cut idle connections":       network.cutIdle,
		"lose the reply of acquire":  network.loseAcquire,
		"lose the reply of a retry":  network.loseRetry,
		"lose the reply of release":  network.loseRelease,
		"lose the reply of extend":   network.loseExtend,
		"nothing is left of a storm": network.storm,
	} {
		t.Run(name, func(t *testing.T) {
			label(t)
			proxy := NewProxy(t, server)
			through := dial(t, proxy.Addr())
			test(network{proxy, conformance{through}, conformance{dial(t, server)}}, t)
		})
	}
}

// network is one test's view of the node: through the proxy, and past it.
type network struct {
	proxy   *Proxy
	through conformance
	direct  conformance
}

// short is a timeout to run into.
const short = 50 * time.Millisecond

// warm makes sure that there is a connection, and that the server knows every
// script.
func (n network) warm(t *testing.T) {
	t.Helper()
	name := n.direct.name(t, "v")
	n.again(t, pool.Request{Op: pool.Look, Name: name, Value: "v"})
	n.through.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "v"})
	n.through.want(t, pool.Yes, pool.Request{Op: pool.Extend, Name: name, Value: "v"})
	n.through.want(t, pool.Other, pool.Request{Op: pool.Acquire, Name: name, Value: "w", Explain: true})
	n.through.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "v"})
	n.through.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "v"})
}

// again puts a request to a node that may not have answered until now. After many
// dials have failed, a client may send nothing for a moment, and dial no more.
func (n network) again(t *testing.T, req pool.Request) pool.Answer {
	t.Helper()
	req.Timeout = patience
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		a, err := n.through.pool.Ask(context.Background(), req)
		if err == nil {
			return a
		}
		if !errors.Is(err, pool.ErrNotSent) || time.Now().After(deadline) {
			t.Fatalf("%v, of a node that answers again: %v", req.Op, err)
		}
	}
}

// late is a call that must return although the node does not answer. The test
// thaws the node only after it has.
func (n network) late(t *testing.T, ctx context.Context, req pool.Request, want error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := n.through.pool.Ask(ctx, req)
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, want) {
			t.Errorf("%v: got the error %v, want one that matches %v", req.Op, err, want)
		}
	case <-time.After(patience):
		t.Errorf("%v has not returned, %v after it had to", req.Op, patience)
	}
}

func (n network) hangUntilTimeout(t *testing.T) {
	for _, state := range []string{"new connection", "warm connection"} {
		if state == "warm connection" {
			n.warm(t)
		}
		name := n.direct.name(t, "v")
		n.proxy.Stop()
		for _, op := range []pool.Op{pool.Acquire, pool.Extend, pool.Release, pool.Look} {
			n.late(t, context.Background(), pool.Request{Op: op, Name: name, Value: "v", Expiry: expiry, Timeout: short}, pool.ErrNoAnswer)
		}
		big := name + string(make([]byte, 8<<20)) // more than any socket's buffer
		n.late(t, context.Background(), pool.Request{Op: pool.Look, Name: big, Value: "v", Timeout: short}, pool.ErrNoAnswer)
		n.proxy.Thaw()
		n.warm(t)
	}
}

func (n network) hangUntilContext(t *testing.T) {
	n.warm(t)
	name := n.direct.name(t, "v")
	n.proxy.Stop()
	for _, op := range []pool.Op{pool.Acquire, pool.Extend, pool.Release, pool.Look} {
		req := pool.Request{Op: op, Name: name, Value: "v", Expiry: expiry, Timeout: 10 * patience}
		ctx, cancel := context.WithTimeout(context.Background(), short)
		n.late(t, ctx, req, context.DeadlineExceeded)
		cancel()
		ctx, cancel = context.WithCancel(context.Background())
		time.AfterFunc(short, cancel)
		n.late(t, ctx, req, context.Canceled)
		cancel()
	}
	n.proxy.Thaw()
	n.warm(t)
}

// An answer that comes after its time is not taken for that of a later command.
func (n network) answerTooLate(t *testing.T) {
	n.warm(t)
	held, free := n.direct.name(t, "v"), n.direct.name(t, "v")
	n.direct.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: held, Value: "v"})
	for range 8 {
		n.proxy.Stop()
		n.late(t, context.Background(), pool.Request{Op: pool.Look, Name: held, Value: "v", Timeout: short}, pool.ErrNoAnswer)
		n.proxy.Thaw()
		if a := n.again(t, pool.Request{Op: pool.Look, Name: free, Value: "v"}); a.State != pool.Absent {
			t.Fatalf("look at a key that is free: got %v", a.State)
		}
	}
}

func (n network) refuse(t *testing.T) {
	n.warm(t)
	name := n.direct.name(t, "v")
	n.proxy.Refuse()
	acquire := pool.Request{Op: pool.Acquire, Name: name, Value: "v", Expiry: expiry, Timeout: patience}
	// As many as there were connections may meet a broken one; then there is none.
	for deadline := time.Now().Add(patience); ; {
		_, err := n.through.pool.Ask(context.Background(), acquire)
		if err == nil {
			t.Fatal("an answer, though nobody listens")
		}
		if errors.Is(err, pool.ErrNotSent) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %v, want an error that matches ErrNotSent", err)
		}
	}
	n.direct.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "v"})
	n.proxy.Accept(t)
	n.warm(t)
}

// Every command works that finds its connections closed by the server.
func (n network) cutIdle(t *testing.T) {
	name := n.direct.name(t, "v")
	for _, req := range []pool.Request{
		{Op: pool.Acquire}, {Op: pool.Extend}, {Op: pool.Look}, {Op: pool.Release}, {Op: pool.Acquire, Explain: true}, {Op: pool.Release},
	} {
		n.many(t)
		n.proxy.Cut()
		req.Name, req.Value = name, "v"
		n.through.want(t, pool.Yes, req)
	}
}

// many makes several connections idle, as far as the driver keeps them.
func (n network) many(t *testing.T) {
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { n.warm(t) })
	}
	wait.Wait()
}

// lost is a request that takes effect, and whose reply is lost. The first two
// sendings are lost at most; then the proxy lets replies through.
func (n network) lost(t *testing.T, req pool.Request) (pool.Answer, error) {
	t.Helper()
	n.proxy.Mute(true)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
			if n.proxy.muted() > 0 {
				break
			}
		}
		n.proxy.Mute(false)
	}()
	req.Expiry, req.Timeout = expiry, patience
	a, err := n.through.pool.Ask(context.Background(), req)
	<-served
	return a, err
}

// An acquire whose reply was lost has won, if it is not said to be unknown.
func (n network) loseAcquire(t *testing.T) { n.loseAny(t, pool.Request{Op: pool.Acquire}) }
func (n network) loseRetry(t *testing.T)   { n.loseAny(t, pool.Request{Op: pool.Acquire, Explain: true}) }

func (n network) loseAny(t *testing.T, req pool.Request) {
	for range 8 {
		n.warm(t)
		name := n.direct.name(t, "v")
		req.Name, req.Value = name, "v"
		if a, err := n.lost(t, req); err == nil && a.State != pool.Yes {
			t.Fatalf("got %+v for a key that was free and holds the value", a)
		} else if errors.Is(err, pool.ErrNotSent) {
			t.Fatalf("got %v for a request that was sent", err)
		}
		n.direct.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "v"})
		n.direct.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "v"})
	}
}

func (n network) loseRelease(t *testing.T) {
	for range 8 {
		n.warm(t)
		name := n.direct.name(t, "v")
		n.direct.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "v"})
		a, err := n.lost(t, pool.Request{Op: pool.Release, Name: name, Value: "v"})
		if err == nil && a.State != pool.Yes && !(a.State == pool.Absent && a.Resent) {
			t.Fatalf("got %+v for a key that held the value", a)
		}
		n.direct.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "v"})
	}
}

func (n network) loseExtend(t *testing.T) {
	n.warm(t)
	name := n.direct.name(t, "v")
	n.direct.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "v"})
	if a, err := n.lost(t, pool.Request{Op: pool.Extend, Name: name, Value: "v"}); err == nil && a.State != pool.Yes {
		t.Fatalf("got %+v for a key that holds the value", a)
	}
}

// storm asks a node that does not answer, again and again, and then looks
// whether goroutines are left.
func (n network) storm(t *testing.T) {
	n.warm(t)
	before := goroutines(t)
	n.proxy.Stop()
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			for range 4 {
				req := pool.Request{Op: pool.Look, Name: fmt.Sprint("pooltest storm ", i), Value: "v", Timeout: short}
				if _, err := n.through.pool.Ask(context.Background(), req); err == nil {
					t.Error("an answer from a node that gives none")
				}
			}
		})
	}
	wait.Wait()
	n.proxy.Thaw()
	for deadline := time.Now().Add(patience); goroutines(t) > before; runtime.Gosched() {
		n.proxy.Cut() // also those that were being made meanwhile
		if time.Now().After(deadline) {
			buffer := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", goroutines(t), before, buffer[:runtime.Stack(buffer, true)])
		}
	}
	n.warm(t)
}
