package integration

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redlatch/redlatch/integration/servers"
)

// A situation is what a call meets.
type situation struct {
	numbers []int
	down    func(*stage) []int // nodes that nobody listens at; nil is none
	ended   bool               // the call's context has ended
	prepare func(*stage, contextMutex)
}

// locked locks the mutex, and leaves it half a minute: an extension can be seen.
func locked(s *stage, m contextMutex) {
	s.lock(m)
	s.settle(m.Value())
	s.onReachable("PEXPIRE", s.subject, 30_000)
}

var situations = map[string]situation{
	"free":            {numbers: anyNumber, prepare: func(*stage, contextMutex) {}},
	"locked":          {numbers: anyNumber, prepare: locked},
	"another's":       {numbers: anyNumber, prepare: func(s *stage, _ contextMutex) { s.onAll("SET", s.subject, "another") }},
	"of another type": {numbers: anyNumber, prepare: func(s *stage, _ contextMutex) { s.onAll("RPUSH", s.subject, "x") }},
	"lost": {numbers: anyNumber, prepare: func(s *stage, m contextMutex) {
		locked(s, m)
		s.onAll("DEL", s.subject)
	}},
	"taken over": {numbers: anyNumber, prepare: func(s *stage, m contextMutex) {
		locked(s, m)
		s.onAll("SET", s.subject, "another")
	}},
	"taken over on a minority": {numbers: onNumbers(3, 5), prepare: func(s *stage, m contextMutex) {
		locked(s, m)
		s.on(s.minority(), "SET", s.subject, "another")
	}},
	"for ever": {numbers: anyNumber, prepare: func(s *stage, m contextMutex) {
		locked(s, m)
		s.onAll("PERSIST", s.subject)
	}},
	"a minority down, free":   {numbers: onNumbers(3, 5), down: (*stage).minority, prepare: func(*stage, contextMutex) {}},
	"a minority down, locked": {numbers: onNumbers(3, 5), down: (*stage).minority, prepare: locked},
	"a quorum down":           {numbers: anyNumber, down: (*stage).quorum, prepare: func(*stage, contextMutex) {}},
	"ended context, free":     {numbers: anyNumber, ended: true, prepare: func(*stage, contextMutex) {}},
	"ended context, locked":   {numbers: anyNumber, ended: true, prepare: locked},
}

// crossedOptions are set one at a time.
var crossedOptions = map[string]func(*settings){
	"none":                     func(*settings) {},
	"WithExpiry, odd":          func(set *settings) { set.expiry = 50*time.Second + 999_999*time.Nanosecond },
	"WithTries, 1":             func(set *settings) { set.tries = 1 },
	"WithRetryDelay, negative": func(set *settings) { set.delay = -time.Second },
	"WithRetryDelayFunc":       func(set *settings) { set.delays = func(tries int) time.Duration { return time.Duration(tries) } },
	"WithSetNXOnExtend":        func(set *settings) { set.setNX = true },
	"WithDriftFactor, much":    func(set *settings) { set.drift = 0.5 },
	"WithTimeoutFactor, 1":     func(set *settings) { set.timeout = 1 },
	"WithGenValueFunc":         func(set *settings) { set.gen = func() (string, error) { return "made", nil } },
	"WithGenValueFunc, odd":    func(set *settings) { set.gen = func() (string, error) { return "\x00 \xff\r\n", nil } },
	"WithValue":                func(set *settings) { set.value = "handed over" },
	"WithFailFast":             func(set *settings) { set.failFast = true },
	"WithShufflePools":         func(set *settings) { set.shuffle = true },
}

// crossedCalls are made of a new mutex each.
var crossedCalls = map[string]func(context.Context, contextMutex) (any, error){
	"Lock":    func(ctx context.Context, m contextMutex) (any, error) { return nil, m.LockContext(ctx) },
	"TryLock": func(ctx context.Context, m contextMutex) (any, error) { return nil, m.TryLockContext(ctx) },
	"Extend": func(ctx context.Context, m contextMutex) (any, error) {
		ok, err := m.ExtendContext(ctx)
		return ok, err
	},
	"Unlock": func(ctx context.Context, m contextMutex) (any, error) {
		ok, err := m.UnlockContext(ctx)
		return ok, err
	},
	"Valid": func(ctx context.Context, m contextMutex) (any, error) { ok, err := m.ValidContext(ctx); return ok, err },
}

