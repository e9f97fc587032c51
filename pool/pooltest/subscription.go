package pooltest

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A subscription is a Subscribe, or a Listen, under way.
type subscription struct {
	cancel context.CancelFunc
	up     chan struct{} // has room for one: there must be no second
	heard  chan string   // unbuffered: who calls waits for the test
	done   chan error
}

func start(t *testing.T, run func(ctx context.Context, up func(), heard func(string)) error) *subscription {
	ctx, cancel := context.WithCancel(context.Background())
	s := &subscription{cancel, make(chan struct{}, 1), make(chan string), make(chan error, 1)}
	t.Cleanup(cancel)
	returned := false
	go func() {
		err := run(ctx, func() {
			if returned {
				t.Error("up after the return")
			}
			select {
			case s.up <- struct{}{}:
			default:
				t.Error("up twice")
			}
		}, func(payload string) {
			if returned {
				t.Errorf("%q after the return", payload)
			}
			select {
			case s.heard <- payload:
			case <-ctx.Done():
			}
		})
		returned = true
		s.done <- err
	}()
	return s
}

// wantUp waits until it has subscribed.
func (s *subscription) wantUp(t *testing.T) {
	t.Helper()
	select {
	case <-s.up:
	case payload := <-s.heard:
		t.Fatalf("heard %q before it had subscribed", payload)
	case err := <-s.done:
		t.Fatalf("it ended: %v", err)
	case <-time.After(patience):
		t.Fatalf("not subscribed after %v", patience)
	}
}

func (s *subscription) wantHeard(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-s.heard:
		if got != want {
			t.Fatalf("heard %q, want %q", got, want)
		}
	case err := <-s.done:
		t.Fatalf("it ended: %v", err)
	case <-time.After(patience):
		t.Fatalf("%q is not heard after %v", want, patience)
	}
}

// wantEnd waits until it has returned.
func (s *subscription) wantEnd(t *testing.T, want error) {
	t.Helper()
	select {
	case err := <-s.done:
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("it ended with %v, want what matches %v", err, want)
		}
	case <-time.After(patience):
		t.Fatalf("it has not returned after %v", patience)
	}
}
