package redsync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-redsync/redsync/v4/redis/redigo"
	client "github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync"
	"github.com/redlatch/redlatch/redsync/redis"
)

// A foreignPool is a redsync pool, and nothing else, over a node in memory.
type foreignPool struct {
	node *memory.Node

	mu      sync.Mutex
	sent    []string      // guarded by mu
	lose    int           // replies to lose by a broken connection; guarded by mu
	repeat  int           // commands that the client sends a second time; guarded by mu
	refuse  error         // of Get; guarded by mu
	hang    chan struct{} // nil, or what every command waits for; guarded by mu
	open    int           // connections in use; guarded by mu
	deaf    bool          // it does not heed the context; guarded by mu
	special string        // an error reply to all commands; guarded by mu
}

// wrapper is somebody's own pool, which may connect late.
type wrapper struct{ client redis.Pool }

func (w *wrapper) Get(ctx context.Context) (redis.Conn, error) {
	if w.client == nil {
		return nil, errors.New("not connected yet")
	}
	return w.client.Get(ctx)
}

func (p *foreignPool) Get(ctx context.Context) (redis.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return nil, p.refuse
	}
	p.open++
	return &foreignConn{p, ctx}, nil
}

type foreignConn struct {
	pool *foreignPool
	ctx  context.Context
}

func (c *foreignConn) ask(op pool.Op, key, value string, expiry time.Duration) (pool.Answer, error) {
	p := c.pool
	p.mu.Lock()
	p.sent = append(p.sent, fmt.Sprint(op))
	hang, deaf, special := p.hang, p.deaf, p.special
	lose, repeat := p.lose > 0, p.repeat > 0
	p.lose, p.repeat = max(0, p.lose-1), max(0, p.repeat-1)
	p.mu.Unlock()
	if hang != nil {
		if deaf {
			<-hang
		} else {
			select {
			case <-hang:
			case <-c.ctx.Done():
				return pool.Answer{}, c.ctx.Err()
			}
		}
	}
	if special != "" {
		return pool.Answer{}, errors.New(special)
	}
	req := pool.Request{Op: op, Name: key, Value: value, Expiry: expiry, Explain: true}
	a, err := p.node.Ask(context.Background(), req)
	if repeat {
		a, err = p.node.Ask(context.Background(), req)
	}
	if lose {
		return pool.Answer{}, io.EOF
	}
	return a, err
}

func (c *foreignConn) Get(key string) (string, error) {
	if _, err := c.ask(pool.Look, key, "any", 0); err != nil {
		return "", err
	}
	return c.pool.node.Keys()[key], nil
}

func (c *foreignConn) PTTL(key string) (time.Duration, error) {
	a, err := c.ask(pool.Look, key, "any", 0)
	switch {
	case err != nil:
		return 0, err
	case a.State == pool.Absent:
		return -2, nil
	}
	return a.TTL, nil
}

func (c *foreignConn) SetNX(key, value string, expiry time.Duration) (bool, error) {
	a, err := c.ask(pool.Acquire, key, value, expiry)
	return a.State == pool.Yes, err
}

var numbers = map[pool.State]int64{pool.Yes: 1, pool.Other: 0, pool.Absent: -1}

func (c *foreignConn) Eval(script *redis.Script, keysAndArgs ...any) (any, error) {
	key, value := keysAndArgs[0].(string), keysAndArgs[1].(string)
	for name, s := range pool.Scripts() {
		if s.Hash != script.Hash || s.Text != script.Src || script.KeyCount != 1 {
			continue
		}
		switch name {
		case "release":
			a, err := c.ask(pool.Release, key, value, 0)
			return numbers[a.State], err
		case "extend":
			a, err := c.ask(pool.Extend, key, value, time.Duration(keysAndArgs[2].(int64))*time.Millisecond)
			return numbers[a.State], err
		}
	}
	return nil, errors.New("ERR an unknown script")
}

func (c *foreignConn) Close() error {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.pool.open--
	return nil
}

func (c *foreignConn) Set(string, string) (bool, error) { panic("not used") }
func (c *foreignConn) ScriptLoad(*redis.Script) error   { panic("not used") }

