package redigo_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/pool/redigo"
)

// opened closes p when the test ends and returns the node behind it.
func opened(t testing.TB, p redigo.Pool) pool.Pool {
	t.Cleanup(func() { p.(io.Closer).Close() })
	return redigo.NewPool(p)
}

// wrapped is a pool in somebody's clothes.
type wrapped struct{ *redis.Pool }

// bare is a connection in somebody's clothes: it can do what it must.
type bare struct{ redis.Conn }

// The kinds of pools that people make: redigo can interrupt less in the one than
// in the other.
var kinds = map[string]func(addr string) redigo.Pool{
	"Dial": func(addr string) redigo.Pool {
		return &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}
	},
	"DialContext": func(addr string) redigo.Pool {
		return &redis.Pool{MaxIdle: 8, IdleTimeout: time.Minute, DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, "tcp", addr)
		}}
	},
	"TestOnBorrow": func(addr string) redigo.Pool {
		return &redis.Pool{
			MaxIdle: 8,
			Dial:    func() (redis.Conn, error) { return redis.Dial("tcp", addr) },
			TestOnBorrow: func(c redis.Conn, _ time.Time) error {
				_, err := c.Do("PING") // hangs as long as the server does
				return err
			},
		}
	},
	"handshake": func(addr string) redigo.Pool {
		return &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) {
			c, err := redis.Dial("tcp", addr)
			if err == nil {
				c.Do("PING") // hangs as long as the server does, as AUTH would
			}
			return c, err
		}}
	},
	"another's pool": func(addr string) redigo.Pool {
		return wrapped{&redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}}
	},
	"another's connections": func(addr string) redigo.Pool {
		return &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) {
			c, err := redis.Dial("tcp", addr, redis.DialReadTimeout(10*time.Second))
			return bare{c}, err
		}}
	},
	"no idle connections": func(addr string) redigo.Pool {
		return &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}
	},
	"limited": func(addr string) redigo.Pool {
		return &redis.Pool{MaxIdle: 2, MaxActive: 2, Wait: true, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}
	},
}

func TestConformance(t *testing.T) {
	for kind, newPool := range kinds {
		t.Run(kind, func(t *testing.T) {
			pooltest.RunNetwork(t, pooltest.NewServer(t).Addr(), func(t testing.TB, addr string) pool.Pool {
				return opened(t, newPool(addr))
			})
		})
	}
}

// Redigo's own pools can be listened through, however they are made.
func TestListening(t *testing.T) {
	listening := func(newPool func(addr string) redigo.Pool) func(*testing.T) {
		return func(t *testing.T) {
			dial := func(t testing.TB, addr string) pool.Pool { return opened(t, newPool(addr)) }
			pooltest.RunListening(t, pooltest.NewServer(t).Addr(), dial)
			pooltest.RunDeaf(t, dial)
		}
	}
	for _, kind := range []string{"Dial", "DialContext", "handshake", "no idle connections"} {
		t.Run(kind, listening(kinds[kind]))
	}
	t.Run("one connection", listening(func(addr string) redigo.Pool {
		return &redis.Pool{MaxActive: 1, Wait: true, Dial: func() (redis.Conn, error) {
			return redis.Dial("tcp", addr, redis.DialReadTimeout(time.Second)) // which is not what it listens for
		}}
	}))
	for _, kind := range []string{"another's pool", "another's connections"} {
		p := opened(t, kinds[kind](pooltest.NewServer(t).Addr()))
		err := p.(pool.Listener).Listen(t.Context(), "inbox", func() { t.Errorf("%s: up", kind) }, func(string) {})
		if !errors.Is(err, pool.ErrDeaf) {
			t.Errorf("%s: got %v, want ErrDeaf", kind, err)
		}
	}
}

func TestNewPoolOfNil(t *testing.T) {
	var none *redis.Pool
	for _, p := range []redigo.Pool{nil, none} {
		if got := redigo.NewPool(p); got != nil {
			t.Errorf("got %v, want nil", got)
		}
	}
}

// Two nodes over one redis.Pool are the same, two over two are not.
func TestID(t *testing.T) {
	p, q := &redis.Pool{}, &redis.Pool{}
	id := func(p *redis.Pool) any { return redigo.NewPool(p).(pool.Identified).ID() }
	if id(p) != id(p) {
		t.Error("two nodes over one pool differ")
	}
	if id(p) == id(q) {
		t.Error("two nodes over two pools are the same")
	}
}

func TestCommandsOfAPair(t *testing.T) {
	pooltest.RunCommands(t, func(t testing.TB, addr string) pool.Pool { return opened(t, kinds["Dial"](addr)) })
}

// A dial function that hangs, and knows no context, holds nobody up, and does
// not hang more and more goroutines.
func TestDialHangs(t *testing.T) {
	release := make(chan struct{})
	dials := make(chan struct{}, 1000)
	p := &redis.Pool{Dial: func() (redis.Conn, error) {
		dials <- struct{}{}
		<-release
		return nil, errors.New("at last")
	}}
	node := opened(t, p)
	for range 100 {
		_, err := node.Ask(context.Background(), pool.Request{Op: pool.Look, Name: "n", Value: "v", Timeout: time.Millisecond})
		if !errors.Is(err, pool.ErrNotSent) {
			t.Fatalf("got %v, want an error that matches ErrNotSent", err)
		}
	}
	if got := len(dials); got > 16 {
		t.Errorf("%d goroutines hang in the dial function, want at most 16", got)
	}
	close(release)
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, err := node.Ask(context.Background(), pool.Request{Op: pool.Look, Name: "n", Value: "v", Timeout: time.Second})
		if err != nil && err.Error() == "at last" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the dial function has returned: %v", err)
		}
	}
}

// A connection that comes too late goes back to the pool.
func TestLateConnectionIsReturned(t *testing.T) {
	s := pooltest.NewServer(t)
	release := make(chan struct{})
	p := &redis.Pool{MaxIdle: 1, MaxActive: 1, Dial: func() (redis.Conn, error) {
		<-release
		return redis.Dial("tcp", s.Addr())
	}}
	node := opened(t, p)
	look := pool.Request{Op: pool.Look, Name: "n", Value: "v", Timeout: 20 * time.Millisecond}
	if _, err := node.Ask(context.Background(), look); !errors.Is(err, pool.ErrNoAnswer) || !errors.Is(err, pool.ErrNotSent) {
		t.Fatalf("got %v, want ErrNoAnswer and ErrNotSent", err)
	}
	close(release)
	for deadline := time.Now().Add(30 * time.Second); p.IdleCount() == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are in use, %d are idle", p.ActiveCount(), p.IdleCount())
		}
	}
	look.Timeout = 30 * time.Second
	if _, err := node.Ask(context.Background(), look); err != nil {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	node := opened(t, kinds["Dial"](addr))
	_, err = node.Ask(context.Background(), pool.Request{Op: pool.Look, Name: "n", Value: "v", Timeout: 30 * time.Second})
	var dial *net.OpError
	if !errors.Is(err, pool.ErrNotSent) || !errors.As(err, &dial) {
		t.Errorf("got %v, want the dial error, and that it matches ErrNotSent", err)
	}
}
