package redlatch_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// R13: what cannot work is said by the first call, before anything is sent.
func TestBadConfiguration(t *testing.T) {
	node := memory.New()
	var nobody *memory.Node
	var many []pool.Pool
	for range 65 {
		many = append(many, memory.New())
	}
	shared := twin{node}
	one := []pool.Pool{node}

	for want, locker := range map[string]*redlatch.Locker{
		"New was given no pool":                                   redlatch.New(),
		"New: pool #0 is nil":                                     redlatch.New(nil),
		"New: pool #1 is nil":                                     redlatch.New(node, nil),
		"New: pool #1 is nil ":                                    redlatch.New(node, nobody),
		"New: pool #2 is the same as an earlier one":              redlatch.New(node, memory.New(), node),
		"New: pool #1 is the same as an earlier one":              redlatch.New(shared, &identified{node}),
		"New: pool #64 is one too many: 64 nodes at most":         redlatch.New(many...),
		"NewJoint was given 0 old and 1 new pools":                redlatch.NewJoint(nil, one),
		"NewJoint was given 1 old and 0 new pools":                redlatch.NewJoint(one, nil),
		"NewJoint's old configuration: pool #0 is nil":            redlatch.NewJoint([]pool.Pool{nil}, one),
		"NewJoint's new configuration: pool #1 is the same as an": redlatch.NewJoint(one, []pool.Pool{node, node}),
		"NewJoint's new configuration: pool #63 is one too many":  redlatch.NewJoint(many[:1], many[1:]),
	} {
		wantConfigError(t, locker.NewMutex("n", redlatch.WithValue("v")), want)
	}

	for want, option := range map[string]redlatch.Option{
		"option #0 is nil":               nil,
		"the expiry is 0s":               redlatch.WithExpiry(0),
		"the expiry is -1s":              redlatch.WithExpiry(-time.Second),
		"the expiry is 999.999µs":        redlatch.WithExpiry(time.Millisecond - 1),
		"the number of tries is 0":       redlatch.WithTries(0),
		"the number of tries is -1":      redlatch.WithTries(-1),
		"the retry delay function":       redlatch.WithRetryDelayFunc(nil),
		"the drift factor is -0.1":       redlatch.WithDriftFactor(-0.1),
		"the drift factor is 1":          redlatch.WithDriftFactor(1),
		"the drift factor is NaN":        redlatch.WithDriftFactor(math.NaN()),
		"the timeout factor is 0":        redlatch.WithTimeoutFactor(0),
		"the timeout factor is 1.5":      redlatch.WithTimeoutFactor(1.5),
		"the timeout factor is NaN":      redlatch.WithTimeoutFactor(math.NaN()),
		"the timeout factor is -Inf":     redlatch.WithTimeoutFactor(math.Inf(-1)),
		"the function that generates va": redlatch.WithGenValueFunc(nil),
	} {
		for _, n := range []int{1, 3} {
			faulty := []pool.Pool{pooltest.Wrap(memory.New()), pooltest.Wrap(memory.New()), pooltest.Wrap(memory.New())}
			wantConfigError(t, redlatch.New(faulty[:n]...).NewMutex("n", option), want)
			for _, f := range faulty {
				if got := f.(*pooltest.Faulty).Requests(); len(got) > 0 {
					t.Errorf("%s: nodes were asked %v", want, got)
				}
			}
		}
	}
}

func wantConfigError(t *testing.T, m *redlatch.Mutex, want string) {
	t.Helper()
	ctx := context.Background()
	_, unlock := m.Unlock()
	_, extend := m.ExtendContext(ctx)
	_, valid := m.Valid()
	for call, err := range map[string]error{"Lock": m.Lock(), "TryLock": m.TryLockContext(ctx), "Unlock": unlock, "Extend": extend, "Valid": valid} {
		switch {
		case !errors.Is(err, redlatch.ErrConfig):
			t.Errorf("%s: got %v, want an error that matches ErrConfig", call, err)
		case !strings.Contains(err.Error(), strings.TrimSpace(want)):
			t.Errorf("%s: got %q, want %q in it", call, err, want)
		case strings.HasSuffix(call, "Lock") && !errors.Is(err, redlatch.ErrFailed):
			t.Errorf("%s: %q does not match ErrFailed", call, err)
		}
	}
}

