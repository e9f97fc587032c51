package redsync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-redsync/redsync/v4/redis/redigo"
	client "github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync"
	"github.com/redlatch/redlatch/redsync/redis"
)

func TestLifeOfALock(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5} {
		inWorld(t, n, func(w *world) {
			m := w.rs.NewMutex(name)
			if m.Name() != name || m.Value() != "" || !m.Until().IsZero() {
				w.Errorf("before: %q, %q, %v", m.Name(), m.Value(), m.Until())
			}
			start := time.Now()
			if err := m.Lock(); err != nil {
				w.Fatal(err)
			}
			// redsync's arithmetic: the drift is taken off, and nothing else.
			if got, want := m.Until().Sub(start), expiry-expiry/100; got != want {
				w.Errorf("Until is %v from now, want %v", got, want)
			}
			synctest.Wait()
			for i, node := range w.nodes {
				if got := node.Keys()[name]; got != m.Value() || len(got) != 24 {
					w.Errorf("node %d has %q, the value is %q", i, got, m.Value())
				}
			}
			w.wantShape(w.rs.NewMutex(name).TryLock(), map[int]string{1: "taken[0]", 2: "taken[0 1]", 3: "taken[0 1 2]", 5: "taken[0 1 2 3 4]"}[n])
			time.Sleep(time.Second)
			w.wantTrue(m.Extend())
			if got, want := m.Until().Sub(start), time.Second+expiry-expiry/100; got != want {
				w.Errorf("Until is then %v after the start, want %v", got, want)
			}
			w.wantTrue(m.Valid())
			value, until := m.Value(), m.Until()
			w.wantTrue(m.Unlock())
			synctest.Wait()
			if m.Value() != value || m.Until() != until {
				w.Error("Unlock has changed Value or Until")
			}
			for i, node := range w.nodes {
				if len(node.Keys()) > 0 {
					w.Errorf("node %d has keys %v", i, node.Keys())
				}
			}
		})
	}
}

// Who has how many of the nodes decides what error it is.
func TestLockErrors(t *testing.T) {
	refusal := errors.New("nobody listens")
	for _, test := range []struct {
		name           string
		n              int
		taken, refused []int
		want           string
	}{
		{"one of one taken", 1, []int{0}, nil, "taken[0]"},
		{"one of one refuses", 1, nil, []int{0}, "node 0: nobody listens"},
		{"one of two taken", 2, []int{1}, nil, "node taken 1"},
		{"one of two taken, one refuses", 2, []int{1}, []int{0}, "node 0: nobody listens; node taken 1"},
		{"two of two taken", 2, []int{0, 1}, nil, "taken[0 1]"},
		{"two of three taken", 3, []int{0, 2}, nil, "taken[0 2]"},
		{"two of three taken, one refuses", 3, []int{0, 2}, []int{1}, "taken[0 2]"},
		{"one of three taken, one refuses", 3, []int{0}, []int{2}, "node 2: nobody listens; node taken 0"},
		{"two of four taken", 4, []int{0, 3}, nil, "node taken 0; node taken 3"},
		{"three of four taken", 4, []int{0, 1, 3}, nil, "taken[0 1 3]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, test.n, func(w *world) {
				w.take(test.taken...)
				for _, i := range test.refused {
					w.faulty[i].Refuse(refusal)
				}
				for call, err := range map[string]error{
					"TryLock": w.rs.NewMutex(name).TryLock(),
					"Lock":    w.rs.NewMutex(name, redsync.WithTries(2)).Lock(),
				} {
					if got := shape(err); got != test.want {
						w.Errorf("%s: got %s, want %s", call, got, test.want)
					}
				}
			})
		})
	}
}

// A list under the name is a lock that is taken, whichever command is refused.
func TestLockOfAnotherType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := redsync.New(&wrongType{}, &wrongType{}, &wrongType{})
		err := rs.NewMutex(name, redsync.WithTries(2)).Lock()
		if got, want := shape(err), "taken[0 1 2]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		time.Sleep(time.Hour)
	})
}

type wrongType struct {
	redis.Pool
	_ int // so that two of them are not one
}

