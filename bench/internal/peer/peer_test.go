package peer

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/redlatch/redlatch/bench/internal/wire"
)

// here are the peers that work on the server of the tests: rueidislock needs CLIENT TRACKING,
// and is tried by the benchmarks alone.
func here() []string {
	return slices.DeleteFunc(Names(), func(name string) bool { return name == Rueidislock })
}

// waiting are those of them whose Lock waits.
func waiting() []string {
	raw := []string{Raw, RawBatches, RawRueidis}
	return slices.DeleteFunc(here(), func(name string) bool { return slices.Contains(raw, name) })
}

func open(t *testing.T, name string, c Config) Peer {
	t.Helper()
	p, err := Open(name, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func onEach(t *testing.T, names []string, test func(t *testing.T, name string, c Config)) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			server := miniredis.RunT(t)
			test(t, name, Config{Places: []wire.Place{{Network: "tcp", Address: server.Addr()}}, Count: new(wire.Count)})
		})
	}
}

func TestLocksAndExcludes(t *testing.T) {
	ctx := context.Background()
	onEach(t, here(), func(t *testing.T, name string, c Config) {
		c.OneTry = true
		one, other := open(t, name, c), open(t, name, c)
		if err := one.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		l, err := one.Lock(ctx, "name")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Peer{one, other} {
			if _, err := p.Lock(ctx, "name"); err == nil {
				t.Error("a lock that is held was locked")
			}
		}
		if err := l.Extend(ctx); err != nil {
			t.Errorf("Extend: %v", err)
		}
		if err := l.Unlock(ctx); err != nil {
			t.Errorf("Unlock: %v", err)
		}
		if l, err = other.Lock(ctx, "name"); err != nil {
			t.Fatalf("after Unlock: %v", err)
		}
		if err := l.Unlock(ctx); err != nil {
			t.Errorf("Unlock: %v", err)
		}
		if got := c.Count.Commands.Load(); got < 7 || got > 40 {
			t.Errorf("%d commands were counted, want 7 and some that begin a connection", got)
		}
	})
}

func TestWaits(t *testing.T) {
	ctx := context.Background()
	onEach(t, waiting(), func(t *testing.T, name string, c Config) {
		one, other := open(t, name, c), open(t, name, c)
		held, err := one.Lock(ctx, "name")
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1) // the goroutine ends if nobody waits for it
		go func() {
			l, err := other.Lock(ctx, "name")
			if err == nil {
				err = l.Unlock(ctx)
			}
			got <- err
		}()
		select {
		case err := <-got:
			t.Fatalf("Lock of a lock that is held returned %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		if err := held.Unlock(ctx); err != nil {
			t.Fatal(err)
		}
		if err := <-got; err != nil {
			t.Error(err)
		}
	})
}

func TestBatches(t *testing.T) {
	server := miniredis.RunT(t)
	p := open(t, RawBatches, Config{Places: []wire.Place{{Network: "tcp", Address: server.Addr()}}})
	for range 2 {
		if err := p.(Batcher).Pairs([]string{"a", "b", "c"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.(Batcher).Pairs([]string{"a", "b", "a"}); err == nil {
		t.Error("one name twice was locked twice")
	}
}
