package redsync_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync"
	"github.com/redlatch/redlatch/redsync/redis"
)

const (
	name   = "the lock"
	expiry = 8 * time.Second // the default
)

// A world is nodes in memory with faults to inject, in virtual time.
type world struct {
	*testing.T
	nodes  []*memory.Node
	faulty []*pooltest.Faulty
	rs     *redsync.Redsync
}

// native is a node that is a redsync pool besides, as the drivers make them.
type native struct{ *pooltest.Faulty }

func (native) Get(context.Context) (redis.Conn, error) {
	return nil, errors.New("a node that is known as one is not asked for connections")
}

func inWorld(t *testing.T, n int, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		var pools []redis.Pool
		for range n {
			node := memory.New()
			faulty := pooltest.Wrap(node)
			w.nodes, w.faulty, pools = append(w.nodes, node), append(w.faulty, faulty), append(pools, native{faulty})
		}
		w.rs = redsync.New(pools...)
		f(w)
		for _, faulty := range w.faulty {
			faulty.Thaw()
		}
		time.Sleep(time.Hour) // everything has to come to its end, or the bubble complains
	})
}

// take gives nodes a key of another owner's.
func (w *world) take(nodes ...int) {
	w.Helper()
	for _, i := range nodes {
		a, err := w.nodes[i].Ask(context.Background(), pool.Request{Op: pool.Acquire, Name: name, Value: "another", Expiry: time.Minute})
		if err != nil || a.State != pool.Yes {
			w.Fatalf("node %d could not be taken: %v, %v", i, a.State, err)
		}
	}
}

// lock makes a mutex and locks it.
func (w *world) lock(options ...redsync.Option) *redsync.Mutex {
	w.Helper()
	m := w.rs.NewMutex(name, options...)
	if err := m.Lock(); err != nil {
		w.Fatalf("Lock: %v", err)
	}
	return m
}

// wantTrue checks a call of Unlock, Extend or Valid that has to succeed.
func (w *world) wantTrue(ok bool, err error) {
	w.Helper()
	if !ok || err != nil {
		w.Errorf("got %v, %v, want true", ok, err)
	}
}

// wantShape checks what an error is made of: see shape.
func (w *world) wantShape(err error, want string) {
	w.Helper()
	if got := shape(err); got != want {
		w.Errorf("got the error %s (%v), want %s", got, err, want)
	}
}

// shape describes an error by its dynamic types: those that redsync's users
// compare, switch over and look for.
func shape(err error) string {
	switch e := err.(type) {
	case nil:
		return "nil"
	case *redsync.ErrTaken:
		return fmt.Sprint("taken", e.Nodes)
	case *redsync.ErrNodeTaken:
		return fmt.Sprint("node taken ", e.Node)
	case *redsync.RedisError:
		return fmt.Sprintf("node %d: %s", e.Node, e.Err)
	case interface{ Unwrap() []error }:
		if !strings.Contains(fmt.Sprintf("%T", err), "joinError") {
			return err.Error()
		}
		var shapes []string
		for _, err := range e.Unwrap() {
			shapes = append(shapes, shape(err))
		}
		sort.Strings(shapes)
		return strings.Join(shapes, "; ")
	}
	if err == redsync.ErrFailed {
		return "ErrFailed"
	}
	return err.Error()
}