func (*wrongType) Ask(_ context.Context, req pool.Request) (pool.Answer, error) {
	if req.Op == pool.Acquire && !req.Explain {
		return pool.Answer{State: pool.Other}, nil
	}
	return pool.Answer{}, &pool.ServerError{Message: "WRONGTYPE Operation against a key holding the wrong kind of value"}
}

// When the context ends while there is another try to come, the error is ErrFailed
// and tells of the context.
func TestErrFailedAndTheContext(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(0, 1, 2)
		for _, test := range []struct {
			want, not error
			context   func() (context.Context, context.CancelFunc)
		}{
			{context.DeadlineExceeded, context.Canceled, func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(context.Background(), time.Second)
			}},
			{context.Canceled, context.DeadlineExceeded, func() (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(context.Background())
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}},
		} {
			ctx, cancel := test.context()
			err := w.rs.NewMutex(name).LockContext(ctx)
			cancel()
			if err != redsync.ErrFailed || !errors.Is(err, redsync.ErrFailed) {
				w.Errorf("%v is not equal to ErrFailed", err)
			}
			if !errors.Is(err, test.want) || errors.Is(err, test.not) {
				w.Errorf("%v does not match %v, or matches %v", err, test.want, test.not)
			}
		}
		if err := redsync.ErrFailed; errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			w.Error("ErrFailed itself matches the end of a context")
		}
	})
}

// In the last try the error is what the nodes say.
func TestEndedContextInTheLastTry(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w.wantShape(w.rs.NewMutex(name).TryLockContext(ctx), "context canceled")
		w.wantShape(w.rs.NewMutex(name, redsync.WithTries(1)).LockContext(ctx), "context canceled")
		w.wantShape(w.rs.NewMutex(name).LockContext(ctx), "ErrFailed")
		if got := w.faulty[0].Requests(); len(got) > 0 {
			w.Errorf("%v was sent", got)
		}
	})
}

// What is left of the lock when the nodes have taken too long for it: nothing.
func TestErrFailedWhenTooLate(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for _, faulty := range w.faulty {
			faulty.Delay(0, 9*time.Millisecond)
		}
		err := w.rs.NewMutex(name, redsync.WithExpiry(10*time.Millisecond), redsync.WithTimeoutFactor(1),
			redsync.WithDriftFactor(0.5), redsync.WithTries(1)).Lock()
		if err != redsync.ErrFailed {
			w.Errorf("got %v, want ErrFailed", err)
		}
	})
}

func TestUnlockErrors(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		ok, err := w.rs.NewMutex(name).Unlock()
		if ok || !errors.Is(err, redlatch.ErrNotLocked) || !errors.Is(err, redsync.ErrLockAlreadyExpired) {
			w.Errorf("never locked: %v, %v", ok, err)
		}

		m := w.lock()
		synctest.Wait()
		w.nodes[0].Clear()
		w.wantTrue(m.Unlock())
		_, err = m.Unlock()
		const gone = "redsync: failed to unlock, lock was already expired"
		w.wantShape(err, gone+"; "+gone+"; "+gone)

		m = w.lock()
		synctest.Wait()
		for _, node := range w.nodes {
			node.Clear()
		}
		w.take(0, 1)
		_, err = m.Unlock()
		w.wantShape(err, "taken[0 1]")
	})
}

func TestExtendErrors(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		for what, m := range map[string]*redsync.Mutex{
			"never locked":                       w.rs.NewMutex(name),
			"never locked, with SetNX on Extend": w.rs.NewMutex(name, redsync.WithSetNXOnExtend()),
		} {
			if ok, err := m.Extend(); ok || !errors.Is(err, redlatch.ErrNotLocked) || !errors.Is(err, redsync.ErrExtendFailed) {
				w.Errorf("%s: %v, %v", what, ok, err)
			}
		}
		m := w.lock()
		synctest.Wait()
		for _, node := range w.nodes {
			node.Clear()
		}
		_, err := m.Extend()
		if taken := (*redsync.ErrTaken)(nil); errors.As(err, &taken) || !errors.Is(err, redsync.ErrLockAlreadyExpired) {
			w.Errorf("gone: %v", err)
		}
		w.take(1, 2)
		_, err = m.Extend()
		w.wantShape(err, "taken[1 2]")

		m = w.rs.NewMutex("slow", redsync.WithExpiry(time.Second), redsync.WithTimeoutFactor(1))
		if err := m.Lock(); err != nil {
			w.Fatal(err)
		}
		for _, faulty := range w.faulty {
			faulty.Delay(0, 991*time.Millisecond)
		}
		ok, err := m.Extend()
		if ok || err != redsync.ErrExtendFailed {
			w.Errorf("too late: %v, %v, want ErrExtendFailed", ok, err)
		}
	})
}

