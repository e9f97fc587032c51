package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
	"github.com/redlatch/redlatch/internal/sim"
	"github.com/redlatch/redlatch/pool"
)

// The simulator's server answers like a real one, whatever it is asked by package pool,
// in any order.
func TestSimulatedServerAnswersLikeARealOne(t *testing.T) {
	on(t, edges, func(t *testing.T, g *servers.Group) {
		c := &twoServers{T: t, real: g.Nodes(t, 1)[0], native: strings.HasSuffix(g.Image(), ":9.1")}
		c.begin()
		r := rand.New(rand.NewPCG(1, 2))
		for range 2000 {
			args := anyCommand(r, c.native)
			start := time.Now()
			c.do(args)
			if args[1] != pool.Scripts()["handover"].Text && args[1] != pool.Scripts()["handover"].Hash {
				continue
			}
			// Whoever has been handed the lock makes it last for longer than the test.
			for _, value := range values {
				c.do(theScript("extend", args[3], value, longMilliseconds))
			}
			if time.Since(start) > pool.Reservation/3 { // it may have expired on one of them alone
				c.begin()
			}
		}
	})
}

// twoServers are a real server and a simulated one that are asked the same.
type twoServers struct {
	*testing.T
	real      *servers.Server
	native    bool
	simulated *sim.Server
	done      []string // since they began
}

// begin begins with servers that have and know nothing.
func (c *twoServers) begin() {
	c.Helper()
	c.simulated, c.done = sim.NewServer(c.native), nil
	do(c, c.real, "FLUSHALL")
	do(c, c.real, "SCRIPT", "FLUSH")
}

// do has both do a command, and wants the same answer.
func (c *twoServers) do(args []any) {
	c.Helper()
	c.done = append(c.done, inWords(args))
	if args[0] == "SCRIPT" {
		c.simulated.Flush()
		do(c, c.real, "SCRIPT", args[1:]...)
		return
	}
	want := said(c.real.Do(args[0].(string), args[1:]...))
	if got := said(c.simulated.Do(args...)); got != want {
		c.Fatalf("the simulator's says %s, the real one %s; the last commands:\n%s", got, want, strings.Join(c.done[max(0, len(c.done)-20):], "\n"))
	}
}

var values = []string{"a", "b", "c"}

// longMilliseconds is for how long keys last: longer than the test.
const longMilliseconds = int64(3_600_000)

// theScript is a script by its text, whether the server knows it or not.
func theScript(name string, args ...any) []any {
	return append([]any{"EVAL", pool.Scripts()[name].Text, int64(1)}, args...)
}

// anyCommand returns one at random that package pool may send, or one that makes a server
// forget its scripts. Keys last for longer than the test.
func anyCommand(r *rand.Rand, native bool) []any {
	name, value := sim.Locks()[r.IntN(2)], values[r.IntN(len(values))]
	ms := longMilliseconds
	script := func(name string, args ...any) []any {
		all := theScript(name, args...)
		if r.IntN(4) != 0 {
			all[0], all[1] = "EVALSHA", pool.Scripts()[name].Hash
		}
		return all
	}
	switch r.IntN(20) {
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
	case 9:
		return script("look", name, value)
	}
	s, args, _ := lineRequest(r, name, value).LineScript()
	if r.IntN(4) == 0 {
		return append([]any{"EVAL", s.Text, int64(2)}, args...)
	}
	return append([]any{"EVALSHA", s.Hash, int64(2)}, args...)
}

// lineRequest returns a request at random that has to do with a line. Nobody listens to the
// inboxes. Any two who wait have begun to in different minutes: of those who begin at the same
// time a real server has another order.
func lineRequest(r *rand.Rand, name, value string) pool.Request {
	yes := func() bool { return r.IntN(2) == 0 }
	inboxes := []string{"", "in", "another"}
	req := pool.Request{
		Op: pool.Acquire, Name: name, Value: value, Expiry: time.Duration(longMilliseconds) * time.Millisecond,
		Wait: true, Waited: time.Duration(r.IntN(1_000_000)) * time.Minute,
		Again: yes(), Inbox: inboxes[r.IntN(3)], TellNext: yes(),
	}
	req.Listens = req.Inbox != "" && yes()
	if r.IntN(5) < 2 {
		req.Op, req.HandOver = pool.Release, yes() || !req.Again
		if yes() {
			req.Next = inboxes[max(0, r.IntN(5)-2)] + " " + values[r.IntN(len(values))]
		}
	}
	return req
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
				switch one := one.(type) {
				case []byte:
					all = append(all, fmt.Sprintf("%q", one))
				case string:
					all = append(all, fmt.Sprintf("%q", one))
				default:
					all = append(all, "an entry")
				}
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
