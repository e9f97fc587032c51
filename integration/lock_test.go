package integration

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
)

func TestLockAndUnlock(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		if m.Name() != "lock" || m.Value() != "" || !m.Until().IsZero() {
			t.Fatalf("before Lock: got name %q, value %q, until %v", m.Name(), m.Value(), m.Until())
		}
		before := time.Now()
		lock(t, m)
		after := time.Now()
		value, until := m.Value(), m.Until()
		if random, err := base64.StdEncoding.DecodeString(value); err != nil || len(random) != 16 {
			t.Errorf("got value %q, want 16 bytes in base64", value)
		}
		const valid = time.Minute - time.Minute/100 - 2*time.Millisecond
		if until.Before(before.Add(valid)) || until.After(after.Add(valid)) {
			t.Errorf("got until %v after the call of Lock, want %v", until.Sub(before), valid)
		}
		held(t, nodes, "lock", value)
		if ok, err := m.Valid(); !ok || err != nil {
			t.Errorf("Valid: got %v, %v, want true", ok, err)
		}
		unlock(t, m)
		nothingLeft(t, nodes)
		if m.Value() != value || !m.Until().Equal(until) {
			t.Error("Unlock changed the value or until")
		}
	})
}

func TestDefaults(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock")
		if err := m.Lock(); err != nil {
			t.Fatal(err)
		}
		held(t, nodes, "lock", m.Value())
		for _, s := range nodes {
			if ttl := timeToLive(t, s, "lock"); ttl > 8*time.Second || ttl < 4*time.Second {
				t.Errorf("got time to live %v, want almost 8s", ttl)
			}
		}
		if ok, err := m.Extend(); !ok || err != nil {
			t.Errorf("Extend: got %v, %v, want true", ok, err)
		}
		if ok, err := m.Unlock(); !ok || err != nil {
			t.Errorf("Unlock: got %v, %v, want true", ok, err)
		}
		if err := m.TryLock(); err != nil {
			t.Errorf("TryLock: %v", err)
		}
		if ok, err := m.Unlock(); !ok || err != nil {
			t.Errorf("Unlock: got %v, %v, want true", ok, err)
		}
		nothingLeft(t, nodes)
	})
}

func TestLockOfTakenLock(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		holder := l.NewMutex("lock", patient)
		lockOnAll(t, holder, nodes)

		m := l.NewMutex("lock", patient, redlatch.WithTries(3), redlatch.WithRetryDelay(0))
		for name, call := range map[string]func() error{"Lock": m.Lock, "TryLock": m.TryLock} {
			taken := wantTaken(t, name, call(), len(nodes))
			if taken != nil && !errors.Is(taken, redlatch.ErrFailed) {
				t.Errorf("%s: %v does not match ErrFailed", name, taken)
			}
		}
		if m.Value() != "" || !m.Until().IsZero() {
			t.Errorf("after a Lock that failed: got value %q, until %v", m.Value(), m.Until())
		}
		held(t, nodes, "lock", holder.Value())
		unlock(t, holder)
		nothingLeft(t, nodes)
	})
}

// wantTaken checks that err is an *ErrTaken by itself that names at least a
// quorum of n nodes.
func wantTaken(t *testing.T, call string, err error, n int) *redlatch.ErrTaken {
	t.Helper()
	taken, ok := err.(*redlatch.ErrTaken)
	if !ok {
		t.Errorf("%s: got %v (%T), want *ErrTaken", call, err, err)
		return nil
	}
	if len(taken.Nodes) <= n/2 || !slices.IsSorted(taken.Nodes) || taken.Nodes[len(taken.Nodes)-1] >= n {
		t.Errorf("%s: taken on nodes %v, want a quorum of %d, in order", call, taken.Nodes, n)
	}
	return taken
}

func TestLockWaitsForUnlock(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		holder := l.NewMutex("lock", patient)
		lock(t, holder)

		refused := make(chan int, 1000) // more than there can be tries
		m := l.NewMutex("lock", patient, redlatch.WithTries(1000), redlatch.WithRetryDelayFunc(func(tries int) time.Duration {
			refused <- tries
			return 20 * time.Millisecond
		}))
		done := make(chan error, 1)
		go func() { done <- m.LockContext(within(t)) }()
		<-refused
		if tries := <-refused; tries != 2 {
			t.Errorf("the delay function was called with %d after 2 tries", tries)
		}
		unlock(t, holder)
		if err := <-done; err != nil {
			t.Fatalf("the waiter's Lock: %v", err)
		}
		unlock(t, m)
		nothingLeft(t, nodes)
	})
}

func TestExtendMakesItLastAgain(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		shortenOnAll(t, nodes, "lock")
		until := m.Until()
		extend(t, m)
		if !m.Until().After(until) {
			t.Errorf("got until %v, want one after %v", m.Until(), until)
		}
		extendedOnAll(t, nodes, "lock")
		unlock(t, m)
		nothingLeft(t, nodes)
	})
}

func TestLockThatWasHandedOver(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		first := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, first, nodes)

		second := locker(t, nodes).NewMutex("lock", patient, redlatch.WithValue(first.Value()))
		if second.Value() != first.Value() || !second.Until().IsZero() {
			t.Errorf("got value %q, until %v; want %q and none", second.Value(), second.Until(), first.Value())
		}
		if ok, err := second.Valid(); !ok || err != nil {
			t.Errorf("Valid: got %v, %v, want true", ok, err)
		}
		extend(t, second)
		if second.Until().Before(first.Until()) {
			t.Errorf("got until %v, want one after %v", second.Until(), first.Until())
		}
		unlock(t, second)
		nothingLeft(t, nodes)
		if ok, err := first.Unlock(); ok || !errors.Is(err, redlatch.ErrLockAlreadyExpired) {
			t.Errorf("the first holder's Unlock: got %v, %v, want ErrLockAlreadyExpired", ok, err)
		}
	})
}
