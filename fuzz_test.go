package redlatch_test

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
)

// What is given to a mutex, bit by bit; what is not has its default.
const (
	givenExpiry = 1 << iota
	givenTries
	givenDelay
	givenNoDelayFunc
	givenDrift
	givenTimeout
	givenGenerator
	givenNoGenerator
	givenFailingGenerator
	givenValue
	givenShuffle
	givenSetNX
	givenFailFast
	givenNil
	givenJoint
	withLostReplies
)

// Whatever the options and the pools are, a configuration that cannot work is an error
// of every call, and no pool is asked; and one that can work locks, extends and unlocks
// on every node, and promises no more than the expiry, less the drift.
//
// There are some nodes; each two bytes of odd then make one pool another thing: nil, or
// the pool at another place.
func FuzzOptions(f *testing.F) {
	const all = givenExpiry | givenTries | givenDelay | givenDrift | givenTimeout
	second := int64(time.Second)
	for _, nodes := range []uint8{0, 1, 3, 5, 64, 65} {
		f.Add(uint16(0), second, 1, int64(0), 0.01, 0.05, "v", nodes, []byte{})
	}
	for _, edge := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -0.1, 1, math.Nextafter(1, 0), math.SmallestNonzeroFloat64} {
		f.Add(uint16(all), second, 1, int64(0), edge, 0.5, "v", uint8(1), []byte{})
		f.Add(uint16(all), second, 1, int64(0), 0.5, edge, "v", uint8(3), []byte{})
		f.Add(uint16(all|withLostReplies), int64(math.MaxInt64), math.MaxInt, int64(math.MaxInt64), edge, edge, "v", uint8(2), []byte{})
	}
	f.Add(uint16(all), int64(math.MaxInt64), 1, int64(0), 0.5, 1.0, "v", uint8(3), []byte{})
	for _, expiry := range []int64{math.MinInt64, -1, 0, 999_999, 1_000_000, 1_999_999, 2_000_000, 3_000_000, math.MaxInt64} {
		f.Add(uint16(all|withLostReplies), expiry, 2, int64(-1), 0.0, 0.001, "v", uint8(1), []byte{})
		f.Add(uint16(all|withLostReplies), expiry, 1, int64(-1), 0.999, 1e-9, "v", uint8(3), []byte{})
	}
	for _, given := range []uint16{givenNoDelayFunc, givenGenerator, givenNoGenerator, givenFailingGenerator, givenValue, givenShuffle | givenSetNX, givenFailFast, givenNil} {
		f.Add(given|withLostReplies, second, 1, int64(0), 0.0, 0.0, "v", uint8(1), []byte{})
		f.Add(given|withLostReplies, second, 1, int64(0), 0.0, 0.0, "", uint8(3), []byte{})
	}
	f.Add(uint16(givenTries), second, 0, int64(0), 0.0, 0.0, "v", uint8(3), []byte{})
	f.Add(uint16(givenJoint), second, 1, int64(0), 0.0, 0.0, "v", uint8(5), []byte{})
	f.Add(uint16(givenJoint), second, 1, int64(0), 0.0, 0.0, "v", uint8(66), []byte{60, 2})
	f.Add(uint16(0), second, 1, int64(0), 0.0, 0.0, "v", uint8(5), []byte{0, 2})
	f.Add(uint16(0), second, 1, int64(0), 0.0, 0.0, "v", uint8(5), []byte{4, 0})
	f.Add(uint16(0), second, 1, int64(0), 0.0, 0.0, "v", uint8(5), []byte{3, 1})

	f.Fuzz(func(t *testing.T, given uint16, expiry int64, tries int, delay int64, drift, timeout float64, value string, nodes uint8, odd []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := &settings{
				T: t, given: given, expiry: 8 * time.Second, drift: 0.01, timeout: 0.05,
				options: []redlatch.Option{redlatch.OptionFunc(func(*redlatch.Mutex) {})},
			}
			s.configure(int(nodes%67), odd)
			s.choose(time.Duration(expiry), tries, time.Duration(delay), drift, timeout, value)
			m := s.locker.NewMutex(name, s.options...)
			switch {
			case s.bad:
				s.refuses(m)
			case s.valueless != nil:
				s.wantErr("TryLock", m.TryLock(), redlatch.ErrFailed, s.valueless)
			default:
				s.works(m)
			}
		})
	})
}

