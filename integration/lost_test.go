package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
)

// holderCalls are the calls that a holder makes. Unlock is the last: after it
// there is nothing to extend.
var holderCalls = []struct {
	name string
	call func(mutex) (bool, error)
}{
	{"Valid", mutex.Valid},
	{"Extend", mutex.Extend},
	{"Unlock", mutex.Unlock},
}

func TestLockThatHasExpired(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		// The nodes must answer within the expiry: Lock, which tries until they do, and
		// then Valid and Unlock.
		m := locker(t, nodes).NewMutex("lock", redlatch.WithExpiry(time.Second), redlatch.WithTimeoutFactor(1), redlatch.WithTries(50))
		if err := m.Lock(); err != nil {
			t.Fatal(err)
		}
		nothingLeft(t, nodes)
		eventually(t, "past until", func() bool { return time.Now().After(m.Until()) })
		wantExpired(t, m)
	})
}

func TestLockWhoseKeyWasDeleted(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		all(t, nodes, command("DEL", "lock"))
		wantExpired(t, m)
		if n := keys(nodes...); n != 0 {
			t.Errorf("got %d keys, want none", n)
		}
	})
}

// wantExpired checks that every call of a holder says that the lock is over.
func wantExpired(t *testing.T, m *redlatch.Mutex) {
	t.Helper()
	for _, c := range holderCalls {
		if ok, err := c.call(m); ok || !errors.Is(err, redlatch.ErrLockAlreadyExpired) {
			t.Errorf("%s: got %v, %v, want ErrLockAlreadyExpired", c.name, ok, err)
		}
	}
}

func TestLockThatAnotherTookOver(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		for _, c := range holderCalls {
			all(t, nodes, command("DEL", "lock"))
			m := locker(t, nodes).NewMutex("lock", patient)
			lockOnAll(t, m, nodes)
			all(t, nodes, command("SET", "lock", "another's", "PX", 60_000))
			ok, err := c.call(m)
			if ok {
				t.Errorf("%s: got true", c.name)
			}
			wantTaken(t, c.name, err, len(nodes))
			held(t, nodes, "lock", "another's")
		}
	})
}

func TestLockThatWasNeverLocked(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		for _, c := range holderCalls {
			if ok, err := c.call(m); ok || !errors.Is(err, redlatch.ErrNotLocked) {
				t.Errorf("%s: got %v, %v, want ErrNotLocked", c.name, ok, err)
			}
		}
		wantNothingSent(t, nodes)
	})
}

func TestLockThatWasUnlocked(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		unlock(t, m)
		nothingLeft(t, nodes)
		if ok, err := m.Extend(); ok || !errors.Is(err, redlatch.ErrNotLocked) {
			t.Errorf("Extend: got %v, %v, want ErrNotLocked", ok, err)
		}
		if ok, err := m.Unlock(); ok || !errors.Is(err, redlatch.ErrLockAlreadyExpired) {
			t.Errorf("Unlock: got %v, %v, want ErrLockAlreadyExpired", ok, err)
		}
		if n := keys(nodes...); n != 0 {
			t.Errorf("got %d keys, want none", n)
		}
	})
}

func TestExtendGivesItToTheNodeThatLostIt(t *testing.T) {
	onNodes(t, threeAndFive, func(t *testing.T, nodes []*servers.Server) {
		m := locker(t, nodes).NewMutex("lock", patient)
		lockOnAll(t, m, nodes)
		all(t, nodes[:len(nodes)/2], command("DEL", "lock"))
		extend(t, m)
		held(t, nodes, "lock", m.Value())
		unlock(t, m)
		nothingLeft(t, nodes)
	})
}

// A list where the key should be says neither that the lock is held nor that it
// is free: the server's complaint is passed on.
func TestKeyOfAnotherType(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		all(t, nodes, command("RPUSH", "lock", "element"))
		l := locker(t, nodes)

		taken := l.NewMutex("lock", patient).TryLock()
		wantTaken(t, "TryLock", taken, len(nodes))

		wantWrongType(t, "Lock", l.NewMutex("lock", patient, redlatch.WithTries(2), redlatch.WithRetryDelay(0)).Lock())
		for _, c := range holderCalls {
			ok, err := c.call(l.NewMutex("lock", patient, redlatch.WithValue("value")))
			if ok {
				t.Errorf("%s: got true", c.name)
			}
			wantWrongType(t, c.name, err)
		}
		for _, s := range nodes {
			if kind := do(t, s, "TYPE", "lock"); kind != "list" {
				t.Errorf("got a key of type %v, want the list as it was", kind)
			}
		}
	})
}

func wantWrongType(t *testing.T, call string, err error) {
	t.Helper()
	var node *redlatch.RedisError
	if !errors.As(err, &node) || !strings.HasPrefix(node.Err.Error(), "WRONGTYPE ") {
		t.Errorf("%s: got %v, want a *RedisError with WRONGTYPE and the server's words", call, err)
	}
}
