package aside

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunReturnsTheResult(t *testing.T) {
	want := errors.New("the call's error")
	late := func(int) { t.Error("late was called") }
	got, err := Run(context.Background(), &Group{}, func() (int, error) { return 7, want }, late)
	if got != 7 || err != want {
		t.Errorf("got %d, %v, want 7, %v", got, err, want)
	}
}

func TestRunReturnsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		lately := make(chan int, 1)
		got, err := Run(ctx, &Group{}, func() (int, error) {
			time.Sleep(time.Minute)
			return 7, nil
		}, func(n int) { lately <- n })
		if got != 0 || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %d, %v after %v, want the end of the context after 1s", got, err, time.Since(start))
		}
		if n := <-lately; n != 7 || time.Since(start) != time.Minute {
			t.Errorf("late was given %d after %v, want 7 after 1m", n, time.Since(start))
		}
	})
}

func TestOverdueCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var g Group
		run := func(ctx context.Context) error {
			_, err := Run(ctx, &g, func() (int, error) {
				time.Sleep(time.Minute)
				return 0, nil
			}, func(int) {})
			return err
		}
		for range Max {
			if err := run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want the end of the context", err)
			}
		}
		if err := run(t.Context()); err != ErrFull {
			t.Errorf("got %v, want ErrFull", err)
		}
		time.Sleep(time.Minute + time.Second)
		if err := run(t.Context()); err != nil {
			t.Errorf("when they have returned: %v", err)
		}
	})
}
