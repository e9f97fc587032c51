package pooltest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
)

func TestWrapConforms(t *testing.T) { pooltest.Run(t, pooltest.Wrap(memory.New())) }

var acquire = pool.Request{Op: pool.Acquire, Name: "n", Value: "v", Expiry: time.Hour, Timeout: time.Second}

// A hung node answers nobody, and does what it was asked when it is thawed.
func TestHangAndThaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := memory.New()
		f := pooltest.Wrap(node)
		f.Hang()
		start := time.Now()
		if _, err := f.Ask(context.Background(), acquire); !errors.Is(err, pool.ErrNoAnswer) {
			t.Errorf("got %v, want ErrNoAnswer", err)
		}
		if got := time.Since(start); got != acquire.Timeout {
			t.Errorf("it took %v, want %v", got, acquire.Timeout)
		}
		if len(node.Keys()) != 0 {
			t.Error("the request took effect while the node hung")
		}
		f.Thaw()
		if node.Keys()["n"] != "v" {
			t.Error("the request has not taken effect after the thaw")
		}
	})
}

func TestThawTakesTheLatestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := memory.New()
		f := pooltest.Wrap(node)
		f.Hang()
		release := acquire
		release.Op = pool.Release
		go f.Ask(context.Background(), acquire)
		synctest.Wait()
		go f.Ask(context.Background(), release)
		synctest.Wait()
		f.Thaw()
		if node.Keys()["n"] != "v" {
			t.Error("the acquire came before the release")
		}
	})
}

func TestDeafIgnoresContextAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := pooltest.Deaf(memory.New())
		f.Hang()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		done := make(chan struct{})
		go func() { f.Ask(ctx, acquire); close(done) }()
		time.Sleep(time.Hour)
		cancel()
		synctest.Wait()
		select {
		case <-done:
			t.Error("it returned")
		default:
		}
		f.Thaw()
		<-done
	})
}

func TestRefuse(t *testing.T) {
	node := memory.New()
	f := pooltest.Wrap(node)
	f.Refuse(errors.New("nobody listens"))
	if _, err := f.Ask(context.Background(), acquire); !errors.Is(err, pool.ErrNotSent) || err.Error() != "nobody listens" {
		t.Errorf("got %v", err)
	}
	if len(node.Keys()) != 0 {
		t.Error("the request took effect")
	}
	if got := f.Requests(); len(got) != 1 || got[0] != acquire {
		t.Errorf("Requests() = %v", got)
	}
}

func TestLoseReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := memory.New()
		f := pooltest.Wrap(node)
		f.LoseReplies(1)
		if _, err := f.Ask(context.Background(), acquire); !errors.Is(err, pool.ErrNoAnswer) {
			t.Errorf("got %v, want ErrNoAnswer", err)
		}
		if node.Keys()["n"] != "v" {
			t.Error("the request has not taken effect")
		}
		if a, err := f.Ask(context.Background(), acquire); err != nil || a.State != pool.Other {
			t.Errorf("the second: %v, %v", a.State, err)
		}
	})
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := memory.New()
		f := pooltest.Wrap(node)
		f.Delay(100*time.Millisecond, 200*time.Millisecond)
		start := time.Now()
		go func() {
			time.Sleep(100*time.Millisecond - 1)
			if len(node.Keys()) != 0 {
				t.Error("the request arrived too early")
			}
			time.Sleep(2 * time.Nanosecond)
			if len(node.Keys()) != 1 {
				t.Error("the request has not arrived")
			}
		}()
		a, err := f.Ask(context.Background(), acquire)
		if err != nil || a.State != pool.Yes || time.Since(start) != 300*time.Millisecond {
			t.Errorf("got %v, %v after %v", a.State, err, time.Since(start))
		}
	})
}
