package pooltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// Run tests that p keeps the contract of [pool.Pool], on a node that is well. It
// uses keys whose names begin with "pooltest", and leaves none behind.
func Run(t *testing.T, p pool.Pool) {
	c := conformance{p}
	t.Run("acquire", c.acquire)
	t.Run("extend", c.extend)
	t.Run("release", c.release)
	t.Run("expiry", c.expiry)
	t.Run("names", c.names)
	t.Run("bad requests", c.badRequests)
	t.Run("ended context", c.endedContext)
	t.Run("one of many acquires", c.oneOfMany)
}

type conformance struct{ pool pool.Pool }

const (
	patience = 30 * time.Second // for what takes a moment, on a machine of any speed
	expiry   = time.Minute      // longer than any of these tests
)

// ask puts a request that has to be answered.
func (c conformance) ask(t *testing.T, req pool.Request) pool.Answer {
	t.Helper()
	if req.Expiry == 0 {
		req.Expiry = expiry
	}
	req.Timeout = patience
	a, err := c.pool.Ask(context.Background(), req)
	if err != nil {
		t.Fatalf("%v %.40q by %q: %v", req.Op, req.Name, req.Value, err)
	}
	return a
}

func (c conformance) want(t *testing.T, state pool.State, req pool.Request) pool.Answer {
	t.Helper()
	a := c.ask(t, req)
	if a.State != state {
		t.Fatalf("%v %.40q by %q (explain: %v): got %v, want %v", req.Op, req.Name, req.Value, req.Explain, a.State, state)
	}
	return a
}

// name returns a key of this test's own, which is gone when the test ends.
func (c conformance) name(t *testing.T, values ...string) string {
	name := fmt.Sprintf("pooltest %s %d", t.Name(), time.Now().UnixNano())
	c.forget(t, name, values...)
	return name
}

func (c conformance) forget(t *testing.T, name string, values ...string) {
	t.Cleanup(func() {
		for _, value := range values {
			c.ask(t, pool.Request{Op: pool.Release, Name: name, Value: value})
		}
	})
}

func wantTTL(t *testing.T, a pool.Answer, most time.Duration) {
	t.Helper()
	if a.TTL <= 0 || a.TTL > most {
		t.Errorf("the time to live is %v, want more than 0 and at most %v", a.TTL, most)
	}
}

func (c conformance) acquire(t *testing.T) {
	name := c.name(t, "mine")
	c.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "mine"})
	c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "mine"})
	wantTTL(t, c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "mine"}), expiry)
	wantTTL(t, c.want(t, pool.Other, pool.Request{Op: pool.Look, Name: name, Value: "theirs"}), expiry)
	for _, value := range []string{"theirs", "mine"} { // its own value does not help
		c.want(t, pool.Other, pool.Request{Op: pool.Acquire, Name: name, Value: value})
		a := c.want(t, pool.Other, pool.Request{Op: pool.Acquire, Name: name, Value: value, Explain: true})
		wantTTL(t, a, expiry)
	}
	c.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "mine"})
	c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "mine", Explain: true})
	wantTTL(t, c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "mine"}), expiry)
}

func (c conformance) extend(t *testing.T) {
	name := c.name(t, "mine")
	c.want(t, pool.Absent, pool.Request{Op: pool.Extend, Name: name, Value: "mine"})
	c.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "mine"})
	c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "mine"})
	c.want(t, pool.Other, pool.Request{Op: pool.Extend, Name: name, Value: "theirs", Expiry: 2 * expiry})
	wantTTL(t, c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "mine"}), expiry)
	c.want(t, pool.Yes, pool.Request{Op: pool.Extend, Name: name, Value: "mine", Expiry: 2 * expiry})
	a := c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "mine"})
	wantTTL(t, a, 2*expiry)
	if a.TTL <= expiry {
		t.Errorf("extended to %v, the time to live is %v", 2*expiry, a.TTL)
	}
}

func (c conformance) release(t *testing.T) {
	name := c.name(t, "mine")
	c.want(t, pool.Absent, pool.Request{Op: pool.Release, Name: name, Value: "mine"})
	c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "mine"})
	c.want(t, pool.Other, pool.Request{Op: pool.Release, Name: name, Value: "theirs"})
	c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "mine"})
	c.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: name, Value: "mine"})
	c.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "mine"})
	c.want(t, pool.Absent, pool.Request{Op: pool.Release, Name: name, Value: "mine"})
}

