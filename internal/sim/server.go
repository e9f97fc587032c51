package sim

import (
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A server is a node: as much of a Redis server as package pool makes use of. Its
// methods are called by the network, one at a time, and are told the true time.
type server struct {
	spec    nodeSpec
	offset  time.Duration // how far its clock was set forward
	keys    keyspace
	scripts [6]bool // which it knows, by scriptNames
	past    []snapshot

	lines [names]line
	lasts [names]int64 // the last millisecond on the server's clock in which they are there

	// Who listens to an inbox, and what they are sent.
	listeners func(inbox string) int
	publish   func(inbox, payload string, t time.Duration) int

	// What the judge asks, and what it is told: a key is gone, by its time or by a release.
	sets []setting
	gone func(key, time.Duration)
}

// A keyspace is all that a server keeps: a key for each lock, by its number.
type keyspace [names]key

type key struct {
	value string // "": there is no key
	when  int64  // the last millisecond on the server's clock in which it is there

	handed bool // it was handed over to the value, which has not claimed it yet
}

type snapshot struct {
	at   time.Duration
	keys keyspace
}

// A setting is when a server set a key, or its time to live; or was given it back; or lost it
// other than by a command, or by its time.
type setting struct {
	at     time.Duration
	name   int
	value  string        // "": lost, or given back
	lost   string        // what was lost
	given  string        // what was given back
	until  time.Duration // when it will expire
	anew   bool          // it was not there, or another's
	handed bool          // it was handed over
}

var scriptNames = [6]string{"acquire", "extend", "release", "look", "wait", "handover"}

// scriptHashes are the scripts' hashes, in the order of scriptNames.
var scriptHashes = func() (hashes [6]string) {
	for i, name := range scriptNames {
		hashes[i] = pool.Scripts()[name].Hash
	}
	return hashes
}()

var scriptTexts = func() (texts [6]string) {
	for i, name := range scriptNames {
		texts[i] = pool.Scripts()[name].Text
	}
	return texts
}()

// milliseconds returns what the server's clock shows. Whole milliseconds are all
// that a server's keys know.
func (s *server) milliseconds(t time.Duration) int64 {
	return int64((time.Duration(float64(t)*s.spec.rate) + s.offset) / time.Millisecond)
}

func (s *server) microseconds(t time.Duration) int64 {
	return int64((time.Duration(float64(t)*s.spec.rate) + s.offset) / time.Microsecond)
}

// trueTime returns when the server's clock gets to the millisecond, as it is set.
func (s *server) trueTime(ms int64) time.Duration {
	return time.Duration(float64(time.Duration(ms)*time.Millisecond-s.offset) / s.spec.rate)
}

// find returns the key called name; there is none once its time has come.
func (s *server) find(name int, t time.Duration) *key {
	k := &s.keys[name]
	if k.value != "" && s.milliseconds(t) > k.when {
		s.gone(*k, s.trueTime(k.when+1))
		*k = key{}
	}
	return k
}

// set gives the key called name a value and a time to live.
func (s *server) set(name int, value string, ms int64, t time.Duration) {
	when := s.milliseconds(t) + ms
	s.sets = append(s.sets, setting{at: t, name: name, value: value, until: s.trueTime(when), anew: s.keys[name].value != value})
	s.keys[name] = key{value: value, when: when}
	s.changed(t)
}

func (s *server) changed(t time.Duration) { s.past = append(s.past, snapshot{t, s.keys}) }

// lose makes the server's keys others, by no command.
func (s *server) lose(t time.Duration, keys keyspace) {
	for name := range s.keys {
		old := *s.find(name, t)
		s.keys[name] = keys[name]
		if *s.find(name, t) != old {
			s.sets = append(s.sets, setting{at: t, name: name, lost: old.value})
			if v := s.keys[name].value; v != "" {
				s.sets = append(s.sets, setting{at: t, name: name, value: v, until: s.trueTime(s.keys[name].when), anew: true})
			}
		}
	}
	s.changed(t)
}

// ago returns what the keys were at the true time t.
func (s *server) ago(t time.Duration) keyspace {
	var keys keyspace
	for _, p := range s.past {
		if p.at > t {
			break
		}
		keys = p.keys
	}
	return keys
}

// do serves a command, and returns the reply that a [pool.Commander] would.
func (s *server) do(t time.Duration, args []any) (any, error) {
	switch args[0] {
	case "COMMAND":
		if s.spec.native {
			return []any{[]any{"delifeq"}, nil}, nil
		}
		return []any{nil, nil}, nil
	case "DELIFEQ":
		if s.release(s.find(nameOf(args[1]), t), args[2].(string), t) == 1 {
			return int64(1), nil
		}
		return int64(0), nil
	case "DEL": // which no client should send, since it asks for no value
		k := s.find(nameOf(args[1]), t)
		return s.release(k, k.value, t), nil
	case "SET":
		return s.setCommand(t, args)
	case "EVALSHA", "EVAL":
		return s.eval(t, args)
	case "PUBLISH":
		return int64(s.publish(args[1].(string), args[2].(string), t)), nil
	}
	return nil, &pool.ServerError{Message: "ERR unknown command"}
}

func (s *server) setCommand(t time.Duration, args []any) (any, error) {
	name, value := nameOf(args[1]), args[2].(string)
	k := s.find(name, t)
	ms := args[len(args)-1].(int64)
	switch {
	case args[3] == "NX" && k.value != "", args[3] == "IFEQ" && k.value != args[4]:
		return nil, nil
	case args[3] == "IFEQ" && !s.spec.native:
		return nil, &pool.ServerError{Message: "ERR syntax error"}
	}
	s.set(name, value, ms, t)
	return "OK", nil
}

// eval runs a script, which does here what it does there.
func (s *server) eval(t time.Duration, args []any) (any, error) {
	script := 0
	for script < len(scriptNames) && args[1] != scriptHashes[script] && args[1] != scriptTexts[script] {
		script++
	}
	switch {
	case script == len(scriptNames):
		return nil, &pool.ServerError{Message: "ERR no such script in this world"}
	case args[0] == "EVAL":
		s.scripts[script] = true
	case !s.scripts[script]:
		return nil, &pool.ServerError{Message: "NOSCRIPT No matching script."}
	}
	switch scriptNames[script] {
	case "wait":
		return s.wait(t, args), nil
	case "handover":
		return s.handOver(t, args), nil
	}
	name, value := nameOf(args[3]), args[4].(string)
	k := s.find(name, t)
	state := int64(-1)
	if k.value != "" {
		state = 0
	}
	if k.value == value {
		state = 1
	}
	switch scriptNames[script] {
	case "acquire":
		switch state {
		case -1:
			s.set(name, value, args[5].(int64), t)
			return []any{int64(1), int64(0)}, nil
		case 1:
			state = 2
		}
		return []any{state, k.when - s.milliseconds(t)}, nil
	case "extend":
		if state == 1 {
			s.set(name, value, args[5].(int64), t)
		}
		return state, nil
	case "release":
		return s.release(k, value, t), nil
	}
	return []any{state, max(0, k.when-s.milliseconds(t))}, nil
}

func (s *server) release(k *key, value string, t time.Duration) int64 {
	switch k.value {
	case "":
		return -1
	case value:
		s.giveBack(k, t)
		*k = key{}
		s.changed(t)
		return 1
	}
	return 0
}

// giveBack notes that a key is given back.
func (s *server) giveBack(k *key, t time.Duration) {
	s.gone(*k, t)
	s.sets = append(s.sets, setting{at: t, given: k.value})
}

// lockNames are the keys of the locks.
var lockNames = [names]string{"lock", "other"}

func nameOf(arg any) int {
	if arg == lockNames[0] {
		return 0
	}
	return 1
}
