package integration

import (
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
)

// Release and extension, by the commands of a server that has them and by
// scripts: what a call takes, and how much of it the server says that it worked. A lock
// that can have a line is released by a script in any case.
func BenchmarkNativeOrScript(b *testing.B) {
	needServers(b)
	g := engine.Lease(b, "valkey/valkey:9.1")
	nativePool := func(b testing.TB, s *servers.Server) pool.Pool { return redigo.NewPool(redigoPool(b, s)) }
	for _, way := range []struct {
		name    string
		newPool func(testing.TB, *servers.Server) pool.Pool
		release string // the command of this way
		extend  string
	}{
		{"native", nativePool, "delifeq", "set"},
		{"script", scriptedPool, "evalsha", "evalsha"},
	} {
		b.Run("release/"+way.name, func(b *testing.B) {
			s := g.Nodes(b, 1)[0]
			m := known(b, redlatch.New(way.newPool(b, s)))
			do(b, s, "CONFIG", "RESETSTAT")
			for b.Loop() {
				b.StopTimer()
				if err := m.Lock(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if ok, err := m.Unlock(); !ok {
					b.Fatal(err)
				}
			}
			reportServer(b, s, way.release)
		})
		b.Run("extend/"+way.name, func(b *testing.B) {
			s := g.Nodes(b, 1)[0]
			m := known(b, redlatch.New(way.newPool(b, s)))
			lock(b, m)
			do(b, s, "CONFIG", "RESETSTAT")
			for b.Loop() {
				if ok, err := m.Extend(); !ok {
					b.Fatal(err)
				}
			}
			reportServer(b, s, way.extend)
		})
	}
}

// known returns a Mutex whose Locker knows the server, as the server knows the
// scripts.
func known(b *testing.B, l *redlatch.Locker) *redlatch.Mutex {
	b.Helper()
	m := l.NewMutex(lineless, patient)
	for range 2 {
		lock(b, m)
		extend(b, m)
		unlock(b, m)
	}
	return m
}

// reportServer reports how long the server worked on a command of this name.
func reportServer(b *testing.B, s *servers.Server, command string) {
	b.Helper()
	stats := info(b, s, "commandstats")["cmdstat_"+command]
	_, after, _ := strings.Cut(stats, "usec_per_call=")
	number, _, _ := strings.Cut(after, ",")
	usec, err := redis.Float64([]byte(number), nil)
	if err != nil {
		b.Fatalf("%s: %s", command, stats)
	}
	b.ReportMetric(1000*usec, "server-ns/op")
}
