package redlatch_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// A world is a configuration of nodes in memory, each with faults to inject. It
// lives in virtual time: tests say to the nanosecond when something happens.
type world struct {
	*testing.T
	nodes  []*memory.Node
	faulty []*pooltest.Faulty
	locker *redlatch.Locker
}

// inWorlds runs f in a world of each size.
func inWorlds(t *testing.T, sizes []int, f func(w *world)) {
	for _, n := range sizes {
		t.Run(fmt.Sprintf("N=%d", n), func(t *testing.T) { inWorld(t, n, f) })
	}
}

func inWorld(t *testing.T, n int, f func(w *world)) { inWorldOf(t, n, pooltest.Wrap, f) }

// inDeafWorld is inWorld with a driver that heeds neither contexts nor timeouts.
func inDeafWorld(t *testing.T, n int, f func(w *world)) { inWorldOf(t, n, pooltest.Deaf, f) }

func inWorldOf(t *testing.T, n int, wrap func(pool.Pool) *pooltest.Faulty, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		var pools []pool.Pool
		for range n {
			node := memory.New()
			faulty := wrap(node)
			w.nodes, w.faulty, pools = append(w.nodes, node), append(w.faulty, faulty), append(pools, faulty)
		}
		w.locker = redlatch.New(pools...)
		f(w)
		for _, faulty := range w.faulty {
			faulty.LoseReplies(0)
			faulty.Delay(0, 0)
			faulty.Thaw()
		}
		time.Sleep(2 * time.Hour) // everything has to come to its end, or the bubble complains
	})
}

const (
	expiry  = 8 * time.Second        // the default
	timeout = 400 * time.Millisecond // the node timeout that follows from it
	valid   = expiry - expiry/100 - 2*time.Millisecond
	name    = "the lock"
)

// lock makes a mutex and locks it.
func (w *world) lock(options ...redlatch.Option) *redlatch.Mutex {
	w.Helper()
	m := w.locker.NewMutex(name, options...)
	if err := m.Lock(); err != nil {
		w.Fatalf("Lock: %v", err)
	}
	return m
}

// take gives nodes a key of another owner's.
func (w *world) take(nodes ...int) {
	w.Helper()
	for _, i := range nodes {
		a, err := w.nodes[i].Ask(context.Background(), pool.Request{Op: pool.Acquire, Name: name, Value: "another", Expiry: time.Hour})
		if err != nil || a.State != pool.Yes {
			w.Fatalf("node %d could not be taken: %v, %v", i, a.State, err)
		}
	}
}

// free has that owner give them back, as one does who knows of no lines.
func (w *world) free() {
	w.Helper()
	for i, node := range w.nodes {
		a, err := node.Ask(context.Background(), pool.Request{Op: pool.Release, Name: name, Value: "another"})
		if err != nil || a.State != pool.Yes {
			w.Fatalf("node %d could not be freed: %v, %v", i, a.State, err)
		}
	}
}

// all returns the numbers of all nodes.
func (w *world) all() []int {
	var all []int
	for i := range w.nodes {
		all = append(all, i)
	}
	return all
}

// wantKeys checks which nodes have a key of which value: "" for none.
func (w *world) wantKeys(values ...string) {
	w.Helper()
	synctest.Wait()
	for i, want := range values {
		if got := w.nodes[i].Keys()[name]; got != want {
			w.Errorf("node %d has the key %q, want %q", i, got, want)
		}
	}
}

// wantNone checks that no node has a key.
func (w *world) wantNone() {
	w.Helper()
	w.wantKeys(make([]string, len(w.nodes))...)
}

// wantNoLines checks that nobody stands in line at any node.
func (w *world) wantNoLines() {
	w.Helper()
	synctest.Wait()
	for i, node := range w.nodes {
		if lines := node.Lines(); len(lines) != 0 {
			w.Errorf("in line at node %d are %q", i, lines)
		}
	}
}

// took checks that what f does takes exactly so long.
func (w *world) took(want time.Duration, f func()) {
	w.Helper()
	start := time.Now()
	f()
	if got := time.Since(start); got != want {
		w.Errorf("it took %v, want %v", got, want)
	}
}

// sent returns what was asked of node i, and forgets it.
func (w *world) sent(i int) []pool.Op {
	synctest.Wait()
	var ops []pool.Op
	for _, req := range w.faulty[i].Requests() {
		ops = append(ops, req.Op)
	}
	w.faulty[i].Forget()
	return ops
}

// must checks a call of Lock or TryLock that has to succeed.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Error(err)
	}
}

// wantGoroutines checks that there are no more than most goroutines. Those that
// have just ended may still be counted for a moment.
func (w *world) wantGoroutines(most int) {
	w.Helper()
	for range 100_000 {
		if runtime.NumGoroutine() <= most {
			return
		}
		runtime.Gosched()
	}
	w.Fatalf("%d goroutines, want at most %d", runtime.NumGoroutine(), most)
}

// wantTrue checks a call of Unlock, Extend or Valid that has to succeed.
func (w *world) wantTrue(ok bool, err error) {
	w.Helper()
	if !ok || err != nil {
		w.Errorf("got %v, %v, want true", ok, err)
	}
}

// wantErr checks a call that has to fail: with an error that matches all of these.
func (w *world) wantErr(err error, matches ...error) {
	w.Helper()
	if err == nil {
		w.Fatal("got no error")
	}
	for _, match := range matches {
		if !errors.Is(err, match) {
			w.Errorf("got %q, which does not match %q", err, match)
		}
	}
}

// wantFalse is wantErr for Unlock, Extend or Valid.
func (w *world) wantFalse(ok bool, err error) func(matches ...error) {
	w.Helper()
	if ok {
		w.Error("got true")
	}
	return func(matches ...error) {
		w.Helper()
		w.wantErr(err, matches...)
	}
}

var everySize = []int{1, 2, 3, 5}

// An asker is a pool that is a function, of which nothing else is known.
type asker func(context.Context, pool.Request) (pool.Answer, error)

func (f asker) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) { return f(ctx, req) }

// A punctual one can be relied on to return in time.
type punctual func(context.Context, pool.Request) (pool.Answer, error)

func (f punctual) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) { return f(ctx, req) }

func (f punctual) Bounded() bool { return true }