// TestDifferentialOfOptions makes every call with every option in every situation,
// with redsync and with the drop-in, on one number of nodes with redsync's pools and
// on the next with redlatch's, and compares what is seen. What differs has to be on
// the list of crossed differences, and everything on that list has to differ.
func TestDifferentialOfOptions(t *testing.T) {
	needServers(t)
	nodes := engine.Lease(t, images[len(images)-1]).Nodes(t, servers.Max)
	found := make(chan string, 100_000) // more than there are
	t.Run("situations", func(t *testing.T) {
		for name, situation := range situations {
			for _, n := range situation.numbers {
				t.Run(fmt.Sprintf("%s/N=%d", name, n), func(t *testing.T) {
					t.Parallel() // every play has a name of its own
					c := newCross(t, nodes[:n], name)
					for i, option := range slices.Sorted(maps.Keys(crossedOptions)) {
						for k, call := range slices.Sorted(maps.Keys(crossedCalls)) {
							c.differ(option, call, c.stages[1+(i+k+slices.Index(anyNumber, n))%2], found)
						}
					}
				})
			}
		}
	})
	close(found)
	wantFound(t, crossedDifferences, found)
}

// A cross is one situation on some nodes.
type cross struct {
	t      *testing.T
	name   string
	stages []*stage // by library
	played int
}

func newCross(t *testing.T, nodes []*servers.Server, name string) *cross {
	c := &cross{t: t, name: name}
	for _, library := range libraries {
		s := newStage(t, library, nodes)
		if down := situations[name].down; down != nil {
			s.down = down(s)
		}
		s.connect()
		c.stages = append(c.stages, s)
	}
	return c
}

// differ makes a call with redsync and with ours, and finds the differences.
func (c *cross) differ(option, call string, ours *stage, found chan<- string) {
	c.t.Helper()
	judge(c.t, c.name, crossedDifferences, found, func(bool) (*stage, *stage) {
		c.played++
		theirs := c.stages[0]
		for _, s := range []*stage{theirs, ours} {
			s.subject = fmt.Sprintf("%s N=%d: %s %s, %s %d", c.name, len(s.nodes), call, option, s.library, c.played)
			s.seen = nil
		}
		c.play(theirs, option, call, nil)
		c.play(ours, option, call, theirs.seen)
		return theirs, ours
	})
}

// play makes the call with one library. Theirs is what was seen with redsync; nil if
// that is the library.
func (c *cross) play(s *stage, option, call string, theirs []string) {
	made, delayed := 0, 0
	var validity time.Duration
	m := s.newMutex(crossedOptions[option], func(set *settings) {
		validity = set.expiry - time.Duration(float64(set.expiry)*set.drift)
		if gen := set.gen; gen != nil {
			set.gen = func() (string, error) { made++; return gen() }
		}
		if delays := set.delays; delays != nil {
			set.delays = func(tries int) time.Duration { delayed += tries; return delays(tries) }
		}
	})
	situations[c.name].prepare(s, m)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if situations[c.name].ended {
		cancel()
	}
	start := time.Now()
	until := m.Until()
	s.calls(call, m, func(m contextMutex) (any, error) { return crossedCalls[call](ctx, m) })
	s.sees(call+": until is what it was, or as the options say",
		m.Until().Equal(until) || m.Until().Sub(start.Add(validity)).Abs() < 5*time.Second)
	s.sees(call+" has made values, and delays", made, delayed)

	label := call + " has left keys"
	if theirs == nil {
		failFast := option == "WithFailFast" // else redsync waits for all nodes
		s.sees(label, s.keysWithin(m, 50*time.Millisecond, func(string) bool { return !failFast }))
		return
	}
	s.sees(label, s.keysWithin(m, time.Second, func(got string) bool {
		their, our := theirs[len(s.seen)], label+": "+got
		return their == our || crossedDifferences[c.name][their+" -> "+our] != ""
	}))
}

