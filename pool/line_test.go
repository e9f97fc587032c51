package pool

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// slotOf is the slot of a key in a Redis Cluster, as its specification has it: CRC16 of
// what is in the first braces, or of all of it if there is nothing in them.
func slotOf(key string) uint16 {
	if _, after, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(after, "}"); ok && tag != "" {
			key = tag
		}
	}
	var crc uint16
	for _, b := range []byte(key) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % 16384
}

func TestSlotOf(t *testing.T) {
	// From the specification, and from a server.
	for key, want := range map[string]uint16{"123456789": 0x31c3, "foo": 12182, "{foo}bar": 12182, "": 0} {
		if got := slotOf(key); got != want {
			t.Errorf("%q: got %d, want %d", key, got, want)
		}
	}
}

func TestLineOf(t *testing.T) {
	for name, want := range map[string]string{
		"":           "",
		"orders":     "{orders}:redlatch-line",
		"a b\r\n":    "{a b\r\n}:redlatch-line",
		"{tag}rest":  "{tag}rest:redlatch-line",
		"a{tag}{b}":  "a{tag}{b}:redlatch-line",
		"{{tag}}":    "{{tag}}:redlatch-line",
		"}{tag}":     "}{tag}:redlatch-line",
		"a{b":        "{a{b}:redlatch-line",
		"{":          "{{}:redlatch-line",
		"\xff\x00":   "{\xff\x00}:redlatch-line",
		"}":          "",
		"a}b":        "",
		"{}":         "",
		"{}rest":     "",
		"{}{tag}":    "", // the first braces count, and they are empty
		"a}b{c":      "",
		"{tag":       "{{tag}:redlatch-line",
		"a{}b{tag}c": "",
	} {
		got := lineOf(name)
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
		if got != "" && slotOf(got) != slotOf(name) {
			t.Errorf("%q and %q are in the slots %d and %d", name, got, slotOf(name), slotOf(got))
		}
	}
}

// No name has a line in another slot, nor one that is the name of another's.
func FuzzLineOf(f *testing.F) {
	for _, seed := range [][2]string{{"a", "{a}"}, {"a", "{a}:redlatch-line"}, {"{a}", "a"}, {"a{", "{a{}"}, {"{}", "}"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		line := lineOf(a)
		if line == "" {
			return
		}
		if slotOf(line) != slotOf(a) {
			t.Errorf("%q and %q are in the slots %d and %d", a, line, slotOf(a), slotOf(line))
		}
		if line == a {
			t.Errorf("%q is its own line", a)
		}
	})
}

// waiting is a reply of wait.lua.
func waiting(state, ttl, place int64, owner, next string) []any {
	return []any{state, ttl, place, owner, next}
}

func TestWaitAnswer(t *testing.T) {
	for _, test := range []struct {
		reply any
		want  Answer
		ok    bool
	}{
		{waiting(1, 0, 0, "", ""), Answer{State: Yes}, true},
		{waiting(1, 0, 0, "", "in v"), Answer{State: Yes, Next: "in v"}, true},
		{waiting(0, 250, -1, "w", ""), Answer{State: Other, TTL: 250 * time.Millisecond, Place: Joined, Owner: "w"}, true},
		{waiting(0, -1, 3, "w", ""), Answer{State: Other, TTL: NoExpiry, Place: 3, Owner: "w"}, true},
		{waiting(0, -2, 0, "", ""), Answer{State: Other}, true},
		{waiting(0, 0, math.MaxInt64, "", ""), Answer{State: Other, TTL: time.Millisecond, Place: math.MaxInt}, true},
		{waiting(-1, 0, 0, "", ""), Answer{}, false},
		{waiting(2, 0, 0, "", ""), Answer{}, false},
		{waiting(0, 0, -2, "", ""), Answer{}, false},
		{[]any{int64(1), int64(0), int64(0), ""}, Answer{}, false},
		{[]any{int64(1), int64(0), int64(0), "", "", ""}, Answer{}, false},
		{[]any{int64(1), int64(0), int64(0), nil, ""}, Answer{}, false},
		{[]any{int64(1), int64(0), int64(0), "", nil}, Answer{}, false},
		{[]any{"1", int64(0), int64(0), "", ""}, Answer{}, false},
		{[]any{int64(1), nil, int64(0), "", ""}, Answer{}, false},
		{[]any{int64(1), int64(0), "0", "", ""}, Answer{}, false},
		{integers(1, 0, 0, 0, 0), Answer{}, false},
		{integers(0, 250), Answer{}, false},
		{int64(1), Answer{}, false},
		{"OK", Answer{}, false},
		{nil, Answer{}, false},
	} {
		if got, ok := waitAnswer(test.reply); got != test.want || ok != test.ok {
			t.Errorf("%v: got %+v, %v, want %+v, %v", test.reply, got, ok, test.want, test.ok)
		}
	}
}

