package integration

import (
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
)

// A name is the key on the servers byte for byte, whatever the bytes are.
func TestOddNames(t *testing.T) {
	names := []struct{ what, name string }{
		{"empty", ""},
		{"spaces", "  two  spaces  "},
		{"braces", "{a}{b}} {c"},
		{"NUL", "a\x00b\x00"},
		{"newline", "a\r\n$3\r\nb\n"},
		{"not UTF-8", "\xff\xfe\x80"},
		{"Unicode", "Schloß 鍵 🔑"},
		{"a pattern", "*?[a]\\"},
		{"an option", "NX"},
		{"one megabyte", strings.Repeat("m", 1<<20)},
		{"an inline cmd", "FLUSHALL"},
	}
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		for _, n := range names {
			what, name := n.what, n.name
			m := l.NewMutex(name, patient)
			if m.Name() != name {
				t.Errorf("%s: got name %.40q", what, m.Name())
			}
			lockOnAll(t, m, nodes)
			if sum := keys(nodes...); sum != len(nodes) {
				t.Errorf("%s: got %d keys, want one on each node", what, sum)
			}
			wantTaken(t, what, l.NewMutex(name, patient).TryLock(), len(nodes))
			if ok, err := m.Valid(); !ok || err != nil {
				t.Errorf("%s: Valid: got %v, %v, want true", what, ok, err)
			}
			extend(t, m)
			unlock(t, m)
			nothingLeft(t, nodes)
		}
	})
}

func TestNamesThatDifferInOneByte(t *testing.T) {
	onNodes(t, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		l := locker(t, nodes)
		one, other := l.NewMutex("a\x00", patient), l.NewMutex("a", patient)
		lock(t, one)
		lock(t, other)
		held(t, nodes, "a\x00", one.Value())
		held(t, nodes, "a", other.Value())
		unlock(t, one)
		eventually(t, "one key on every node", func() bool { return keys(nodes...) == len(nodes) })
		for _, s := range nodes {
			if value, err := redis.String(s.Do("GET", "a")); err != nil || value != other.Value() {
				t.Errorf("got %q, %v, want the other lock's value", value, err)
			}
		}
		unlock(t, other)
		nothingLeft(t, nodes)
	})
}
