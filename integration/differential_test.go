package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-redsync/redsync/v4"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	redsyncredigo "github.com/go-redsync/redsync/v4/redis/redigo"
	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
	dropin "github.com/redlatch/redlatch/redsync"
)

// settings are the options of a mutex, of either library.
type settings struct {
	expiry  time.Duration
	tries   int
	delay   time.Duration
	delays  func(int) time.Duration
	drift   float64
	timeout float64
	value   string
	gen     func() (string, error)

	failFast, shuffle, setNX bool
}

func (s settings) redsync() []redsync.Option {
	options := []redsync.Option{redsync.WithExpiry(s.expiry), redsync.WithTries(s.tries), redsync.WithRetryDelay(s.delay),
		redsync.WithDriftFactor(s.drift), redsync.WithTimeoutFactor(s.timeout), redsync.WithValue(s.value),
		redsync.WithFailFast(s.failFast), redsync.WithShufflePools(s.shuffle)}
	if s.delays != nil {
		options = append(options, redsync.WithRetryDelayFunc(s.delays))
	}
	if s.gen != nil {
		options = append(options, redsync.WithGenValueFunc(s.gen))
	}
	if s.setNX {
		options = append(options, redsync.WithSetNXOnExtend())
	}
	return options
}

func (s settings) dropin() []dropin.Option {
	options := []dropin.Option{dropin.WithExpiry(s.expiry), dropin.WithTries(s.tries), dropin.WithRetryDelay(s.delay),
		dropin.WithDriftFactor(s.drift), dropin.WithTimeoutFactor(s.timeout), dropin.WithValue(s.value),
		dropin.WithFailFast(s.failFast), dropin.WithShufflePools(s.shuffle)}
	if s.delays != nil {
		options = append(options, dropin.WithRetryDelayFunc(s.delays))
	}
	if s.gen != nil {
		options = append(options, dropin.WithGenValueFunc(s.gen))
	}
	if s.setNX {
		options = append(options, dropin.WithSetNXOnExtend())
	}
	return options
}

// contextMutex is all that a redsync.Mutex and its replacement have in common.
type contextMutex interface {
	mutex
	LockContext(context.Context) error
	TryLockContext(context.Context) error
	UnlockContext(context.Context) (bool, error)
	ExtendContext(context.Context) (bool, error)
	ValidContext(context.Context) (bool, error)
}

// libraries are what is compared: redsync, and what a program can have made of it.
var libraries = []string{"redsync", rootReplaced, allReplaced}

// A stage is where one case is played with one library.
type stage struct {
	t       *testing.T
	library string
	nodes   []*servers.Server
	down    []int  // the nodes that nobody listens at
	subject string // the name of the locks
	pools   []redsyncredis.Pool
	seen    []string
}

func newStage(t *testing.T, library string, nodes []*servers.Server) *stage {
	return &stage{t: t, library: library, nodes: nodes, subject: "the subject"}
}

// connect makes pools of new connections.
func (s *stage) connect() {
	s.pools = nil
	for i, node := range s.nodes {
		addr := node.Addr() // of one that is paused redsync would wait for ever: its connections have a timeout
		if slices.Contains(s.down, i) {
			addr = nobody(s.t)
		}
		p := closing(s.t, &redis.Pool{MaxIdle: 4, Dial: func() (redis.Conn, error) {
			if s.library != "redsync" {
				return redis.Dial("tcp", addr)
			}
			return redis.Dial("tcp", addr, redis.DialReadTimeout(time.Second), redis.DialConnectTimeout(time.Second))
		}})
		if s.library == "redsync" {
			s.pools = append(s.pools, redsyncredigo.NewPool(p))
		} else {
			s.pools = append(s.pools, dropinPools[s.library](p))
		}
	}
}

// mutex returns one on connections of its own.
func (s *stage) mutex(change ...func(*settings)) contextMutex {
	s.connect()
	return s.newMutex(change...)
}

// newMutex returns a mutex on the connections that there are.
func (s *stage) newMutex(change ...func(*settings)) contextMutex {
	set := settings{expiry: time.Minute, tries: 2, delay: time.Millisecond, drift: 0.01, timeout: 0.5}
	for _, change := range change {
		change(&set)
	}
	if s.library == "redsync" {
		return redsync.New(s.pools...).NewMutex(s.subject, set.redsync()...)
	}
	return dropin.New(s.pools...).NewMutex(s.subject, set.dropin()...)
}

