package redlatch_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// An ear is a node that counts who listens, and can be slow to notice that it is to end.
type ear struct {
	*memory.Node
	slow time.Duration // how long a Listen takes to return

	mu    sync.Mutex
	now   int            // how many listen; guarded by mu
	begun int            // how often somebody has begun to; guarded by mu
	err   error          // what a Listen fails with, at once; guarded by mu
	end   []func()       // guarded by mu
	asked []pool.Request // guarded by mu
}

func (e *ear) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	e.mu.Lock()
	e.asked = append(e.asked, req)
	e.mu.Unlock()
	return e.Node.Ask(ctx, req)
}

func (e *ear) Listen(ctx context.Context, inbox string, up func(), handed func(value string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	e.begun++
	err := e.err
	if err == nil {
		e.now++
		e.end = append(e.end, cancel)
	}
	e.mu.Unlock()
	if err != nil {
		return err
	}
	err = e.Node.Listen(ctx, inbox, up, handed)
	time.Sleep(e.slow)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now--
	return err
}

// breaks ends all listening, and has later attempts fail with err.
func (e *ear) breaks(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
	for _, end := range e.end {
		end()
	}
	e.end = nil
}

// want checks how many listen, and how often somebody has begun to.
func (e *ear) want(t *testing.T, now, begun int) {
	t.Helper()
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.now != now || e.begun != begun {
		t.Errorf("%d listen, and %d have begun to, want %d and %d", e.now, e.begun, now, begun)
	}
}

// sent returns what was asked, and forgets it.
func (e *ear) sent() []pool.Request {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	asked := e.asked
	e.asked = nil
	return asked
}
