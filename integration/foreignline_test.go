package integration

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	redsyncredis "github.com/go-redsync/redsync/v4/redis"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
)

// The scripts that keep a line have the same replies through every pool of redsync's.
func TestLineThroughRedsyncsPools(t *testing.T) {
	onEach(t, func(t *testing.T, g *servers.Group) {
		for _, library := range slices.Sorted(maps.Keys(pairs)) {
			t.Run(library, func(t *testing.T) {
				s := g.Nodes(t, 1)[0]
				theirs, _ := pairs[library](t, s)
				conn, err := theirs.Get(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				ask := func(req pool.Request, want pool.Answer) {
					t.Helper()
					req.Name, req.Expiry = "lock \xff", time.Minute
					script, args, ok := req.LineScript()
					if !ok {
						t.Fatal("there is no script")
					}
					reply, err := conn.Eval(redsyncredis.NewScript(2, script.Text, script.Hash), args...)
					if err != nil {
						t.Fatal(err)
					}
					a, err := req.LineAnswer(plain(reply))
					a.TTL = 0
					if err != nil || a != want {
						t.Errorf("%+v: got %+v, %v, want %+v", req, a, err, want)
					}
				}
				ask(pool.Request{Op: pool.Acquire, Value: "a \x00", Wait: true}, pool.Answer{State: pool.Yes, Place: pool.Joined})
				ask(pool.Request{Op: pool.Acquire, Value: "b", Wait: true}, pool.Answer{State: pool.Other, Place: pool.Joined, Owner: "a \x00"})
				ask(pool.Request{Op: pool.Acquire, Value: "b", Wait: true, Again: true}, pool.Answer{State: pool.Other, Place: 1, Owner: "a \x00"})
				ask(pool.Request{Op: pool.Acquire, Value: "c", Wait: true}, pool.Answer{State: pool.Other, Place: pool.Joined, Owner: "a \x00"})
				ask(pool.Request{Op: pool.Release, Value: "a \x00", HandOver: true, Next: " c"}, pool.Answer{State: pool.Yes})
				ask(pool.Request{Op: pool.Acquire, Value: "c", Wait: true, TellNext: true}, pool.Answer{State: pool.Yes, Place: pool.Joined, Next: " b"})
				ask(pool.Request{Op: pool.Release, Value: "b", Again: true}, pool.Answer{State: pool.Other})
				ask(pool.Request{Op: pool.Release, Value: "c", HandOver: true}, pool.Answer{State: pool.Yes})
				ask(pool.Request{Op: pool.Release, Value: "c", HandOver: true}, pool.Answer{State: pool.Absent})
			})
		}
	})
}