// nobody returns an address at which nobody listens.
func nobody(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// sees notes what can be seen.
func (s *stage) sees(what string, values ...any) {
	s.seen = append(s.seen, what+": "+strings.TrimSpace(fmt.Sprintln(values...)))
}

// calls notes how a call ends, and what it has made of Value and Until.
func (s *stage) calls(what string, m contextMutex, call func(contextMutex) (any, error)) error {
	value, until := m.Value(), m.Until()
	ok, err := call(m)
	values := []any{describe(err)}
	if ok != nil {
		values = append([]any{ok}, values...)
	}
	if m.Value() != value {
		values = append(values, "new value")
	}
	if !m.Until().Equal(until) {
		values = append(values, "new until")
	}
	s.sees(what, values...)
	return err
}

func (s *stage) lock(m contextMutex) error {
	return s.calls("Lock", m, func(m contextMutex) (any, error) { return nil, m.Lock() })
}

func (s *stage) tryLock(m contextMutex) error {
	return s.calls("TryLock", m, func(m contextMutex) (any, error) { return nil, m.TryLock() })
}

func (s *stage) unlock(m contextMutex) {
	s.calls("Unlock", m, func(m contextMutex) (any, error) { ok, err := m.Unlock(); return ok, err })
}

func (s *stage) extend(m contextMutex) {
	s.calls("Extend", m, func(m contextMutex) (any, error) { ok, err := m.Extend(); return ok, err })
}

func (s *stage) valid(m contextMutex) {
	s.calls("Valid", m, func(m contextMutex) (any, error) { ok, err := m.Valid(); return ok, err })
}

// locked is a mutex that is locked on all nodes that are not down.
func (s *stage) locked(change ...func(*settings)) contextMutex {
	s.t.Helper()
	m := s.mutex(change...)
	if err := s.lock(m); err != nil {
		s.t.Fatalf("%s: Lock: %v", s.library, err)
	}
	s.settle(m.Value())
	return m
}

// reachable are the nodes that are not down.
func (s *stage) reachable() []*servers.Server {
	var nodes []*servers.Server
	for i, node := range s.nodes {
		if !slices.Contains(s.down, i) {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// settle waits until all reachable nodes have the value.
func (s *stage) settle(value string) {
	s.t.Helper()
	held(s.t, s.reachable(), s.subject, value)
}

// expire waits until no reachable node has the key any more.
func (s *stage) expire() {
	s.t.Helper()
	nothingLeft(s.t, s.reachable())
}

// keys notes what is on the nodes, when it has become want; else after a while.
func (s *stage) keys(m contextMutex, want string) {
	s.t.Helper()
	wait := patience / 2
	if s.library == "redsync" { // what it leaves it leaves
		wait = time.Second / 2
	}
	s.sees("keys", s.keysWithin(m, wait, func(got string) bool { return got == want }))
}

// keysWithin returns what is on the nodes, when it is as it should be; else after
// the wait.
func (s *stage) keysWithin(m contextMutex, wait time.Duration, is func(string) bool) string {
	s.t.Helper()
	for deadline := time.Now().Add(wait); ; time.Sleep(time.Millisecond) { // there is nothing to be told by
		words := make(map[string]bool)
		for _, node := range s.reachable() {
			words[s.key(node, m.Value())] = true
		}
		got := strings.Join(slices.Sorted(maps.Keys(words)), " and ")
		if is(got) || time.Now().After(deadline) {
			return got
		}
	}
}

const keyScript = `
local kind = redis.call('TYPE', KEYS[1]).ok
return { kind, kind == 'string' and redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1]) }`

// key describes the key on a node.
func (s *stage) key(node *servers.Server, mine string) string {
	s.t.Helper()
	reply, err := redis.Values(do(s.t, node, "EVAL", keyScript, 1, s.subject), nil)
	var kind, value string
	var ms int64
	if err == nil {
		_, err = redis.Scan(reply, &kind, &value, &ms)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if kind != "string" {
		return kind
	}
	owner := "another's"
	if value == mine {
		owner = "mine"
	}
	switch ttl := time.Duration(ms) * time.Millisecond; {
	case ttl < 0:
		return owner + " for ever"
	case ttl <= 35*time.Second:
		return owner + " for half a minute"
	case ttl <= time.Minute:
		return owner + " for a minute"
	}
	return owner + " for longer"
}

// on has every given node do something, by its index.
func (s *stage) on(nodes []int, args ...any) {
	s.t.Helper()
	for _, i := range nodes {
		do(s.t, s.nodes[i], args[0].(string), args[1:]...)
	}
}

func (s *stage) onAll(args ...any) { s.t.Helper(); s.on(s.indices(len(s.nodes)), args...) }

func (s *stage) onReachable(args ...any) {
	s.t.Helper()
	all(s.t, s.reachable(), command(args[0].(string), args[1:]...))
}

// quorum and minority are so many nodes, from the first on.
func (s *stage) quorum() []int   { return s.indices(len(s.nodes)/2 + 1) }
func (s *stage) minority() []int { return s.indices((len(s.nodes) - 1) / 2) }

func (s *stage) indices(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i)
	}
	return all
}

// describe returns an error in words that mean the same for both libraries: its
// dynamic types, what it is equal to, and what it matches.
func describe(err error) string {
	if err == nil {
		return "nil"
	}
	kinds := make(map[string]bool)
	whole := err
	is := func(err error, name string) {
		if err == whole {
			name = "== " + name
		}
		kinds[name] = true
	}
	var walk func(err error)
	walk = func(err error) {
		switch e := err.(type) {
		case *redsync.ErrTaken, *dropin.ErrTaken:
			kinds["taken"] = true
		case *redsync.ErrNodeTaken, *dropin.ErrNodeTaken:
			kinds["node taken"] = true
		case *redsync.RedisError:
			kinds["node failed"] = true
		case *dropin.RedisError:
			kinds["node failed"] = true
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		default:
			switch {
			case err == redsync.ErrFailed, err == dropin.ErrFailed:
				is(err, "ErrFailed")
			case err == redsync.ErrExtendFailed, err == dropin.ErrExtendFailed:
				is(err, "ErrExtendFailed")
			case errors.Is(err, redsync.ErrLockAlreadyExpired), errors.Is(err, dropin.ErrLockAlreadyExpired):
				kinds["expired"] = true
			case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // below, for all
			default:
				kinds[strings.TrimPrefix(err.Error(), "redlatch: ")] = true
			}
		}
	}
	walk(err)
	if errors.Is(err, context.Canceled) {
		kinds["canceled"] = true
	}
	if errors.Is(err, context.DeadlineExceeded) {
		kinds["deadline"] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
}

func onNumbers(n ...int) []int { return n }

// anyNumber is how many nodes most cases are played on.
var anyNumber = onNumbers(1, 2, 3, 5)

// TestDifferential plays every case with redsync and with the drop-in, on the same
// servers, and compares what is seen. What differs has to be on the list of
// differences, and everything on that list has to differ.
func TestDifferential(t *testing.T) {
	needServers(t)
	g := engine.Lease(t, images[2])
	found := make(chan string, 100_000) // more than there are
	for _, c := range cases {
		for _, n := range c.numbers {
			t.Run(fmt.Sprintf("%s/N=%d", c.name, n), func(t *testing.T) {
				play := func(library string) *stage {
					s := newStage(t, library, g.Nodes(t, n))
					c.play(s)
					return s
				}
				theirs := play(libraries[0])
				for _, library := range libraries[1:] {
					judge(t, c.name, differences, found, func(again bool) (*stage, *stage) {
						if again {
							theirs = play(libraries[0])
						}
						return theirs, play(library)
					})
				}
			})
		}
	}
	close(found)
	wantFound(t, differences, found)
}

// judge lets the same be played with redsync and with ours, and finds the differences,
// all of which have to be on the list. If one is not it is played again: where an answer
// comes late, on a busy machine, less can be seen (D4), and sometimes else; but not
// every time.
func judge(t *testing.T, name string, list map[string]map[string]string, found chan<- string, play func(again bool) (theirs, ours *stage)) {
	t.Helper()
	const most = 5
	for tries := 1; ; tries++ {
		theirs, ours := play(tries > 1)
		seen := compare(theirs.seen, ours.seen)
		strange := slices.DeleteFunc(slices.Clone(seen), func(d string) bool { return list[name][d] != "" })
		switch {
		case len(strange) == 0:
			for _, d := range seen {
				found <- name + ": " + d
			}
			return
		case tries == most:
			t.Errorf("redsync and the drop-in (%s) differ:\n%s\nredsync: %q\ndrop-in: %q", ours.library, strings.Join(strange, "\n"), theirs.seen, ours.seen)
			return
		}
	}
}

// wantFound checks that every difference on the list was found; one with a question
// mark need not be.
func wantFound(t *testing.T, list map[string]map[string]string, found <-chan string) {
	t.Helper()
	if t.Failed() || !everything() {
		return
	}
	seen := make(map[string]bool)
	for d := range found {
		seen[d] = true
	}
	for name, differences := range list {
		for d, id := range differences {
			if !seen[name+": "+d] && !strings.HasSuffix(id, "?") {
				t.Errorf("the list has a difference that is none any more: %s: %s", name, d)
			}
		}
	}
}

// compare returns the lines in which two plays differ, as "redsync -> drop-in".
func compare(theirs, ours []string) []string {
	var lines []string
	for i := range max(len(theirs), len(ours)) {
		their, our := "nothing", "nothing"
		if i < len(theirs) {
			their = theirs[i]
		}
		if i < len(ours) {
			our = ours[i]
		}
		if their != our {
			lines = append(lines, their+" -> "+our)
		}
	}
	return lines
}
