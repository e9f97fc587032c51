package memory_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// Whatever two locks and two owners are called, and whatever is asked of them when,
// the node answers as a list of keys would that is searched from end to end. A step is
// two bytes: see [take].
func FuzzNode(f *testing.F) {
	const (
		acquire, extend, release, look = 0, 1, 2, 3
		otherName, otherValue, explain = 4, 8, 16
	)
	f.Add("a", "b", "v", "w", []byte{acquire, 5, acquire | otherName | otherValue, 5, look, 0, extend, 0x46, look, 0, release, 0, release, 0})
	f.Add("", "\x00", "\xff", "\xff\xfe", []byte{acquire, 5, acquire | otherValue | explain, 5, extend | otherValue, 5, release | otherValue, 0, look, 0})
	f.Add("{a}", "{a}b", "v", "", []byte{acquire, 5, look | otherValue, 0, release | otherName, 0})
	f.Add("n", "n", "v", "v", []byte{acquire, 2, acquire, 2, look, 0x20, look, 0x10, acquire, 0x20, acquire | explain, 7})
	f.Add("n", "m", "v", "w", []byte{acquire, 0, acquire, 1, acquire, 3, extend, 4, look, 0x30, extend, 0x70, acquire, 6, look, 0xf0})
	f.Add("n", "m", "v", "w", []byte{acquire, 3, look, 0x30, acquire, 3, extend, 3, look, 0x20, look, 0x10})
	f.Add("a name that is long", "a name that is longer", "v", "w", []byte{acquire, 5, look | otherName, 0, acquire | otherName | otherValue, 5, look | otherName, 0})
	f.Fuzz(func(t *testing.T, a, b, v, w string, steps []byte) {
		synctest.Test(t, func(t *testing.T) {
			node := memory.New()
			var list naive
			for range min(len(steps)/2, 200) { // years: the bubble's clock ends in 2262
				req, wait := take(steps[0], steps[1], [2]string{a, b}, [2]string{v, w})
				steps = steps[2:]
				time.Sleep(wait)
				got, err := node.Ask(context.Background(), req)
				want, ok := list.ask(req, time.Now())
				if got != want || (err == nil) != ok || err != nil && !errors.Is(err, pool.ErrNotSent) {
					t.Fatalf("%+v: got %+v, %v, want %+v, %v", req, got, err, want, ok)
				}
				if keys := node.Keys(); !maps.Equal(keys, list.held(time.Now())) {
					t.Fatalf("after %+v: the keys are %q, want %q", req, keys, list.held(time.Now()))
				}
			}
		})
	})
}

// take returns the request that two bytes are, and how long to wait before it.
func take(what, when byte, names, values [2]string) (pool.Request, time.Duration) {
	expiries := []time.Duration{-1, time.Millisecond - 1, time.Millisecond, 1999 * time.Microsecond, time.Second, time.Hour, 30 * 365 * 24 * time.Hour, math.MaxInt64}
	waits := []time.Duration{0, 1, time.Millisecond - 1, time.Millisecond, 500 * time.Millisecond, time.Second, time.Hour, 365 * 24 * time.Hour}
	return pool.Request{
		Op:      pool.Acquire + pool.Op(what&3),
		Name:    names[what>>2&1],
		Value:   values[what>>3&1],
		Explain: what>>4&1 == 1,
		Expiry:  expiries[when&7],
	}, waits[when>>4&7]
}

// naive is a node that keeps everything that was ever set, the latest last. A key that
// was released has ended.
type naive []record

type record struct {
	name, value string
	ends        time.Time
}

func (n *naive) ask(req pool.Request, now time.Time) (pool.Answer, bool) {
	if req.Value == "" || req.Expiry < time.Millisecond && (req.Op == pool.Acquire || req.Op == pool.Extend) {
		return pool.Answer{}, false
	}
	k := n.find(req.Name, now)
	ends := now.Add(req.Expiry / time.Millisecond * time.Millisecond)
	switch {
	case k == nil && req.Op == pool.Acquire:
		*n = append(*n, record{req.Name, req.Value, ends})
		return pool.Answer{State: pool.Yes}, true
	case k == nil:
		return pool.Answer{State: pool.Absent}, true
	}
	a := pool.Answer{State: pool.Other}
	if k.value == req.Value && req.Op != pool.Acquire {
		a.State = pool.Yes
	}
	if req.Op == pool.Look || req.Op == pool.Acquire && req.Explain {
		a.TTL = k.ends.Sub(now) / time.Millisecond * time.Millisecond
	}
	switch {
	case a.State == pool.Yes && req.Op == pool.Extend:
		k.ends = ends
	case a.State == pool.Yes && req.Op == pool.Release:
		k.ends = now
	}
	return a, true
}

func (n naive) find(name string, now time.Time) *record {
	for i := range n {
		if k := &n[i]; k.name == name && k.ends.After(now) {
			return k
		}
	}
	return nil
}

func (n naive) held(now time.Time) map[string]string {
	held := make(map[string]string)
	for _, k := range n {
		if k.ends.After(now) {
			held[k.name] = k.value
		}
	}
	return held
}