// crossedDifferences are those that are intended, as in differences, by situation.
var crossedDifferences = map[string]map[string]string{
	"a minority down, free": {
		"Extend has left keys: mine for a minute -> Extend has left keys: none":                                        "C2",
		"Extend: false taken -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex":        "D2",
		"Extend: false taken -> Extend: false expired, node failed":                                                    "C17",
		"Extend: true nil new until -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex": "C2",
		"Unlock: false expired, node failed -> Unlock: false expired, failed to unlock, not locked by this mutex":      "C3",
		"Valid: false taken -> Valid: false expired, node failed":                                                      "C17",
		"Valid: false taken -> Valid: false lock is not valid, not locked by this mutex":                               "C17",
	},
	"a minority down, locked": {
		"Lock has left keys: mine for a minute -> Lock has left keys: mine for half a minute": "D6",
		"Lock: nil new until -> Lock: taken":                                                  "D6",
		"TryLock has left keys: none -> TryLock has left keys: mine for half a minute":        "D6",
		"Valid: true node failed -> Valid: true nil":                                          "D3",
	},
	"a quorum down": {
		"Extend has left keys: mine for a minute -> Extend has left keys: none":                                                   "C2",
		"Extend: false node failed -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex":             "D2",
		"Extend: false node failed, node taken -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex": "D2",
		"Extend: false node failed, node taken -> Extend: false expired, node failed":                                             "C17",
		"Unlock: false expired, node failed -> Unlock: false expired, failed to unlock, not locked by this mutex":                 "C3",
		"Unlock: false node failed -> Unlock: false expired, failed to unlock, not locked by this mutex":                          "C3",
		"Valid: false node failed, node taken -> Valid: false expired, node failed":                                               "C17",
		"Valid: false taken -> Valid: false lock is not valid, not locked by this mutex":                                          "C17",
	},
	"another's": {
		"Extend: false taken -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex": "D2",
		"Unlock: false taken -> Unlock: false expired, failed to unlock, not locked by this mutex":              "C3",
		"Valid: false taken -> Valid: false lock is not valid, not locked by this mutex":                        "C17",
	},
	"ended context, free": {
		"Extend has left keys: mine for a minute -> Extend has left keys: none":                      "C9",
		"Extend: false taken -> Extend: false canceled":                                              "C9",
		"Extend: true nil new until -> Extend: false canceled":                                       "C9",
		"Lock has left keys: mine for a minute -> Lock has left keys: none":                          "C9",
		"Lock has made values, and delays: 1 0 -> Lock has made values, and delays: 0 0":             "C9",
		"Lock: nil new value new until -> Lock: == ErrFailed, canceled":                              "C9",
		"Lock: nil new value new until -> Lock: canceled":                                            "C9",
		"TryLock has left keys: mine for a minute -> TryLock has left keys: none":                    "C9",
		"TryLock has made values, and delays: 1 0 -> TryLock has made values, and delays: 0 0":       "C9",
		"TryLock: nil new value new until -> TryLock: canceled":                                      "C9",
		"Unlock: false expired -> Unlock: false canceled":                                            "C12?",
		"Unlock: false expired -> Unlock: false canceled, expired":                                   "C12?",
		"Unlock: false expired -> Unlock: false expired, failed to unlock, not locked by this mutex": "C3",
		"Valid: false taken -> Valid: false canceled":                                                "C9",
	},
	"ended context, locked": {
		"Extend has left keys: mine for a minute -> Extend has left keys: mine for half a minute": "C9",
		"Extend: true nil new until -> Extend: false canceled":                                    "C9",
		"Lock has left keys: none -> Lock has left keys: mine for half a minute":                  "C9",
		"Lock has made values, and delays: 0 1 -> Lock has made values, and delays: 0 0":          "C9",
		"Lock has made values, and delays: 2 0 -> Lock has made values, and delays: 1 0":          "C9",
		"Lock: == ErrFailed -> Lock: == ErrFailed, canceled":                                      "C9",
		"Lock: taken -> Lock: == ErrFailed, canceled":                                             "C9",
		"Lock: taken -> Lock: canceled":                                                           "C9",
		"TryLock has left keys: none -> TryLock has left keys: mine for half a minute":            "C9",
		"TryLock has made values, and delays: 2 0 -> TryLock has made values, and delays: 1 0":    "C9",
		"TryLock: taken -> TryLock: canceled":                                                     "C9",
		"Unlock: true nil -> Unlock: false canceled":                                              "C12?",
		"Valid: true nil -> Valid: false canceled":                                                "C9",
	},
	"for ever": {
		"Lock has left keys: mine for a minute -> Lock has left keys: mine for ever": "D6",
		"Lock: nil new until -> Lock: taken":                                         "D6",
		"TryLock has left keys: none -> TryLock has left keys: mine for ever":        "D6",
	},
	"free": {
		"Extend has left keys: mine for a minute -> Extend has left keys: none":                                        "C2",
		"Extend: false taken -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex":        "D2",
		"Extend: false taken -> Extend: false expired":                                                                 "C17",
		"Extend: true nil new until -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex": "C2",
		"Unlock: false expired -> Unlock: false expired, failed to unlock, not locked by this mutex":                   "C3",
		"Valid: false taken -> Valid: false expired":                                                                   "C17",
		"Valid: false taken -> Valid: false lock is not valid, not locked by this mutex":                               "C17",
	},
	"locked": {
		"Lock has left keys: mine for a minute -> Lock has left keys: mine for half a minute": "D6",
		"Lock: nil new until -> Lock: taken":                                                  "D6",
		"TryLock has left keys: none -> TryLock has left keys: mine for half a minute":        "D6",
	},
	"lost": {
		"Extend: false taken -> Extend: false expired": "C17",
		"Valid: false taken -> Valid: false expired":   "C17",
	},
	"of another type": {
		"Extend: false node failed -> Extend: false ErrExtendFailed, failed to extend lock, not locked by this mutex": "D2",
		"Unlock: false node failed -> Unlock: false expired, failed to unlock, not locked by this mutex":              "C3",
		"Valid: false taken -> Valid: false lock is not valid, not locked by this mutex":                              "C17",
	},
	"taken over on a minority": {
		"Lock has left keys: another's for ever and mine for a minute -> Lock has left keys: another's for ever and mine for half a minute": "D6",
		"Lock: nil new until -> Lock: taken": "D6",
		"TryLock has left keys: another's for ever and none -> TryLock has left keys: another's for ever and mine for half a minute": "D6",
		"Valid: true node taken -> Valid: true nil": "D3",
	},
}