// settings are what a mutex is made with, and what is to be expected of it.
type settings struct {
	*testing.T
	given   uint16
	nodes   []*memory.Node
	used    []*memory.Node // those that no odd pool stands for
	faulty  []*pooltest.Faulty
	locker  *redlatch.Locker
	options []redlatch.Option

	bad       bool  // the configuration cannot work
	valueless error // why there can be no value
	value     string
	expiry    time.Duration
	drift     float64
	timeout   float64
}

func (s *settings) is(bits uint16) bool { return s.given&bits != 0 }

// configure makes the pools, and a Locker of them.
func (s *settings) configure(nodes int, odd []byte) {
	pools := make([]pool.Pool, nodes)
	for i := range pools {
		s.nodes = append(s.nodes, memory.New())
		s.faulty = append(s.faulty, pooltest.Wrap(s.nodes[i]))
		pools[i] = s.faulty[i]
	}
	for ; nodes > 0 && len(odd) >= 2; odd = odd[2:] {
		place, what := int(odd[0])%nodes, odd[1]
		switch what {
		case 0:
			pools[place] = nil
		case 1:
			pools[place] = (*memory.Node)(nil)
		default:
			pools[place] = pools[int(what)%nodes]
		}
	}
	for i, faulty := range s.faulty {
		if slices.Contains(pools, pool.Pool(faulty)) {
			s.used = append(s.used, s.nodes[i])
		}
	}
	if !s.is(givenJoint) {
		s.locker, s.bad = redlatch.New(pools...), unusable(pools)
		return
	}
	// Some pools are in both halves, or none is.
	old, new := pools[:(nodes+1)/2], pools[nodes/3:]
	s.locker = redlatch.NewJoint(old, new)
	s.bad = unusable(old) || unusable(new) || len(s.used) > 64
}

// unusable reports whether a majority of the pools is none.
func unusable(pools []pool.Pool) bool {
	for i, p := range pools {
		if p == nil || p == pool.Pool((*memory.Node)(nil)) || slices.Contains(pools[:i], p) {
			return true
		}
	}
	return len(pools) == 0 || len(pools) > 64
}

var errNoValue = errors.New("no value")

// choose makes the options.
func (s *settings) choose(expiry time.Duration, tries int, delay time.Duration, drift, timeout float64, value string) {
	give := func(bit uint16, option redlatch.Option, works bool) {
		if s.is(bit) {
			s.options = append(s.options, option)
			s.bad = s.bad || !works
		}
	}
	give(givenExpiry, redlatch.WithExpiry(expiry), expiry >= time.Millisecond)
	give(givenTries, redlatch.WithTries(tries), tries >= 1)
	give(givenDelay, redlatch.WithRetryDelay(delay), true)
	give(givenNoDelayFunc, redlatch.WithRetryDelayFunc(nil), false)
	give(givenDrift, redlatch.WithDriftFactor(drift), drift >= 0 && drift < 1)
	give(givenTimeout, redlatch.WithTimeoutFactor(timeout), timeout > 0 && timeout <= 1)
	give(givenGenerator, redlatch.WithGenValueFunc(func() (string, error) { return value, nil }), true)
	give(givenFailingGenerator, redlatch.WithGenValueFunc(func() (string, error) { return value, errNoValue }), true)
	give(givenNoGenerator, redlatch.WithGenValueFunc(nil), false)
	give(givenValue, redlatch.WithValue(value), true)
	give(givenShuffle, redlatch.WithShufflePools(true), true)
	give(givenSetNX, redlatch.WithSetNXOnExtend(), true)
	give(givenFailFast, redlatch.WithFailFast(true), true)
	give(givenNil, nil, false)
	if s.is(givenExpiry) {
		s.expiry = expiry
	}
	if s.is(givenDrift) {
		s.drift = drift
	}
	if s.is(givenTimeout) {
		s.timeout = timeout
	}
	s.value = value
	switch {
	case s.is(givenFailingGenerator):
		s.valueless = errNoValue
	case s.is(givenGenerator) && value == "":
		s.valueless = redlatch.ErrConfig
	}
}

// wantErr checks a call that has to fail without a pool being asked: with an error
// that matches all of these.
func (s *settings) wantErr(call string, err error, matches ...error) {
	s.Helper()
	for _, match := range matches {
		if !errors.Is(err, match) {
			s.Fatalf("%s: got %v, want what matches %q", call, err, match)
		}
	}
	synctest.Wait()
	for i, faulty := range s.faulty {
		if asked := faulty.Requests(); len(asked) > 0 {
			s.Fatalf("%s: pool #%d was asked %+v", call, i, asked)
		}
	}
}

