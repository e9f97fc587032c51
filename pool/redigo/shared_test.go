package redigo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
)

func TestCallsShareAWrite(t *testing.T) {
	c := newCrowd(t)
	dial := make(chan struct{})
	c.dial = func() error { <-dial; return nil }
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() { c.want(t.Context(), word(i)) })
	}
	c.joined(64)
	close(dial)
	wait.Wait()
	if got := c.writes.Load(); got != 1 {
		t.Errorf("64 calls made %d writes, want 1", got)
	}
	c.idle(1)
}

// What comes while somebody writes is the next write, and not up to who wrote before.
func TestNextWrite(t *testing.T) {
	c := newCrowd(t)
	write := make(chan struct{})
	c.write = func() { <-write }
	var wait sync.WaitGroup
	wait.Go(func() { c.want(t.Context(), "the first") })
	c.eventually("the first is being written", func() bool { return c.writes.Load() == 1 })
	for i := range 63 {
		wait.Go(func() { c.want(t.Context(), word(i)) })
	}
	c.joined(63)
	close(write)
	wait.Wait()
	if got := c.writes.Load(); got != 2 {
		t.Errorf("there were %d writes, want 2", got)
	}
	c.idle(1)
}

func TestRepliesNeverMix(t *testing.T) {
	c := newCrowd(t)
	before := runtime.NumGoroutine() - c.echoes.goroutines()
	ctxs := []context.Context{context.Background(), t.Context()}
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			for j := range 50 {
				c.want(ctxs[i%2], fmt.Sprint(i, " ", j))
			}
		})
	}
	wait.Wait()
	c.idle(anyNumber)
	c.eventually("no goroutine is left", func() bool { return runtime.NumGoroutine()-c.echoes.goroutines() <= before })
}

func TestRefusalsGoToTheirCallers(t *testing.T) {
	c := newCrowd(t)
	dial := make(chan struct{})
	c.dial = func() error { <-dial; return nil }
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			if i%3 > 0 {
				c.want(t.Context(), word(i))
				return
			}
			_, _, err := c.Do(t.Context(), patience, "FAIL", word(i))
			var refusal *pool.ServerError
			if !errors.As(err, &refusal) || refusal.Message != "ERR "+word(i) {
				t.Errorf("got %v, want the refusal of %s", err, word(i))
			}
		})
	}
	c.joined(64)
	close(dial)
	wait.Wait()
	c.idle(1)
}

// A caller that is back finds the connection in the pool.
func TestConnectionIsThereAgain(t *testing.T) {
	c := newCrowd(t)
	for i := range 1000 {
		c.want(context.Background(), word(i))
	}
	if got := c.dials.Load(); got != 1 {
		t.Errorf("one call after the other made %d connections, want 1", got)
	}
}

// Who writes lets those join who are about to.
func TestWhoeverCanRunJoins(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	c := newCrowd(t)
	c.want(context.Background(), "so that there is a connection")
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() { c.want(context.Background(), word(i)) })
	}
	wait.Wait()
	if got := c.writes.Load(); got > 32 {
		t.Errorf("65 calls made %d writes", got)
	}
}

// On one connection there is no more than what its buffer takes.
func TestFullStream(t *testing.T) {
	c := newCrowd(t)
	dial := make(chan struct{})
	c.dial = func() error { <-dial; return nil }
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() { c.want(context.Background(), strings.Repeat(fmt.Sprint(i%10), 1000)) })
	}
	c.eventually("there are four connections for four calls each", func() bool { return c.dials.Load() == 4 })
	c.joined(4)
	close(dial)
	wait.Wait()
	c.idle(4)
	if got := c.writes.Load(); got != 4 {
		t.Errorf("there were %d writes, want 4", got)
	}
}

func TestWhatIsShared(t *testing.T) {
	c := newCrowd(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name    string
		c       *commander
		ctx     context.Context
		timeout time.Duration
		args    []any
		want    bool
	}{
		{"usual", c.commander, t.Context(), time.Second, []any{"ECHO", "word"}, true},
		{"no timeout", c.commander, t.Context(), 0, []any{"ECHO", "word"}, false},
		{"an ended context", c.commander, ended, time.Second, []any{"ECHO", "word"}, false},
		{"somebody's pool", &commander{pool: c.pool}, t.Context(), time.Second, []any{"ECHO", "word"}, false},
		{"big", c.commander, t.Context(), time.Second, []any{"ECHO", strings.Repeat("b", streamBytes/4-20)}, true},
		{"too big", c.commander, t.Context(), time.Second, []any{"ECHO", strings.Repeat("b", streamBytes/4-19)}, false},
	} {
		if got := test.c.shares(test.ctx, test.timeout, test.args); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

// noTimeouts is a connection in somebody's clothes: it can do what it must.
type noTimeouts struct{ redis.Conn }

func TestConnectionsWithoutTimeoutsAreNotShared(t *testing.T) {
	c := newCrowd(t)
	dial := c.pool.Dial
	c.pool.Dial = func() (redis.Conn, error) {
		conn, err := dial()
		return noTimeouts{conn}, err
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() { c.want(context.Background(), word(i)) })
	}
	wait.Wait()
	if !c.bare.Load() || c.shares(t.Context(), time.Second, []any{"ECHO", "word"}) {
		t.Error("it was not noticed")
	}
	c.idle(anyNumber)
}

// A call alone allocates and starts nothing that it would not without streams.
func TestAloneCostsNothing(t *testing.T) {
	p := &redis.Pool{MaxIdle: 1, Dial: func() (redis.Conn, error) { return redis.NewConn(yes{}, 0, 0), nil }}
	defer p.Close()
	c := &commander{pool: p, known: p}
	args := []any{"ECHO", "word"}
	shared := testing.AllocsPerRun(100, func() { c.Do(context.Background(), patience, args...) })
	alone := testing.AllocsPerRun(100, func() { c.alone(context.Background(), time.Now(), patience, args) })
	if shared != alone {
		t.Errorf("%v allocations, %v without streams", shared, alone)
	}
	before := runtime.NumGoroutine()
	c.Do(context.Background(), patience, args...)
	if got := runtime.NumGoroutine(); got > before || c.stream != nil || c.calls.Load() != 0 {
		t.Errorf("%d goroutines, %d before; %d calls under way, and the stream %v", got, before, c.calls.Load(), c.stream)
	}
}

// yes is a connection on which everything is answered OK.
type yes struct{ net.Conn }

func (yes) Read(b []byte) (int, error)       { return copy(b, "+OK\r\n"), nil }
func (yes) Write(b []byte) (int, error)      { return len(b), nil }
func (yes) SetReadDeadline(time.Time) error  { return nil }
func (yes) SetWriteDeadline(time.Time) error { return nil }
func (yes) Close() error                     { return nil }