var (
	noPerm    = &ServerError{Message: "NOPERM No permissions to access a key"}
	crossSlot = &ServerError{Message: "CROSSSLOT Keys in request don't hash to the same slot"}
	errTwo    = &ServerError{Message: "ERR eval/evalsha command keys must in same slot"}
	full      = &ServerError{Message: "ERR max number of clients reached"}
)

const (
	shaWait     = "EVALSHA wait 2 k {k}:redlatch-line v 1500 in 2000000 90000 "
	shaHand     = "EVALSHA handover 2 k {k}:redlatch-line v "
	shaAcquire  = "EVALSHA acquire 1 k v 1500"
	shaRelease  = "EVALSHA release 1 k v"
	commandInfo = "COMMAND INFO DELIFEQ DELEX"
)

// What is asked of a line, what it answers, and what is asked without one.
func TestLine(t *testing.T) {
	wait := Request{Op: Acquire, Name: "k", Value: "v", Expiry: 1500 * time.Millisecond, Wait: true, Waited: 2 * time.Second, Inbox: "in"}
	listens, again, all, braced := wait, wait, wait, wait
	listens.Listens, again.Again, braced.Name = true, true, "}"
	all.Listens, all.Again, all.TellNext = true, true, true
	release := Request{Op: Release, Name: "k", Value: "v", Inbox: "in"}
	hand, leave, both := release, release, release
	hand.HandOver, hand.Next, leave.Again, both.HandOver, both.Again = true, "in w", true, true, true
	noLine := Answer{State: Other, TTL: 250 * time.Millisecond}

	for _, test := range []struct {
		name    string
		req     Request
		replies []any
		want    Answer
		sent    []string
	}{
		{"wait", wait, []any{waiting(1, 0, 0, "", "")}, Answer{State: Yes}, []string{shaWait}},
		{"wait, refused", listens, []any{waiting(0, 250, -1, "w", "")}, Answer{State: Other, TTL: 250 * time.Millisecond, Place: Joined, Owner: "w"}, []string{shaWait + "listens "}},
		{"wait again", again, []any{waiting(0, 250, 2, "w", "")}, Answer{State: Other, TTL: 250 * time.Millisecond, Place: 2, Owner: "w"}, []string{shaWait + "again "}},
		{"wait, all at once", all, []any{waiting(1, 0, 0, "", "in w")}, Answer{State: Yes, Next: "in w"}, []string{shaWait + "listens again next"}},
		{"wait, no script", wait, []any{noScript, waiting(1, 0, 0, "", "")}, Answer{State: Yes}, []string{shaWait, "EVAL" + strings.TrimPrefix(shaWait, "EVALSHA")}},
		{"wait, reply lost", again, []any{errClosed, waiting(1, 0, 0, "", "")}, Answer{State: Yes, Resent: true}, []string{shaWait + "again ", shaWait + "again "}},
		{"wait for what has no line", braced, []any{integers(0, 250)}, noLine, []string{"EVALSHA acquire 1 } v 1500"}},
		{"wait, no permission", wait, []any{noPerm, integers(0, 250)}, noLine, []string{shaWait, shaAcquire}},
		{"wait, another slot", wait, []any{crossSlot, integers(1, 0)}, Answer{State: Yes}, []string{shaWait, shaAcquire}},
		{"wait, of a proxy", wait, []any{errTwo, integers(0, 250)}, noLine, []string{shaWait, shaAcquire}},

		{"hand over", hand, []any{int64(1)}, Answer{State: Yes}, []string{shaHand + "hand in in w"}},
		{"leave", leave, []any{int64(0)}, Answer{State: Other}, []string{shaHand + "leave in "}},
		{"hand over and leave", both, []any{int64(-1)}, Answer{State: Absent}, []string{shaHand + "hand leave in "}},
		{"hand over, no permission", hand, []any{noPerm, noNative, int64(1)}, Answer{State: Yes}, []string{shaHand + "hand in in w", commandInfo, shaRelease}},
		{"hand over, reply lost", hand, []any{errClosed, int64(0)}, Answer{State: Other, Resent: true}, []string{shaHand + "hand in in w", shaHand + "hand in in w"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &scripted{t: t, replies: test.replies, idle: 1}
			test.req.Timeout = time.Second
			got, err := NewRedis(server).Ask(context.Background(), test.req)
			if got != test.want || err != nil {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
			if !slices.Equal(server.got, test.sent) {
				t.Errorf("sent %q, want %q", server.got, test.sent)
			}
		})
	}

	for name, replies := range map[string][]any{
		"wrong type": {wrong}, "odd": {"OK"}, "pair": {integers(0, 250)}, "absent": {waiting(-1, 0, 0, "", "")}, "full": {full},
	} {
		server := &scripted{t: t, replies: replies}
		wait.Timeout = time.Second
		if a, err := NewRedis(server).Ask(context.Background(), wait); err == nil || a != (Answer{}) {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
	}
}

// A server that does not let us keep a line is not asked for one again, if it is that
// what it refuses.
func TestLineless(t *testing.T) {
	wait := Request{Op: Acquire, Name: "k", Value: "v", Expiry: 1500 * time.Millisecond, Timeout: time.Second, Wait: true, Waited: 2 * time.Second, Inbox: "in"}
	release := Request{Op: Release, Name: "k", Value: "v", Timeout: time.Second, HandOver: true}
	wrongOld := &ServerError{Message: "ERR Error running script (call to f_1): @user_script: 1: WRONGTYPE Operation against a key"}
	for _, test := range []struct {
		name     string
		replies  []any
		lineless bool
	}{
		{"no permission", []any{noPerm, integers(0, 250)}, true},
		{"another slot", []any{crossSlot, integers(1, 0)}, true},
		{"of a proxy", []any{errTwo, integers(1, 0)}, true},
		{"no permission at all", []any{noPerm, noPerm}, false},
		{"wrong type, of an old server", []any{wrongOld, wrongOld}, false},
		{"wrong type", []any{wrong}, false},
		{"no answer to the second", []any{noPerm, NoAnswer(time.Second)}, false},
		{"too many clients", []any{full}, false},
	} {
		server := &scripted{t: t, replies: test.replies}
		node := NewRedis(server)
		node.Ask(context.Background(), wait)
		if got := node.lineless.Load(); got != test.lineless || len(server.replies) > 0 {
			t.Errorf("%s: lineless: got %v, want %v; %d replies are left", test.name, got, test.lineless, len(server.replies))
		}
		if test.lineless {
			server.got, server.replies = nil, []any{integers(0, 250), noNative, int64(1)}
			node.Ask(context.Background(), wait)
			node.Ask(context.Background(), release)
			if want := []string{shaAcquire, commandInfo, shaRelease}; !slices.Equal(server.got, want) {
				t.Errorf("%s: then it sent %q, want %q", test.name, server.got, want)
			}
		}
	}
}
