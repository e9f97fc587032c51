package redlatch

import (
	"context"
	"sync"
)

// tasks counts what goes on in the background, for whoever waits for its end.
type tasks struct {
	mu    sync.Mutex
	count int           // guarded by mu
	idle  chan struct{} // will be closed when there are none; nil if nobody waits; guarded by mu
}

func (t *tasks) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count--
	if t.count == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// wait waits until there are none, and reports whether that came before the end of ctx.
func (t *tasks) wait(ctx context.Context) bool {
	t.mu.Lock()
	if t.count == 0 {
		t.mu.Unlock()
		return true
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}
