// Package dualtest is what the drop-in's drivers have in common in their tests.
package dualtest

import (
	"context"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/redsync/redis"
)

// Run tests that what open makes, of a client of whoever listens at addr that is
// closed when the test ends, is a node, and hands out connections to those who do
// not know it as one.
func Run(t *testing.T, open func(t testing.TB, addr string) redis.Pool) {
	p := open(t, pooltest.NewServer(t).Addr())
	if _, ok := p.(pool.Pool); !ok {
		t.Error("it is no node")
	}
	for _, ctx := range []context.Context{nil, t.Context()} {
		conn, err := p.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false} {
			if got, err := conn.SetNX("name", "value", time.Minute); got != want || err != nil {
				t.Errorf("SetNX: got %v, %v, want %v", got, err, want)
			}
		}
		release := pool.Scripts()["release"]
		for _, want := range []int64{1, -1} {
			got, err := conn.Eval(redis.NewScript(1, release.Text, release.Hash), "name", "value")
			if got != want || err != nil {
				t.Errorf("Eval: got %v, %v, want %d", got, err, want)
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
