package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/internal/sim"
	"github.com/redlatch/redlatch/pool"
)

// The simulator's server answers like a real one, whatever it is asked by package pool,
// in any order.
func TestSimulatedServerAnswersLikeARealOne(t *testing.T) {
	on(t, edges, func(t *testing.T, g *servers.Group) {
		real := g.Nodes(t, 1)[0]
		native := strings.HasSuffix(g.Image(), ":9.1")
		simulated := sim.NewServer(native)
		r := rand.New(rand.NewPCG(1, 2))
		var done []string
		for range 2000 {
			args := anyCommand(r, native)
			done = append(done, inWords(args))
			if args[0] == "SCRIPT" {
				simulated.Flush()
				if _, err := real.Do("SCRIPT", args[1:]...); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want := said(real.Do(args[0].(string), args[1:]...))
			if got := said(simulated.Do(args...)); got != want {
				t.Fatalf("the simulator's says %s, the real one %s; the last commands: %v", got, want, done[max(0, len(done)-10):])
			}
		}
	})
}

// anyCommand returns one at random that package pool may send, or one that makes a server
// forget its scripts. Keys last for longer than the test.
func anyCommand(r *rand.Rand, native bool) []any {
	name, value := sim.Locks()[r.IntN(2)], []string{"a", "b", "c"}[r.IntN(3)]
	ms := int64(3_600_000)
	scripts := pool.Scripts()
	script := func(name string, args ...any) []any {
		if r.IntN(4) == 0 {
			return append([]any{"EVAL", scripts[name].Text, int64(1)}, args...)
		}
		return append([]any{"EVALSHA", scripts[name].Hash, int64(1)}, args...)
	}
	switch r.IntN(10) {
	case 0:
		return []any{"SCRIPT", "FLUSH"}
	case 1:
		return []any{"SET", name, value, "NX", "PX", ms}
	case 2:
		return script("acquire", name, value, ms)
	case 3, 4:
		return script("extend", name, value, ms)
	case 5, 6:
		return script("release", name, value)
	case 7:
		return []any{"COMMAND", "INFO", "DELIFEQ", "DELEX"}
	case 8:
		if native {
			return [][]any{{"DELIFEQ", name, value}, {"SET", name, value, "IFEQ", value, "PX", ms}}[r.IntN(2)]
		}
	}
	return script("look", name, value)
}

// said returns a reply in words, of which times to live are told to the minute alone, what
// a command's entry says not at all, and an error by its first word.
func said(reply any, err error) string {
	var refusal *pool.ServerError
	var real redis.Error
	switch {
	case errors.As(err, &refusal):
		return strings.Fields(refusal.Message)[0]
	case errors.As(err, &real):
		return strings.Fields(string(real))[0]
	case err != nil:
		return err.Error()
	}
	switch reply := reply.(type) {
	case []byte:
		return string(reply)
	case []any:
		var all []string
		for i, one := range reply {
			switch ms, isNumber := one.(int64); {
			case isNumber && i == 1:
				all = append(all, fmt.Sprint((ms+30_000)/60_000, " min"))
			case one == nil:
				all = append(all, "nil")
			case isNumber:
				all = append(all, fmt.Sprint(ms))
			default:
				all = append(all, "an entry")
			}
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(reply)
}

// inWords returns a command, without a script's text.
func inWords(args []any) string {
	var words []string
	for _, arg := range args {
		word := fmt.Sprint(arg)
		for name, script := range pool.Scripts() {
			if word == script.Text || word == script.Hash {
				word = name
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