// change changes the pool's faults.
func (p *foreignPool) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// inForeignWorld is a world of nodes behind pools of which nothing is known.
func inForeignWorld(t *testing.T, n int, f func(w *world, pools []*foreignPool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		var pools []*foreignPool
		var given []redis.Pool
		for range n {
			p := &foreignPool{node: memory.New()}
			w.nodes, pools, given = append(w.nodes, p.node), append(pools, p), append(given, &wrapper{p})
		}
		w.rs = redsync.New(given...)
		f(w, pools)
		for i, p := range pools {
			p.change(func() {
				if p.hang != nil {
					close(p.hang)
					p.hang = nil
				}
			})
			synctest.Wait()
			time.Sleep(time.Hour) // everything has to come to its end, or the bubble complains
			p.change(func() {
				if p.open != 0 {
					t.Errorf("%d connections of node %d are still in use", p.open, i)
				}
			})
		}
	})
}

func TestForeignPools(t *testing.T) {
	for _, n := range []int{1, 3} {
		inForeignWorld(t, n, func(w *world, pools []*foreignPool) {
			m := w.lock()
			w.wantTrue(m.Extend())
			w.wantTrue(m.Valid())
			err := w.rs.NewMutex(name, redsync.WithTries(2)).Lock()
			if taken := (*redsync.ErrTaken)(nil); !errors.As(err, &taken) {
				w.Errorf("got %v, want that it is taken", err)
			}
			w.wantTrue(m.Unlock())
			synctest.Wait()
			for i, node := range w.nodes {
				if len(node.Keys()) > 0 {
					w.Errorf("node %d has %v", i, node.Keys())
				}
			}
		})
	}
}

// The server had closed the connection: another is used.
func TestForeignConnectionClosed(t *testing.T) {
	for _, n := range []int{1, 3} {
		inForeignWorld(t, n, func(w *world, pools []*foreignPool) {
			lose := func(times int) {
				for _, p := range pools {
					p.change(func() { p.lose = times })
				}
			}
			m := w.rs.NewMutex(name)
			for what, call := range map[string]func() error{"Lock": m.Lock, "TryLock": m.TryLock} {
				lose(3)
				if err := call(); err != nil {
					w.Errorf("%s: %v", what, err)
				}
				lose(3)
				w.wantTrue(m.Extend())
				lose(3)
				w.wantTrue(m.Unlock())
				synctest.Wait()
			}
			for i, node := range w.nodes {
				if len(node.Keys()) > 0 {
					w.Errorf("node %d has %v", i, node.Keys())
				}
			}
		})
	}
}

// A client that sends SET NX again by itself, as go-redis does when the reply does
// not come, is told "no" by its own key.
func TestForeignClientSendsAgain(t *testing.T) {
	inForeignWorld(t, 1, func(w *world, pools []*foreignPool) {
		for _, tries := range []int{1, 2} {
			pools[0].change(func() { pools[0].repeat = 1 })
			m := w.rs.NewMutex(name, redsync.WithTries(tries))
			if err := m.Lock(); err != nil {
				w.Errorf("%d tries: %v", tries, err)
			}
			w.wantTrue(m.Unlock())
		}

		w.take(0)
		m := w.rs.NewMutex(name, redsync.WithRetryDelayFunc(func(int) time.Duration {
			pools[0].node.Clear()
			pools[0].change(func() { pools[0].repeat = 1 })
			return 0
		}))
		if err := m.Lock(); err != nil {
			w.Errorf("second try: %v", err)
		}
		w.wantTrue(m.Unlock())
	})
}

// But another's lock of the same value is another's, also if it was taken just now.
func TestForeignSameValue(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Second} {
		inForeignWorld(t, 1, func(w *world, _ []*foreignPool) {
			m := w.lock(constant)
			time.Sleep(pause)
			w.wantShape(w.rs.NewMutex(name, constant).TryLock(), "taken[0]")
			w.wantShape(w.rs.NewMutex(name, constant, redsync.WithTries(2)).Lock(), "taken[0]")
			w.wantTrue(m.Unlock())
		})
	}
}

var constant = redsync.WithGenValueFunc(func() (string, error) { return "constant", nil })