func TestValidErrors(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		if ok, err := w.rs.NewMutex(name).Valid(); ok || !errors.Is(err, redlatch.ErrNotLocked) {
			w.Errorf("never locked: %v, %v", ok, err)
		}
		m := w.lock()
		synctest.Wait()
		w.nodes[0].Clear()
		w.wantTrue(m.Valid())
		w.nodes[1].Clear()
		if ok, err := m.Valid(); ok || !errors.Is(err, redsync.ErrLockAlreadyExpired) {
			w.Errorf("gone: %v, %v", ok, err)
		}
	})
}

// A node's failure is what the client library calls it, and a node that does not
// answer is a deadline.
func TestRedisErrors(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		own := errors.New("NOPERM this user has no permissions")
		w.faulty[0].Refuse(&pool.ServerError{Message: own.Error(), Err: own})
		err := w.rs.NewMutex(name).TryLock()
		var failure *redsync.RedisError
		if !errors.As(err, &failure) || failure.Node != 0 || failure.Err != own {
			w.Errorf("got %v, want node 0's own error", err)
		}
		w.faulty[0].Refuse(nil)
		w.faulty[0].Hang()
		err = w.rs.NewMutex(name).TryLock()
		if !errors.As(err, &failure) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, pool.ErrNoAnswer) {
			w.Errorf("got %v, want that node 0 did not answer in time", err)
		}
	})
}

// The user's function makes one value for each Lock, and its error is returned as
// it is.
func TestWithGenValueFunc(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(0, 1)
		made := 0
		m := w.rs.NewMutex(name, redsync.WithTries(5), redsync.WithGenValueFunc(func() (string, error) {
			made++
			return "mine", nil
		}))
		w.wantShape(m.Lock(), "taken[0 1]")
		if made != 1 || m.Value() != "" {
			w.Errorf("%d values were made, the value is %q", made, m.Value())
		}
		want := errors.New("no entropy")
		m = w.rs.NewMutex(name, redsync.WithGenValueFunc(func() (string, error) { return "", want }))
		if err := m.Lock(); err != want {
			w.Errorf("got %v, want the function's own error", err)
		}
	})
}

func TestOptions(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		w.take(0, 1)
		var tries []int
		start := time.Now()
		m := w.rs.NewMutex(name, redsync.WithTries(4), redsync.WithRetryDelay(time.Hour), redsync.WithShufflePools(true),
			redsync.WithRetryDelayFunc(func(n int) time.Duration {
				tries = append(tries, n)
				return time.Second
			}), redsync.WithFailFast(true))
		w.wantShape(m.Lock(), "taken[0 1]")
		if len(tries) != 3 || tries[0] != 1 || tries[2] != 3 || time.Since(start) != 3*time.Second {
			w.Errorf("the delays before the tries were asked for with %v, and took %v", tries, time.Since(start))
		}
		for _, node := range w.nodes {
			node.Clear()
		}

		m = w.lock(redsync.WithExpiry(time.Minute), redsync.WithDriftFactor(0.5), redsync.WithRetryDelay(0))
		if got := time.Until(m.Until()); got != 30*time.Second {
			w.Errorf("valid for %v, want 30s", got)
		}
		handed := w.rs.NewMutex(name, redsync.WithValue(m.Value()))
		if handed.Value() != m.Value() {
			w.Error("WithValue has set no value")
		}
		w.wantTrue(handed.Extend())
		w.wantTrue(handed.Unlock())

		m = w.lock(redsync.WithSetNXOnExtend(), redsync.OptionFunc(func(m *redsync.Mutex) {
			if m.Name() != name {
				w.Errorf("an option sees the name %q", m.Name())
			}
			redsync.WithExpiry(time.Hour).Apply(m)
		}), redsync.WithRedlatch(redlatch.WithDriftFactor(0)))
		if got := time.Until(m.Until()); got != time.Hour {
			w.Errorf("valid for %v, want 1h", got)
		}
		synctest.Wait()
		for _, node := range w.nodes {
			node.Clear()
		}
		w.wantTrue(m.Extend())
		w.wantTrue(m.Unlock())
	})
}

