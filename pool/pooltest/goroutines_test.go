package pooltest

import "testing"

func TestGoroutines(t *testing.T) {
	end := make(chan struct{})
	go func() { <-end }() // before there is a label
	label(t)
	settle(t, func() bool { return goroutines(t) == 1 }) // those of an earlier run have ended
	for range 3 {
		go func() { <-end }()
	}
	if got := goroutines(t); got != 4 {
		t.Errorf("got %d goroutines, want this one and three more", got)
	}
	t.Run("another", func(t *testing.T) {
		label(t)
		if got := goroutines(t); got != 1 {
			t.Errorf("got %d goroutines, want this one", got)
		}
	})
	close(end)
}