func (s *settings) refuses(m *redlatch.Mutex) {
	_, unlock := m.Unlock()
	_, extend := m.Extend()
	_, valid := m.Valid()
	s.wantErr("TryLock", m.TryLock(), redlatch.ErrConfig, redlatch.ErrFailed)
	s.wantErr("Lock", m.Lock(), redlatch.ErrConfig, redlatch.ErrFailed)
	s.wantErr("Unlock", unlock, redlatch.ErrConfig)
	s.wantErr("Extend", extend, redlatch.ErrConfig, redlatch.ErrExtendFailed)
	s.wantErr("Valid", valid, redlatch.ErrConfig)
}

// wantHeld checks that m is held for no longer than it may be that was locked or
// extended at start, and that its key is on every node.
func (s *settings) wantHeld(m *redlatch.Mutex, start time.Time) {
	s.Helper()
	expiry := s.expiry.Truncate(time.Millisecond)
	share := new(big.Float).SetPrec(200).Sub(big.NewFloat(1).SetPrec(200), big.NewFloat(s.drift))
	most, _ := share.Mul(share, new(big.Float).SetInt64(int64(expiry))).Int64()
	most += 1 + int64(expiry)>>52 // what a float64 cannot hold
	if got := m.Until().Sub(start); got <= 0 || got > time.Duration(most) {
		s.Fatalf("it is valid for %v, want more than 0 and at most %v", got, time.Duration(most))
	}
	s.wantKeys(m.Value())
}

// wantTimeout checks that a node is waited for as long as it may be.
func (s *settings) wantTimeout() {
	s.Helper()
	share := float64(s.expiry) * s.timeout
	most := share
	if !s.is(givenTimeout) {
		most = max(share, float64(50*time.Millisecond))
	}
	for _, faulty := range s.faulty {
		for _, req := range faulty.Requests() {
			if got := float64(req.Timeout); got <= 0 || got < share*(1-1e-9)-1 || got > most*(1+1e-9)+1 {
				s.Fatalf("the timeout is %g ns, want from %g to %g", got, share, most)
			}
		}
	}
}

// wantKeys checks that every node has the key, of this value; or none if it is "".
func (s *settings) wantKeys(value string) {
	s.Helper()
	synctest.Wait()
	for i, node := range s.used {
		if got, found := node.Keys()[name]; got != value || found != (value != "") {
			s.Fatalf("node %d has the key %q (%v), want %q", i, got, found, value)
		}
	}
}

func (s *settings) works(m *redlatch.Mutex) {
	if s.is(givenValue) && m.Value() != s.value || !m.Until().IsZero() {
		s.Errorf("before Lock the value is %q until %v", m.Value(), m.Until())
	}
	lock := m.TryLock
	if s.is(givenTries) {
		lock = m.Lock
	}
	start := time.Now()
	if err := lock(); err != nil {
		s.Fatal(err)
	}
	s.wantHeld(m, start)
	s.wantTimeout()

	another := s.locker.NewMutex(name, redlatch.WithTries(1))
	var taken *redlatch.ErrTaken
	if err := another.Lock(); !errors.As(err, &taken) || !another.Until().IsZero() {
		s.Fatalf("another: got %v, until %v, want ErrTaken", err, another.Until())
	}
	s.wantKeys(m.Value())

	time.Sleep(time.Until(m.Until()) / 2)
	start = time.Now()
	s.wantTrue("Extend")(m.Extend())
	s.wantHeld(m, start)
	s.wantTrue("Valid")(m.Valid())
	s.wantTrue("Unlock")(m.Unlock())
	s.wantKeys("")
	if s.is(withLostReplies) {
		s.losesReplies(m)
	}
}

// losesReplies has m win a lock and never hear of it: it has to fail, and in the end
// nothing is left, long before the key expires by itself.
func (s *settings) losesReplies(m *redlatch.Mutex) {
	timeout := max(50*time.Millisecond, time.Duration(min(float64(s.expiry)*s.timeout, math.MaxInt64/2)))
	if timeout > 365*24*time.Hour {
		return // the bubble's clock ends in 2262
	}
	for _, faulty := range s.faulty {
		faulty.LoseReplies(1)
	}
	if err := m.TryLock(); !errors.Is(err, redlatch.ErrFailed) || !errors.Is(err, pool.ErrNoAnswer) {
		s.Fatalf("with every reply lost: got %v, want ErrFailed and ErrNoAnswer", err)
	}
	time.Sleep(timeout + time.Second)
	s.wantKeys("")
}

func (s *settings) wantTrue(call string) func(bool, error) {
	return func(ok bool, err error) {
		s.Helper()
		if !ok || err != nil {
			s.Fatalf("%s: got %v, %v, want true", call, ok, err)
		}
	}
}