// What cannot work is told by every call, before anything is sent.
func TestBadConfiguration(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		good := native{w.faulty[0]}
		var none *foreignPool
		mutexes := map[string]*redsync.Mutex{
			"no pools":            redsync.New().NewMutex(name),
			"not made by New":     new(redsync.Redsync).NewMutex(name),
			"nil":                 redsync.New(good, nil).NewMutex(name),
			"nil in an interface": redsync.New(none).NewMutex(name),
			"a wrapper of nil":    redsync.New(redigo.NewPool(nil)).NewMutex(name),
			"the same twice":      redsync.New(good, good).NewMutex(name),
			"one client twice":    redsync.New(&wrapper{&foreignPool{}}, &wrapper{&foreignPool{}}).NewMutex(name, redsync.WithTries(0)),
			"nil option":          w.rs.NewMutex(name, nil),
			"nil delay":           w.rs.NewMutex(name, redsync.WithRetryDelayFunc(nil)),
			"nil generator":       w.rs.NewMutex(name, redsync.WithGenValueFunc(nil)),
			"no tries":            w.rs.NewMutex(name, redsync.WithTries(0)),
			"no expiry":           w.rs.NewMutex(name, redsync.WithExpiry(0)),
			"drift":               w.rs.NewMutex(name, redsync.WithDriftFactor(-1)),
			"timeout":             w.rs.NewMutex(name, redsync.WithTimeoutFactor(0)),
		}
		client := &client.Pool{}
		mutexes["two pools over one client"] = redsync.New(redigo.NewPool(client), redigo.NewPool(client)).NewMutex(name)
		mutexes["the client of another's pool"] = redsync.New(redigo.NewPool(client), &known{native{w.faulty[0]}, client}).NewMutex(name)
		mutexes["two pools over one value"] = redsync.New(redigo.NewPool(dressed{client}), redigo.NewPool(dressed{client})).NewMutex(name)
		for what, m := range mutexes {
			if err := m.Lock(); !errors.Is(err, redlatch.ErrConfig) || !errors.Is(err, redsync.ErrFailed) {
				w.Errorf("%s: Lock: %v", what, err)
			}
			for call, f := range map[string]func() (bool, error){"Unlock": m.Unlock, "Extend": m.Extend, "Valid": m.Valid} {
				ok, err := f()
				if ok || !errors.Is(err, redlatch.ErrConfig) || call == "Extend" && !errors.Is(err, redsync.ErrExtendFailed) {
					w.Errorf("%s: %s: %v, %v", what, call, ok, err)
				}
			}
		}
		if got := w.faulty[0].Requests(); len(got) > 0 {
			w.Errorf("%v was sent", got)
		}
	})
}

// What could not even begin is told in redsync's words, and the reason once.
func TestTextOfRefusals(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		bad, m := redsync.New().NewMutex(name), w.rs.NewMutex(name)
		const config = "bad configuration: New was given no pool: it needs at least one"
		_, badExtend := bad.Extend()
		_, extend := m.Extend()
		_, unlock := m.Unlock()
		for err, want := range map[error]string{
			bad.Lock():    "redsync: failed to acquire lock: " + config,
			bad.TryLock(): "redsync: failed to acquire lock: " + config,
			badExtend:     "redsync: failed to extend lock: " + config,
			extend:        "redsync: failed to extend lock: not locked by this mutex",
			unlock:        "redsync: failed to unlock, lock was already expired: not locked by this mutex",
		} {
			if err.Error() != want {
				w.Errorf("got %q, want %q", err, want)
			}
		}
	})
}

// known is a node that knows its client, as the drivers' are.
type known struct {
	native
	client *client.Pool
}

func (k *known) ID() any { return k.client }

// dressed is a client that is no pointer.
type dressed struct{ *client.Pool }

// Of somebody's own pools nothing is known, however they look.
func TestPoolsThatAreNotTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := redsync.New(&wrapper{}, &wrapper{&foreignPool{node: memory.New()}}, &wrapper{&foreignPool{node: memory.New()}})
		if err := rs.NewMutex(name).TryLock(); errors.Is(err, redlatch.ErrConfig) {
			t.Error(err)
		}
		time.Sleep(time.Hour)
	})
}