func (c conformance) expiry(t *testing.T) {
	name := c.name(t, "mine")
	c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "mine", Expiry: time.Millisecond})
	for deadline := time.Now().Add(patience); ; {
		a := c.ask(t, pool.Request{Op: pool.Look, Name: name, Value: "mine"})
		if a.State == pool.Absent {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a key with an expiry of 1ms is there after %v", patience)
		}
	}
	c.want(t, pool.Absent, pool.Request{Op: pool.Extend, Name: name, Value: "mine"})

	// The part below a millisecond is dropped.
	c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: name, Value: "mine", Expiry: expiry + 999*time.Microsecond})
	wantTTL(t, c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: name, Value: "mine"}), expiry)
}

// Names are bytes: none is special, none is cut, none is mistaken for another.
func (c conformance) names(t *testing.T) {
	prefix := c.name(t)
	odd := []string{
		"", " ", "with spaces", "{", "}", "{}", "{tag}rest", "a\x00b", "a\x00c", "\r\n", "*", "?", "[a-z]", `"quoted"`, `\`,
		"\xff\xfe not UTF-8 \x80", "日本", "$5\r\nhello", "%s%d%n", strings.Repeat("long ", 200_000), strings.Repeat("long ", 200_000) + "!",
	}
	for i, name := range odd {
		value := fmt.Sprintf("%d %s", i, name[:min(len(name), 20)])
		c.want(t, pool.Yes, pool.Request{Op: pool.Acquire, Name: prefix + name, Value: value})
		c.forget(t, prefix+name, value)
	}
	for i, name := range odd {
		value := fmt.Sprintf("%d %s", i, name[:min(len(name), 20)])
		c.want(t, pool.Yes, pool.Request{Op: pool.Look, Name: prefix + name, Value: value})
		c.want(t, pool.Other, pool.Request{Op: pool.Acquire, Name: prefix + name, Value: "theirs", Explain: true})
		c.want(t, pool.Yes, pool.Request{Op: pool.Extend, Name: prefix + name, Value: value})
		c.want(t, pool.Yes, pool.Request{Op: pool.Release, Name: prefix + name, Value: value})
	}
}

func (c conformance) badRequests(t *testing.T) {
	name := c.name(t)
	for _, req := range []pool.Request{
		{Name: name, Value: "v", Expiry: expiry},
		{Op: pool.Look + 1, Name: name, Value: "v", Expiry: expiry},
		{Op: pool.Acquire, Name: name, Expiry: expiry},
		{Op: pool.Acquire, Name: name, Value: "v"},
		{Op: pool.Acquire, Name: name, Value: "v", Expiry: -time.Second},
		{Op: pool.Acquire, Name: name, Value: "v", Expiry: time.Millisecond - 1},
		{Op: pool.Extend, Name: name, Value: "v", Expiry: time.Millisecond - 1},
		{Op: pool.Release, Name: name},
	} {
		if a, err := c.pool.Ask(context.Background(), req); !errors.Is(err, pool.ErrNotSent) {
			t.Errorf("%+v: got %v, %v, want an error that matches ErrNotSent", req, a.State, err)
		}
	}
	c.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "v"})
}

func (c conformance) endedContext(t *testing.T) {
	name := c.name(t, "mine")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	req := pool.Request{Op: pool.Acquire, Name: name, Value: "mine", Expiry: expiry, Timeout: patience}
	if a, err := c.pool.Ask(ctx, req); !errors.Is(err, context.Canceled) || !errors.Is(err, pool.ErrNotSent) {
		t.Errorf("got %v, %v, want an error that matches context.Canceled and ErrNotSent", a.State, err)
	}
	c.want(t, pool.Absent, pool.Request{Op: pool.Look, Name: name, Value: "mine"})
}

func (c conformance) oneOfMany(t *testing.T) {
	const contenders = 16
	name := c.name(t)
	var wait sync.WaitGroup
	states := make([]pool.State, contenders)
	errs := make([]error, contenders)
	for i := range contenders {
		value := fmt.Sprint("contender ", i)
		c.forget(t, name, value)
		wait.Go(func() {
			a, err := c.pool.Ask(context.Background(), pool.Request{
				Op: pool.Acquire, Name: name, Value: value, Expiry: expiry, Timeout: patience, Explain: i%2 == 0,
			})
			states[i], errs[i] = a.State, err
		})
	}
	wait.Wait()
	winners := 0
	for i := range contenders {
		if errs[i] != nil {
			t.Errorf("contender %d: %v", i, errs[i])
		}
		if states[i] == pool.Yes {
			winners++
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d contenders were told yes, want 1", winners, contenders)
	}
}