// Nobody knows whose it is if the connection broke meanwhile. The try has failed, and
// is undone.
func TestForeignSameValueOnABrokenConnection(t *testing.T) {
	inForeignWorld(t, 1, func(w *world, pools []*foreignPool) {
		pools[0].change(func() { pools[0].lose = 1 })
		err := w.rs.NewMutex(name, constant).TryLock()
		if err == nil || errors.Is(err, io.EOF) {
			w.Errorf("got %v, want that it is not known whose the key is", err)
		}
		time.Sleep(time.Second)
		if keys := w.nodes[0].Keys(); len(keys) > 0 {
			w.Errorf("the node has %v", keys)
		}
		m := w.rs.NewMutex(name, constant)
		pools[0].change(func() { pools[0].lose = 1 })
		if err := m.Lock(); err != nil { // the second try
			w.Error(err)
		}
		w.wantTrue(m.Unlock())
	})
}

// A release that the client sent again is not told from a lost lock.
func TestForeignUnlockOfALostLock(t *testing.T) {
	inForeignWorld(t, 1, func(w *world, pools []*foreignPool) {
		m := w.lock()
		pools[0].node.Clear()
		ok, err := m.Unlock()
		if ok || !errors.Is(err, redsync.ErrLockAlreadyExpired) {
			w.Errorf("got %v, %v, want that it has expired", ok, err)
		}
	})
}

func TestForeignErrors(t *testing.T) {
	inForeignWorld(t, 1, func(w *world, pools []*foreignPool) {
		refusal := errors.New("connection refused")
		pools[0].change(func() { pools[0].refuse = refusal })
		w.wantShape(w.rs.NewMutex(name).TryLock(), "node 0: connection refused")
		pools[0].change(func() { pools[0].refuse = nil })
		time.Sleep(10 * time.Second)
		pools[0].change(func() {
			if len(pools[0].sent) > 0 {
				w.Errorf("%v was sent to undo what nobody got", pools[0].sent)
			}
			pools[0].special = "NOPERM no permissions"
		})
		w.wantShape(w.rs.NewMutex(name).TryLock(), "node 0: NOPERM no permissions")
		pools[0].change(func() { pools[0].sent, pools[0].special = nil, "" })
		time.Sleep(10 * time.Second)
		pools[0].change(func() {
			if got := pools[0].sent; len(got) != 1 || got[0] != "release" {
				w.Errorf("%v was sent to undo what was refused, want one release", got)
			}
			pools[0].special = "WRONGTYPE a list"
		})
		w.wantShape(w.rs.NewMutex(name).TryLock(), "taken[0]")
	})
}

// Calls return in time, whether or not the client heeds a context, and what a node
// that hangs did in the end is undone.
func TestForeignNodeHangs(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		t.Run(fmt.Sprint("deaf=", deaf), func(t *testing.T) {
			inForeignWorld(t, 3, func(w *world, pools []*foreignPool) {
				m := w.lock()
				synctest.Wait()
				pools[1].change(func() { pools[1].hang, pools[1].deaf = make(chan struct{}), deaf })
				start := time.Now()
				for range 500 {
					w.wantTrue(m.Extend())
					w.wantTrue(m.Unlock())
					if err := m.Lock(); err != nil {
						w.Fatal(err)
					}
				}
				w.wantTrue(m.Unlock())
				if took := time.Since(start); took > 100*time.Millisecond {
					w.Errorf("it took %v", took)
				}
				pools[1].change(func() {
					close(pools[1].hang)
					pools[1].hang = nil
				})
				time.Sleep(2 * time.Second)
				if keys := w.nodes[1].Keys(); len(keys) > 0 {
					w.Errorf("the node that hung has %v", keys)
				}
			})
			inForeignWorld(t, 1, func(w *world, pools []*foreignPool) {
				pools[0].change(func() { pools[0].hang, pools[0].deaf = make(chan struct{}), deaf })
				start := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
				defer cancel()
				if err := w.rs.NewMutex(name).LockContext(ctx); err != redsync.ErrFailed || !errors.Is(err, context.DeadlineExceeded) {
					w.Errorf("got %v", err)
				}
				if got := time.Since(start); got != 300*time.Millisecond {
					w.Errorf("it took %v, want 300ms", got)
				}
				if _, err := w.rs.NewMutex(name, redsync.WithValue("v")).Unlock(); !errors.Is(err, context.DeadlineExceeded) {
					w.Errorf("Unlock: %v, want a deadline", err)
				}
				pools[0].change(func() {
					close(pools[0].hang)
					pools[0].hang = nil
				})
				time.Sleep(2 * time.Second)
				if keys := w.nodes[0].Keys(); len(keys) > 0 {
					w.Errorf("the node that hung has %v", keys)
				}
			})
		})
	}
}