// It is one lock, whichever way it is used.
func TestRedlatch(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		m := w.lock()
		other := w.rs.Redlatch().NewMutex(name)
		if err := other.TryLock(); !errors.Is(err, redlatch.ErrFailed) {
			w.Errorf("the Locker's: %v, want that it is taken", err)
		}
		if m.Redlatch().Value() != m.Value() || m.Redlatch().Until() != m.Until() {
			w.Error("Value or Until differ")
		}
		w.wantTrue(m.Redlatch().Unlock())
		if err := m.Redlatch().Lock(); err != nil {
			w.Error(err)
		}
		w.wantTrue(m.Unlock())
	})
}

func TestNilContext(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		m := w.rs.NewMutex(name)
		var none context.Context
		if err := m.LockContext(none); err != nil {
			w.Error(err)
		}
		w.wantTrue(m.ExtendContext(none))
		w.wantTrue(m.ValidContext(none))
		w.wantTrue(m.UnlockContext(none))
		if err := m.TryLockContext(none); err != nil {
			w.Error(err)
		}
		w.wantTrue(m.Unlock())
	})
}

var _ redis.Pool = native{pooltest.Wrap(memory.New())}

// Programs have mutexes that nobody made in their tests.
func TestZeroMutex(t *testing.T) {
	var m redsync.Mutex
	if m.Name() != "" || m.Value() != "" || !m.Until().IsZero() {
		t.Errorf("got name %q, value %q, until %v", m.Name(), m.Value(), m.Until())
	}
	for what, call := range map[string]func() (bool, error){"Unlock": m.Unlock, "Valid": m.Valid} {
		if ok, err := call(); !ok || err != nil {
			t.Errorf("%s: got %v, %v, want true", what, ok, err)
		}
	}
	if ok, err := m.Extend(); ok || !errors.Is(err, redsync.ErrExtendFailed) {
		t.Errorf("Extend: got %v, %v, want ErrExtendFailed", ok, err)
	}
	for what, call := range map[string]func() error{"Lock": m.Lock, "TryLock": m.TryLock, "Redlatch": m.Redlatch().Lock} {
		if err := call(); !errors.Is(err, redlatch.ErrConfig) {
			t.Errorf("%s: got %v, want ErrConfig", what, err)
		}
	}
	redsync.WithTries(1).Apply(&m)
	redsync.WithExpiry(time.Second).Apply(&m)
}

// Programs apply options to a Mutex that they have already.
func TestOptionsAppliedLater(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		m := w.rs.NewMutex(name)
		made := 0
		redsync.WithGenValueFunc(func() (string, error) { made++; return "constant", nil }).Apply(m)
		redsync.WithTries(3).Apply(m)
		redsync.WithExpiry(time.Minute).Apply(m)
		w.take(0)
		w.wantShape(m.Lock(), "taken[0]")
		if made != 1 {
			w.Errorf("%d values were made, want 1", made)
		}
		w.nodes[0].Clear()
		if err := m.Lock(); err != nil {
			w.Fatal(err)
		}
		redsync.WithExpiry(time.Second).Apply(m)
		start := time.Now()
		w.wantTrue(m.Extend())
		if got := m.Until().Sub(start); got != 990*time.Millisecond {
			w.Errorf("it is valid for %v, want 990ms", got)
		}
		w.wantTrue(m.Unlock())
	})
}

// The errors of nodes are the client library's own.
func TestNodeErrorsAreTheClients(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		dial := &net.OpError{Op: "dial", Err: errors.New("nobody listens")}
		for _, c := range []struct{ err, want error }{
			{pool.NotSent(dial), dial},
			{&pool.ServerError{Message: "NOPERM", Err: dial}, dial},
			{driver.Closed(io.EOF), io.EOF},
			{fmt.Errorf("%w; and then: %v", driver.Closed(io.EOF), dial), io.EOF},
		} {
			w.faulty[0].Refuse(c.err)
			var failure *redsync.RedisError
			if err := w.rs.NewMutex(name).TryLock(); !errors.As(err, &failure) || failure.Err != c.want {
				w.Errorf("of %v: got %v, want %v", c.err, err, c.want)
			}
		}
	})
}
