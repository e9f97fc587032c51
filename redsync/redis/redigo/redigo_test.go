package redigo_test

import (
	"testing"

	client "github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
	driver "github.com/redlatch/redlatch/pool/redigo"
	"github.com/redlatch/redlatch/redsync/internal/dual/dualtest"
	"github.com/redlatch/redlatch/redsync/redis"
	"github.com/redlatch/redlatch/redsync/redis/redigo"
)

func TestDual(t *testing.T) {
	dualtest.Run(t, func(t testing.TB, addr string) redis.Pool {
		p := &client.Pool{Dial: func() (client.Conn, error) { return client.Dial("tcp", addr) }}
		t.Cleanup(func() { p.Close() })
		return redigo.NewPool(p)
	})
}

// The pool is the same node as the client's own.
func TestID(t *testing.T) {
	p := &client.Pool{}
	id := func(p any) any { return p.(pool.Identified).ID() }
	if id(redigo.NewPool(p)) != id(driver.NewPool(p)) {
		t.Error("one client makes two nodes")
	}
}

func TestNewPoolOfNil(t *testing.T) {
	var none *client.Pool
	for _, p := range []redigo.Pool{nil, none} {
		if got := redigo.NewPool(p); got != nil {
			t.Errorf("got %v, want nil", got)
		}
	}
}