// A connection that is none is an error.
func TestForeignPoolWithoutConnections(t *testing.T) {
	rs := redsync.New(noConnections{})
	err := rs.NewMutex(name).TryLock()
	var failure *redsync.RedisError
	if !errors.As(err, &failure) || errors.Is(err, redlatch.ErrConfig) {
		t.Errorf("got %v, want a node's error", err)
	}
}

type noConnections struct{}

func (noConnections) Get(context.Context) (redis.Conn, error) { return nil, nil }

// A mapPool is a redsync pool over a map, in place of Redis: it knows the scripts by how
// many arguments they take, and says less than redlatch's do.
type mapPool map[string]string

func (p mapPool) Get(context.Context) (redis.Conn, error) { return mapConn(p), nil }

type mapConn map[string]string

func (c mapConn) Get(name string) (string, error) { return c[name], nil }

func (c mapConn) Set(name, value string) (bool, error) {
	c[name] = value
	return true, nil
}

func (c mapConn) SetNX(name, value string, _ time.Duration) (bool, error) {
	if c[name] != "" {
		return false, nil
	}
	return c.Set(name, value)
}

func (c mapConn) Eval(_ *redis.Script, keysAndArgs ...any) (any, error) {
	name, value := keysAndArgs[0].(string), keysAndArgs[1].(string)
	switch isMine := c[name] == value; {
	case !isMine:
		return int64(0), nil
	case len(keysAndArgs) == 2:
		delete(c, name)
	}
	return true, nil // whatever is not 0
}

func (c mapConn) PTTL(name string) (time.Duration, error) {
	if c[name] == "" {
		return -2 * time.Millisecond, nil
	}
	return -1, nil
}

func (c mapConn) ScriptLoad(*redis.Script) error { return nil }
func (c mapConn) Close() error                   { return nil }

func TestForeignPoolOverAMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, rs: redsync.New(make(mapPool))}
		m := w.lock()
		w.wantShape(w.rs.NewMutex(name, redsync.WithTries(3)).Lock(), "taken[0]")
		w.wantTrue(m.Valid())
		w.wantTrue(m.Extend())
		calls := map[string]func(*redsync.Mutex) (bool, error){
			"Valid": (*redsync.Mutex).Valid, "Extend": (*redsync.Mutex).Extend, "Unlock": (*redsync.Mutex).Unlock,
		}
		for what, call := range calls {
			ok, err := call(w.rs.NewMutex(name, redsync.WithValue("another")))
			if ok {
				t.Errorf("%s of another's lock: got true", what)
			}
			w.wantShape(err, "taken[0]")
		}
		w.wantTrue(m.Unlock())
		for what, call := range calls {
			if ok, err := call(w.rs.NewMutex(name, redsync.WithValue("another"))); ok || !errors.Is(err, redsync.ErrLockAlreadyExpired) {
				t.Errorf("%s of no lock: got %v, %v, want that it has expired", what, ok, err)
			}
		}
	})
}

// A zeroConn says 0 to every script.
type zeroConn struct{ mapConn }

func (zeroConn) Eval(*redis.Script, ...any) (any, error) { return int64(0), nil }

type zeroPool struct{ mapPool }

func (p zeroPool) Get(context.Context) (redis.Conn, error) { return zeroConn{mapConn(p.mapPool)}, nil }

// What a script has refused is refused, whatever the key holds now.
func TestForeignScriptSaysNo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, rs: redsync.New(zeroPool{make(mapPool)})}
		ok, err := w.lock().Extend()
		if ok {
			t.Error("got true")
		}
		w.wantShape(err, "taken[0]")
	})
}

// A client that sends no command twice by itself is asked no more than redsync asks.
func TestForeignRefusalIsOneCommand(t *testing.T) {
	s := pooltest.NewServer(t)
	p := &client.Pool{Dial: func() (client.Conn, error) { return client.Dial("tcp", s.Addr()) }}
	t.Cleanup(func() { p.Close() })
	rs := redsync.New(redigo.NewPool(p))
	if err := rs.NewMutex(name).Lock(); err != nil {
		t.Fatal(err)
	}
	if err := rs.NewMutex(name).TryLock(); err == nil {
		t.Error("it is locked twice")
	}
	if s.Count("SET") != 2 || s.Count("GET") != 0 {
		t.Errorf("%d times SET, %d times GET, want 2 and none", s.Count("SET"), s.Count("GET"))
	}
}
