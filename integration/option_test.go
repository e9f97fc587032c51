package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
)

func TestWithExpiry(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		const expiry = 45*time.Second + 700*time.Microsecond // of which the microseconds are dropped
		m := locker(t, nodes).NewMutex("lock", redlatch.WithExpiry(expiry), redlatch.WithTimeoutFactor(0.5))
		lockOnAll(t, m, nodes)
		for _, s := range nodes {
			if ttl := timeToLive(t, s, "lock"); ttl > 45*time.Second || ttl < 25*time.Second {
				t.Errorf("got time to live %v, want almost 45s", ttl)
			}
		}
		all(t, nodes, command("PEXPIRE", "lock", 1_000_000))
		extend(t, m)
		eventually(t, "at most 45s to live on every node", func() bool {
			return !slices.ContainsFunc(nodes, func(s *servers.Server) bool {
				return timeToLive(t, s, "lock") > 45*time.Second
			})
		})
		unlock(t, m)
	})
}

func TestWithTries(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		all(t, nodes, command("SET", "lock", "another's"))
		var delays, values []int
		l := locker(t, nodes)
		// A value is used again once it is known that the nodes keep lines.
		wantTaken(t, "Lock", l.NewMutex("lock", patient, redlatch.WithTries(3), redlatch.WithRetryDelay(0)).Lock(), len(nodes))
		m := l.NewMutex("lock", patient, redlatch.WithTries(4),
			redlatch.WithRetryDelayFunc(func(tries int) time.Duration {
				delays = append(delays, tries)
				return time.Millisecond
			}),
			redlatch.WithGenValueFunc(func() (string, error) {
				values = append(values, len(values)+1)
				return fmt.Sprint("value ", len(values)), nil
			}))
		wantTaken(t, "Lock", m.Lock(), len(nodes))
		if want := []int{1, 2, 3}; !slices.Equal(delays, want) {
			t.Errorf("the delay function was called with %v, want %v", delays, want)
		}
		if want := []int{1}; !slices.Equal(values, want) {
			t.Errorf("%d values were made, want %d", len(values), len(want))
		}
		held(t, nodes, "lock", "another's")
	})
}

func TestWithGenValueFunc(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		for _, value := range []string{"mine", "with space\r\nand \x00 and \xff", strings.Repeat("long", 1<<14)} {
			m := locker(t, nodes).NewMutex("lock", patient,
				redlatch.WithGenValueFunc(func() (string, error) { return value, nil }))
			lock(t, m)
			if m.Value() != value {
				t.Errorf("got value %.40q, want %.40q", m.Value(), value)
			}
			held(t, nodes, "lock", value)
			extend(t, m)
			unlock(t, m)
			nothingLeft(t, nodes)
		}
	})
}

func TestWithGenValueFuncThatFails(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		failure := errors.New("no randomness")
		m := locker(t, nodes).NewMutex("lock", patient, redlatch.WithTries(1),
			redlatch.WithGenValueFunc(func() (string, error) { return "", failure }))
		if err := m.Lock(); !errors.Is(err, failure) || !errors.Is(err, redlatch.ErrFailed) {
			t.Errorf("got %v, want ErrFailed and the function's error", err)
		}
		if n := keys(nodes...); n != 0 {
			t.Errorf("got %d keys, want none", n)
		}
	})
}

func TestWithSetNXOnExtend(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient, redlatch.WithSetNXOnExtend())
		if ok, err := m.Extend(); ok || !errors.Is(err, redlatch.ErrNotLocked) {
			t.Errorf("Extend before Lock: got %v, %v, want ErrNotLocked", ok, err)
		}
		lockOnAll(t, m, nodes)
		all(t, nodes, command("DEL", "lock"))
		extend(t, m)
		held(t, nodes, "lock", m.Value())
		for _, s := range nodes {
			if ttl := timeToLive(t, s, "lock"); ttl > time.Minute || ttl < 40*time.Second {
				t.Errorf("got time to live %v, want almost a minute", ttl)
			}
		}
		unlock(t, m)
		nothingLeft(t, nodes)
		if ok, err := m.Extend(); ok || !errors.Is(err, redlatch.ErrNotLocked) {
			t.Errorf("Extend after Unlock: got %v, %v, want ErrNotLocked", ok, err)
		}
		if n := keys(nodes...); n != 0 {
			t.Errorf("got %d keys after Unlock, want none", n)
		}
	})
}

func TestWithSetNXOnExtendAndAnotherOwner(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient, redlatch.WithSetNXOnExtend())
		lockOnAll(t, m, nodes)
		all(t, nodes, command("SET", "lock", "another's"))
		_, err := m.Extend()
		wantTaken(t, "Extend", err, len(nodes))
		held(t, nodes, "lock", "another's")
	})
}

func TestWithSetNXOnExtendAfterUntil(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", redlatch.WithExpiry(200*time.Millisecond),
			redlatch.WithTries(50), redlatch.WithSetNXOnExtend())
		if err := m.Lock(); err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, nodes)
		if ok, err := m.Extend(); ok || !errors.Is(err, redlatch.ErrLockAlreadyExpired) {
			t.Errorf("got %v, %v, want ErrLockAlreadyExpired", ok, err)
		}
		if n := keys(nodes...); n != 0 {
			t.Errorf("got %d keys, want none", n)
		}
	})
}

// Options that ask for what is done in any case, or for another order.
func TestOptionsThatChangeNothing(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		for name, option := range map[string]redlatch.Option{
			"WithFailFast":     redlatch.WithFailFast(true),
			"WithShufflePools": redlatch.WithShufflePools(true),
		} {
			m := l.NewMutex(name, patient, option)
			lockOnAll(t, m, nodes)
			wantTaken(t, name, l.NewMutex(name, patient, option).TryLock(), len(nodes))
			extend(t, m)
			unlock(t, m)
			nothingLeft(t, nodes)
		}
	})
}
