package integration

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
)

// do sends one command to s and returns the reply; an error ends the test.
func do(t testing.TB, s *servers.Server, command string, args ...any) any {
	t.Helper()
	reply, err := s.Do(command, args...)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return reply
}

// all does the same to all the servers at once; an error ends the test.
func all(t testing.TB, nodes []*servers.Server, what func(*servers.Server) error) {
	t.Helper()
	errs := make([]error, len(nodes))
	var group sync.WaitGroup
	for i, s := range nodes {
		group.Go(func() { errs[i] = what(s) })
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// command returns a function for all that sends a command.
func command(name string, args ...any) func(*servers.Server) error {
	return func(s *servers.Server) error {
		_, err := s.Do(name, args...)
		return err
	}
}

// eventually waits until what it asks for is so. If it is not so in a long while
// the test has failed.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); {
		if time.Since(start) > patience {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond) // servers tell nobody when it is so
	}
}

// held waits until the key holds the value on every node.
func held(t testing.TB, nodes []*servers.Server, name, value string) {
	t.Helper()
	eventually(t, "the key on every node", func() bool {
		return !slices.ContainsFunc(nodes, func(s *servers.Server) bool {
			got, err := redis.String(s.Do("GET", name))
			return err != nil || got != value
		})
	})
}

// nothingLeft waits until no node has any key.
func nothingLeft(t testing.TB, nodes []*servers.Server) {
	t.Helper()
	defer tellLeft(t, nodes)
	eventually(t, "no key on any node", func() bool { return keys(nodes...) == 0 })
}

// nothingLeftForGood is nothingLeft, and it waits until that stays so: what was
// still on its way to a node has come by then.
func nothingLeftForGood(t testing.TB, nodes []*servers.Server) {
	t.Helper()
	defer tellLeft(t, nodes)
	since := time.Now()
	eventually(t, "no key on any node for good", func() bool {
		if keys(nodes...) != 0 {
			since = time.Now()
		}
		return time.Since(since) > 50*time.Millisecond // many round trips
	})
}

// tellLeft says, of a test that has failed, what is left on the nodes.
func tellLeft(t testing.TB, nodes []*servers.Server) {
	t.Helper()
	if !t.Failed() {
		return
	}
	for i, s := range nodes {
		names, err := redis.Strings(s.Do("KEYS", "*"))
		if err != nil {
			t.Logf("node #%d: %v", i, err)
		}
		for _, name := range names {
			value, _ := redis.String(s.Do("GET", name))
			t.Logf("node #%d: %.40q is %.40q for %v", i, name, value, timeToLive(t, s, name))
		}
	}
}

// keys returns how many keys the nodes have in all, or -1 if one cannot be asked.
func keys(nodes ...*servers.Server) int {
	sum := 0
	for _, s := range nodes {
		n, err := redis.Int(s.Do("DBSIZE"))
		if err != nil {
			return -1
		}
		sum += n
	}
	return sum
}

// timeToLive returns what the key has left on s.
func timeToLive(t testing.TB, s *servers.Server, name string) time.Duration {
	t.Helper()
	ms, err := redis.Int64(do(t, s, "PTTL", name), nil)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ms) * time.Millisecond
}

// shortenOnAll leaves the key half a minute to live on every node.
func shortenOnAll(t testing.TB, nodes []*servers.Server, name string) {
	t.Helper()
	all(t, nodes, command("PEXPIRE", name, 30_000))
}

// extendedOnAll waits until the key has been given a minute anew on every node.
func extendedOnAll(t testing.TB, nodes []*servers.Server, name string) {
	t.Helper()
	eventually(t, "almost a minute to live on every node", func() bool {
		return !slices.ContainsFunc(nodes, func(s *servers.Server) bool {
			ttl := timeToLive(t, s, name)
			return ttl < 35*time.Second || ttl > time.Minute
		})
	})
}

// commands returns what the server has been asked since it was reset, command by
// command, those included that scripts sent.
func commands(t testing.TB, s *servers.Server) map[string]int {
	t.Helper()
	calls := make(map[string]int)
	for name, stats := range info(t, s, "commandstats") {
		name, found := strings.CutPrefix(name, "cmdstat_")
		if !found || name == "info" || name == "config|resetstat" {
			continue
		}
		count, _, _ := strings.Cut(strings.TrimPrefix(stats, "calls="), ",")
		n, err := strconv.Atoi(count)
		if err != nil {
			t.Fatalf("INFO commandstats: %s:%s", name, stats)
		}
		calls[name] = n
	}
	return calls
}

// info returns a section of what the server says of itself.
func info(t testing.TB, s *servers.Server, section string) map[string]string {
	t.Helper()
	text, err := redis.String(do(t, s, "INFO", section), nil)
	if err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			fields[name] = value
		}
	}
	return fields
}

// clients returns how many connections s has.
func clients(t testing.TB, s *servers.Server) int {
	t.Helper()
	n, err := strconv.Atoi(info(t, s, "clients")["connected_clients"])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