// twin can be compared, and identified as its node.
type twin struct{ *memory.Node }

func (t twin) ID() any { return t.Node }

type identified struct{ *memory.Node }

func (i *identified) ID() any { return i.Node }

// Pools that cannot be compared are not taken for the same, and nothing panics.
func TestIncomparablePools(t *testing.T) {
	a, b := incomparable{memory.New(), nil}, incomparable{memory.New(), nil}
	m := redlatch.New(a, b).NewMutex("n")
	if err := m.Lock(); err != nil {
		t.Error(err)
	}
	if ok, err := m.Unlock(); !ok {
		t.Error(err)
	}
}

type incomparable struct {
	*memory.Node
	_ []int
}

func (incomparable) ID() any { return []int{1} }

// The configurations at the edges of what works.
func TestEdgesOfConfiguration(t *testing.T) {
	var most []pool.Pool
	for range 64 {
		most = append(most, memory.New())
	}
	for _, locker := range []*redlatch.Locker{redlatch.New(most[0]), redlatch.New(most...), redlatch.NewJoint(most[:40], most[24:])} {
		for _, option := range []redlatch.Option{
			redlatch.WithExpiry(time.Hour),
			redlatch.WithTries(1),
			redlatch.WithRetryDelay(0),
			redlatch.WithDriftFactor(0),
			redlatch.WithDriftFactor(0.999),
			redlatch.WithTimeoutFactor(1),
			redlatch.WithFailFast(true),
			redlatch.WithFailFast(false),
			redlatch.WithShufflePools(false),
			redlatch.WithValue(""),
			redlatch.OptionFunc(func(*redlatch.Mutex) {}),
		} {
			m := locker.NewMutex("n", redlatch.WithExpiry(time.Minute), option)
			if err := m.Lock(); err != nil {
				t.Fatal(err)
			}
			if ok, err := m.Unlock(); !ok {
				t.Fatal(err)
			}
		}
	}
}

// Names are bytes, at every number of nodes.
func TestOddNames(t *testing.T) {
	inWorlds(t, []int{1, 3}, func(w *world) {
		for _, odd := range []string{"", " ", "{a}{b}", "a\x00b", "\xff\xfe", strings.Repeat("x", 1<<20)} {
			m := w.locker.NewMutex(odd)
			w.must(m.Lock())
			synctest.Wait()
			if m.Name() != odd || w.nodes[0].Keys()[odd] != m.Value() {
				w.Errorf("the key of %.20q is not there", odd)
			}
			w.wantTrue(m.Unlock())
		}
	})
}

// An option may be applied later, as long as nobody uses the Mutex meanwhile.
func TestOptionsAppliedLater(t *testing.T) {
	inWorlds(t, everySize, func(w *world) {
		m := w.locker.NewMutex(name)
		redlatch.WithTries(0).Apply(m)
		w.wantErr(m.Lock(), redlatch.ErrConfig)
		redlatch.WithTries(1).Apply(m)
		redlatch.WithExpiry(time.Minute).Apply(m)
		start := time.Now()
		w.must(m.Lock())
		if got, want := m.Until().Sub(start), time.Minute-time.Minute/100-2*time.Millisecond; got != want {
			w.Errorf("it is valid for %v, want %v", got, want)
		}
		w.wantTrue(m.Unlock())
		first := w.lock()
		synctest.Wait()
		redlatch.WithValue(first.Value()).Apply(m)
		if !m.Until().IsZero() || m.Value() != first.Value() {
			w.Errorf("got value %q until %v, want the other's and the zero time", m.Value(), m.Until())
		}
		w.wantTrue(m.Extend())
		w.wantTrue(m.Unlock())
		w.wantNone()

		for _, faulty := range w.faulty {
			faulty.Hang()
		}
		redlatch.WithTimeoutFactor(0.001).Apply(m)
		w.took(60*time.Millisecond, func() { w.wantErr(m.TryLock(), pool.ErrNoAnswer) })
	})
}

// A sizeless pool may be where another one is.
type sizeless struct{}

func (*sizeless) Ask(context.Context, pool.Request) (pool.Answer, error) {
	return pool.Answer{State: pool.Yes}, nil
}

func TestSizelessPools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := redlatch.New(&sizeless{}, &sizeless{}).NewMutex(name).Lock(); err != nil {
			t.Error(err)
		}
	})
}
