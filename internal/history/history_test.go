package history_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redlatch/redlatch/internal/history"
)

func call(client string, op history.Op, start, end, until time.Duration) history.Call {
	return history.Call{
		Client: client, Name: "lock", Value: client, Op: op, OK: true,
		Start: start, End: end, Until: until,
	}
}

func TestOverlaps(t *testing.T) {
	const lock, extend, unlock = history.Lock, history.Extend, history.Unlock
	failed := call("b", lock, 0, 5, 100)
	failed.OK = false
	elsewhere := call("b", lock, 0, 5, 100)
	elsewhere.Name = "another"
	for _, c := range []struct {
		name  string
		calls []history.Call
		want  int
	}{
		{"nobody", nil, 0},
		{"one after the other's end", []history.Call{call("a", lock, 0, 1, 10), call("b", lock, 2, 10, 20)}, 0},
		{"one before the other's end", []history.Call{call("a", lock, 0, 1, 10), call("b", lock, 2, 9, 20)}, 1},
		{"after Unlock was called", []history.Call{call("a", lock, 0, 1, 10), call("a", unlock, 5, 30, 0), call("b", lock, 2, 6, 20)}, 0},
		{"before Unlock was called", []history.Call{call("a", lock, 0, 1, 10), call("a", unlock, 7, 30, 0), call("b", lock, 2, 6, 20)}, 1},
		{"extended in time", []history.Call{call("a", lock, 0, 1, 10), call("a", extend, 4, 5, 20), call("b", lock, 2, 15, 30)}, 1},
		{"extended to less", []history.Call{call("a", lock, 0, 1, 20), call("a", extend, 4, 5, 10), call("b", lock, 2, 15, 30)}, 0},
		{"extended after the end", []history.Call{call("a", lock, 0, 1, 10), call("b", lock, 2, 15, 30), call("a", extend, 4, 20, 40)}, 1},
		{"extended after the end, in between", []history.Call{call("a", lock, 0, 1, 10), call("b", lock, 2, 11, 15), call("a", extend, 4, 20, 40)}, 0},
		{"a Lock that failed", []history.Call{call("a", lock, 0, 1, 10), failed}, 0},
		{"another lock", []history.Call{call("a", lock, 0, 1, 10), elsewhere}, 0},
		{"that ended before it began", []history.Call{call("a", lock, 0, 1, 10), call("b", lock, 0, 5, 3)}, 0},
		{"three at once", []history.Call{call("a", lock, 0, 1, 10), call("b", lock, 0, 2, 10), call("c", lock, 0, 3, 10)}, 3},
		{"in any order", []history.Call{call("b", lock, 2, 9, 20), call("a", lock, 0, 1, 10)}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := history.Overlaps(history.Holds(c.calls)); len(got) != c.want {
				t.Errorf("got %d overlaps, want %d: %v", len(got), c.want, got)
			}
		})
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	err := history.Table(&b, []string{"a", "node 0"}, []history.Event{
		{2 * time.Millisecond, "node 0", "set"},
		{1500 * time.Nanosecond, "a", "Lock"},
		{0, "nobody", "is left out"},
	})
	const want = `time  a     node 0
2µs   Lock
2ms         set
`
	if b.String() != want || err != nil {
		t.Errorf("got %v and\n%s\nwant\n%s", err, b.String(), want)
	}
}
