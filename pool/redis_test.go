package pool

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a server that gives the replies it was told to, in order, and
// remembers the commands.
type scripted struct {
	t       *testing.T
	replies []any // a reply, or an error
	got     []string
	idle    int
}

func (s *scripted) Idle() int { return s.idle }

// resentByClient is a reply that came to a command that the client library had
// sent again by itself.
type resentByClient struct{ reply any }

func (s *scripted) Do(_ context.Context, timeout time.Duration, args ...any) (any, bool, error) {
	if timeout <= 0 || timeout > time.Second {
		s.t.Errorf("%v: the timeout is %v, want more than 0 and at most 1s", args, timeout)
	}
	command := fmt.Sprint(args[0])
	if command == "EVALSHA" || command == "EVAL" {
		for name, script := range Scripts() {
			if args[1] == script.Hash || args[1] == script.Text {
				command += " " + name
			}
		}
		args = args[1:]
	}
	for _, arg := range args[1:] {
		command += fmt.Sprint(" ", arg)
	}
	s.got = append(s.got, command)
	if len(s.replies) == 0 {
		s.t.Fatalf("a command too many: %s", command)
	}
	reply := s.replies[0]
	s.replies = s.replies[1:]
	again, resent := reply.(resentByClient)
	if resent {
		reply = again.reply
	}
	if err, ok := reply.(error); ok {
		return nil, resent, err
	}
	return reply, resent, nil
}

func integers(n ...int64) []any {
	var reply []any
	for _, n := range n {
		reply = append(reply, n)
	}
	return reply
}

var (
	noNative  = []any{nil, nil}
	delifeq   = []any{[]any{"delifeq", int64(3)}, nil}
	delex     = []any{nil, []any{"delex", int64(-2)}}
	noScript  = &ServerError{Message: "NOSCRIPT No matching script."}
	unknown   = &ServerError{Message: "ERR unknown command 'DELIFEQ', with args beginning with: 'k' 'v'"}
	errClosed = fmt.Errorf("%w: EOF", ErrClosed)
	wrong     = &ServerError{Message: "WRONGTYPE Operation against a key holding the wrong kind of value"}
)

// What every request sends, and makes of every reply.
func TestRedis(t *testing.T) {
	acquire := Request{Op: Acquire, Name: "k", Value: "v", Expiry: 1500*time.Millisecond + 999*time.Microsecond}
	explain := acquire
	explain.Explain = true
	reused, reusedExplain := acquire, explain
	reused.Reused, reusedExplain.Reused = true, true
	extend, release, look := acquire, acquire, acquire
	extend.Op, release.Op, look.Op = Extend, Release, Look

	const (
		set      = "SET k v NX PX 1500"
		info     = "COMMAND INFO DELIFEQ DELEX"
		shaAcq   = "EVALSHA acquire 1 k v 1500"
		shaExt   = "EVALSHA extend 1 k v 1500"
		shaRel   = "EVALSHA release 1 k v"
		shaLook  = "EVALSHA look 1 k v"
		ifeq     = "SET k v IFEQ v PX 1500"
		delIf    = "DELIFEQ k v"
		delEx    = "DELEX k IFEQ v"
		lookEval = "EVAL look 1 k v"
		evalAcq  = "EVAL acquire 1 k v 1500"
	)
	other := Answer{State: Other}
	tests := []struct {
		name    string
		req     Request
		replies []any
		want    Answer
		err     error
		sent    []string
	}{
		{"acquire", acquire, []any{"OK"}, Answer{State: Yes}, nil, []string{set}},
		{"acquire refused", acquire, []any{nil}, other, nil, []string{set}},
		{"acquire error", acquire, []any{wrong}, Answer{}, wrong, []string{set}},
		{"acquire, connection errClosed, free", acquire, []any{errClosed, "OK"}, Answer{State: Yes, Resent: true}, nil, []string{set, set}},
		{"acquire, reply lost, mine", acquire, []any{errClosed, nil, integers(1, 1499)}, Answer{State: Yes, Resent: true}, nil, []string{set, set, shaLook}},
		{"acquire, reply lost, another's with the same value", acquire, []any{errClosed, nil, integers(1, 900)}, Answer{State: Other, TTL: 900 * time.Millisecond, Resent: true}, nil, []string{set, set, shaLook}},
		{"acquire, reply lost, for ever with the same value", acquire, []any{errClosed, nil, integers(1, -1)}, Answer{State: Other, TTL: NoExpiry, Resent: true}, nil, []string{set, set, shaLook}},
		{"acquire, reply lost, time to live not known", acquire, []any{errClosed, nil, integers(1, -2)}, Answer{State: Other, Resent: true}, nil, []string{set, set, shaLook}},
		{"acquire of a reused value, reply lost, mine or another's", reused, []any{errClosed, nil, integers(1, 1499)}, Answer{Resent: true}, errUnknown, []string{set, set, shaLook}},
		{"acquire of a reused value, reply lost, another's", reused, []any{errClosed, nil, integers(1, 900)}, Answer{State: Other, TTL: 900 * time.Millisecond, Resent: true}, nil, []string{set, set, shaLook}},
		{"acquire, reply lost, another's", acquire, []any{errClosed, nil, integers(0, 7)}, Answer{State: Other, TTL: 7 * time.Millisecond, Resent: true}, nil, []string{set, set, shaLook}},
		{"acquire, reply lost, another's, gone since", acquire, []any{errClosed, nil, integers(-1, 0)}, Answer{State: Other, Resent: true}, nil, []string{set, set, shaLook}},
		{"acquire, reply lost, look refused", acquire, []any{errClosed, nil, wrong}, Answer{Resent: true}, wrong, []string{set, set, shaLook}},
		{"acquire, sent again by the client, free", acquire, []any{resentByClient{"OK"}}, Answer{State: Yes, Resent: true}, nil, []string{set}},
		{"acquire, sent again by the client, mine", acquire, []any{resentByClient{nil}, integers(1, 1500)}, Answer{State: Yes, Resent: true}, nil, []string{set, shaLook}},
		{"acquire, sent again by the client, another's", acquire, []any{resentByClient{nil}, integers(0, 7)}, Answer{State: Other, TTL: 7 * time.Millisecond, Resent: true}, nil, []string{set, shaLook}},
		{"acquire, closed for good", acquire, []any{errClosed, errClosed, errClosed}, Answer{Resent: true}, ErrClosed, []string{set, set, set}},
		{"acquire, reply lost, unreachable then", acquire, []any{errClosed, NotSent(errAny)}, Answer{Resent: true}, errUnknown, []string{set, set}},
		{"acquire, reply lost, unreachable in time", acquire, []any{errClosed, NotSent(NoAnswer(1))}, Answer{Resent: true}, errUnknown, []string{set, set}},
		{"acquire, reply lost, look unreachable", acquire, []any{errClosed, nil, NotSent(errAny)}, Answer{Resent: true}, errUnknown, []string{set, set, shaLook}},
		{"acquire, sent again by the client, look unreachable", acquire, []any{resentByClient{nil}, NotSent(errAny)}, Answer{Resent: true}, errUnknown, []string{set, shaLook}},
		{"acquire, unreachable", acquire, []any{NotSent(errAny)}, Answer{}, ErrNotSent, []string{set}},
		{"acquire, unreachable in time", acquire, []any{NotSent(NoAnswer(1))}, Answer{}, ErrNotSent, []string{set}},
		{"acquire, odd reply", acquire, []any{int64(1)}, Answer{}, errAny, []string{set}},

		{"explain", explain, []any{integers(1, 0)}, Answer{State: Yes}, nil, []string{shaAcq}},
		{"explain refused", explain, []any{integers(0, 250)}, Answer{State: Other, TTL: 250 * time.Millisecond}, nil, []string{shaAcq}},
		{"explain refused for ever", explain, []any{integers(0, -1)}, Answer{State: Other, TTL: NoExpiry}, nil, []string{shaAcq}},
		{"explain, another with the same value", explain, []any{integers(2, 250)}, Answer{State: Other, TTL: 250 * time.Millisecond}, nil, []string{shaAcq}},
		{"explain, reply lost, mine", explain, []any{errClosed, integers(2, 1499)}, Answer{State: Yes, Resent: true}, nil, []string{shaAcq, shaAcq}},
		{"explain, reply lost, another with the same value", explain, []any{errClosed, integers(2, 900)}, Answer{State: Other, TTL: 900 * time.Millisecond, Resent: true}, nil, []string{shaAcq, shaAcq}},
		{"explain of a reused value, reply lost, mine or another's", reusedExplain, []any{errClosed, integers(2, 1499)}, Answer{Resent: true}, errUnknown, []string{shaAcq, shaAcq}},
		{"explain refused, time to live not known", explain, []any{integers(0, -2)}, other, nil, []string{shaAcq}},
		{"explain, sent again by the client, mine", explain, []any{resentByClient{integers(2, 1500)}}, Answer{State: Yes, Resent: true}, nil, []string{shaAcq}},
		{"explain, reply lost, no script then, unreachable then", explain, []any{errClosed, noScript, NotSent(errAny)}, Answer{Resent: true}, errUnknown, []string{shaAcq, shaAcq, evalAcq}},
		{"explain, no script, unreachable then", explain, []any{noScript, NotSent(errAny)}, Answer{}, ErrNotSent, []string{shaAcq, evalAcq}},
		{"explain, wrong type", explain, []any{wrong}, Answer{}, wrong, []string{shaAcq}},
		{"explain, odd state", explain, []any{integers(3, 0)}, Answer{}, errAny, []string{shaAcq}},
		{"explain, absent", explain, []any{integers(-1, 0)}, Answer{}, errAny, []string{shaAcq}},
		{"explain, odd pair", explain, []any{integers(1)}, Answer{}, errAny, []string{shaAcq}},

		{"extend", extend, []any{noNative, int64(1)}, Answer{State: Yes}, nil, []string{info, shaExt}},
		{"extend, another's", extend, []any{noNative, int64(0)}, other, nil, []string{info, shaExt}},
		{"extend, absent", extend, []any{noNative, int64(-1)}, Answer{State: Absent}, nil, []string{info, shaExt}},
		{"extend, odd reply", extend, []any{noNative, int64(2)}, Answer{}, errAny, []string{info, shaExt}},
		{"extend, native", extend, []any{delifeq, "OK"}, Answer{State: Yes}, nil, []string{info, ifeq}},
		{"extend, native, absent", extend, []any{delifeq, nil, integers(-1, 0)}, Answer{State: Absent}, nil, []string{info, ifeq, shaLook}},
		{"extend, native, another's", extend, []any{delex, nil, integers(0, 9)}, Answer{State: Other, TTL: 9 * time.Millisecond}, nil, []string{info, ifeq, shaLook}},
		{"extend, native, overtook its acquire", extend, []any{delifeq, nil, integers(1, 9), "OK"}, Answer{State: Yes}, nil, []string{info, ifeq, shaLook, ifeq}},
		{"extend, native, contradiction", extend, []any{delex, nil, integers(1, 9), nil, integers(1, 9)}, Answer{}, errAny, []string{info, ifeq, shaLook, ifeq, shaLook}},
		{"extend, native, wrong type", extend, []any{delifeq, wrong}, Answer{}, wrong, []string{info, ifeq}},
		{"extend, native, no such option", extend, []any{delifeq, &ServerError{Message: "ERR syntax error"}, int64(1)}, Answer{State: Yes}, nil, []string{info, ifeq, shaExt}},

		{"release", release, []any{noNative, int64(1)}, Answer{State: Yes}, nil, []string{info, shaRel}},
		{"release, no script", release, []any{noNative, noScript, int64(1)}, Answer{State: Yes}, nil, []string{info, shaRel, "EVAL release 1 k v"}},
		{"release, connection closed", release, []any{noNative, errClosed, int64(1)}, Answer{State: Yes, Resent: true}, nil, []string{info, shaRel, shaRel}},
		{"release, reply lost", release, []any{noNative, errClosed, int64(-1)}, Answer{State: Absent, Resent: true}, nil, []string{info, shaRel, shaRel}},
		{"release, sent again by the client", release, []any{noNative, resentByClient{int64(-1)}}, Answer{State: Absent, Resent: true}, nil, []string{info, shaRel}},
		{"release, question sent again by the client", release, []any{resentByClient{noNative}, int64(-1)}, Answer{State: Absent}, nil, []string{info, shaRel}},
		{"release, question's reply lost", release, []any{errClosed, int64(-1)}, Answer{State: Absent}, nil, []string{info, shaRel}},
		{"release, question refused", release, []any{&ServerError{Message: "NOPERM this user has no permissions"}, int64(1)}, Answer{State: Yes}, nil, []string{info, shaRel}},
		{"release, DELIFEQ", release, []any{delifeq, int64(1)}, Answer{State: Yes}, nil, []string{info, delIf}},
		{"release, DELEX", release, []any{delex, int64(1)}, Answer{State: Yes}, nil, []string{info, delEx}},
		{"release, DELIFEQ, absent", release, []any{delifeq, int64(0), integers(-1, 0)}, Answer{State: Absent}, nil, []string{info, delIf, shaLook}},
		{"release, DELIFEQ, overtook its acquire", release, []any{delifeq, int64(0), integers(1, 9), int64(1)}, Answer{State: Yes}, nil, []string{info, delIf, shaLook, delIf}},
		{"release, DELIFEQ, absent or another's, unreachable then", release, []any{delifeq, int64(0), NotSent(errAny)}, Answer{}, errUnknown, []string{info, delIf, shaLook}},
		{"release, question answered, unreachable then", release, []any{delifeq, NotSent(errAny)}, Answer{}, ErrNotSent, []string{info, delIf}},
		{"release, DELIFEQ, unknown after all", release, []any{delifeq, unknown, int64(1)}, Answer{State: Yes}, nil, []string{info, delIf, shaRel}},
		{"release, DELIFEQ, not permitted", release, []any{delifeq, &ServerError{Message: "NOPERM"}, int64(0)}, other, nil, []string{info, delIf, shaRel}},

		{"look", look, []any{integers(1, 1500)}, Answer{State: Yes, TTL: 1500 * time.Millisecond}, nil, []string{shaLook}},
		{"look, time to live not known", look, []any{integers(1, -2)}, Answer{State: Yes}, nil, []string{shaLook}},
		{"look, for longer than can be told", look, []any{integers(1, math.MaxInt64)}, Answer{State: Yes, TTL: math.MaxInt64 / time.Millisecond * time.Millisecond}, nil, []string{shaLook}},
		{"look, no script", look, []any{noScript, integers(-1, 0)}, Answer{State: Absent}, nil, []string{shaLook, lookEval}},
		{"look, odd reply", look, []any{"OK"}, Answer{}, errAny, []string{shaLook}},

		{"no answer", look, []any{NoAnswer(time.Millisecond)}, Answer{}, ErrNoAnswer, []string{shaLook}},
		{"no value", Request{Op: Acquire, Name: "k", Expiry: time.Second}, nil, Answer{}, ErrNotSent, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := &scripted{t: t, replies: test.replies, idle: 1}
			test.req.Timeout = time.Second
			got, err := NewRedis(server).Ask(context.Background(), test.req)
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			switch test.err {
			case errAny:
				if err == nil {
					t.Error("got no error")
				}
			case errUnknown:
				if err == nil || errors.Is(err, ErrNotSent) {
					t.Errorf("got the error %v, want one that leaves the outcome open", err)
				}
			default:
				if !errors.Is(err, test.err) {
					t.Errorf("got the error %v, want %v", err, test.err)
				}
			}
			if !slices.Equal(server.got, test.sent) {
				t.Errorf("sent %q, want %q", server.got, test.sent)
			}
			if len(server.replies) > 0 {
				t.Errorf("%d replies were not asked for", len(server.replies))
			}
		})
	}
}

var (
	errAny     = errors.New("any error")
	errUnknown = errors.New("an error after which the outcome is not known")
)

// What an Ask fails with tells why, also if an earlier command was sent.
func TestLastCommandNotSent(t *testing.T) {
	for _, want := range []error{context.Canceled, ErrNoAnswer} {
		server := &scripted{t: t, replies: []any{errClosed, nil, NotSent(want)}, idle: 1}
		_, err := NewRedis(server).Ask(context.Background(), Request{Op: Acquire, Name: "k", Value: "v", Expiry: time.Second, Timeout: time.Second})
		if !errors.Is(err, want) || errors.Is(err, ErrNotSent) {
			t.Errorf("got %v, want what matches %v, and not ErrNotSent", err, want)
		}
	}
}

// What the server has is asked once.
func TestNativeIsAskedOnce(t *testing.T) {
	server := &scripted{t: t, replies: []any{delifeq, int64(1), int64(1), "OK"}}
	node := NewRedis(server)
	for _, op := range []Op{Release, Release, Extend} {
		if a, err := node.Ask(context.Background(), Request{Op: op, Name: "k", Value: "v", Expiry: time.Second, Timeout: time.Second}); err != nil || a.State != Yes {
			t.Errorf("%v: %v, %v", op, a.State, err)
		}
	}
}

// It is not taken to have nothing because it did not answer the question.
func TestNativeIsAskedAgainWithoutAnAnswer(t *testing.T) {
	server := &scripted{t: t, replies: []any{NoAnswer(time.Second), int64(1), delifeq, int64(1)}}
	node := NewRedis(server)
	for range 2 {
		if a, err := node.Ask(context.Background(), Request{Op: Release, Name: "k", Value: "v", Timeout: time.Second}); err != nil || a.State != Yes {
			t.Errorf("%v, %v", a.State, err)
		}
	}
	if got, want := server.got[3], "DELIFEQ k v"; got != want {
		t.Errorf("at last it sent %q, want %q", got, want)
	}
}

// A connection that is closed again and again is not asked for ever.
func TestResendsAsOftenAsConnectionsMayBeStale(t *testing.T) {
	for idle := range 5 {
		server := &scripted{t: t, replies: slices.Repeat([]any{errClosed}, 100), idle: idle}
		_, err := NewRedis(server).Ask(context.Background(), Request{Op: Look, Name: "k", Value: "v", Timeout: time.Second})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
		if got, want := len(server.got), 1+idle+1; got != want {
			t.Errorf("%d idle connections: sent %d times, want %d", idle, got, want)
		}
	}
}

func TestNotResentAfterTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	server := &scripted{t: t, replies: []any{errClosed}, idle: 3}
	if _, err := NewRedis(server).Ask(ctx, Request{Op: Look, Name: "k", Value: "v", Timeout: time.Second}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// All that one Ask sends shares its timeout.
func TestTimeoutIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &slow{each: 300 * time.Millisecond}
		start := time.Now()
		_, err := NewRedis(server).Ask(context.Background(), Request{Op: Release, Name: "k", Value: "v", Timeout: time.Second})
		if !errors.Is(err, ErrNoAnswer) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want ErrNoAnswer after 1s", err, time.Since(start))
		}
	})
}

// slow takes its time to close every connection.
type slow struct{ each time.Duration }

func (s *slow) Idle() int { return 100 }

func (s *slow) Do(_ context.Context, timeout time.Duration, _ ...any) (any, bool, error) {
	if timeout < s.each {
		time.Sleep(timeout)
		return nil, false, NoAnswer(timeout)
	}
	time.Sleep(s.each)
	return nil, false, errClosed
}

// A proxy may close the connection when it is asked for the commands, and would do so
// at every call.
func TestQuestionThatClosesTheConnection(t *testing.T) {
	server := &scripted{t: t, replies: []any{errClosed, int64(1), errClosed, int64(1), errClosed, int64(1), int64(1), int64(1)}}
	node := NewRedis(server)
	for range maxUnheard + 2 {
		a, err := node.Ask(context.Background(), Request{Op: Release, Name: "k", Value: "v", Timeout: time.Second})
		if want := (Answer{State: Yes}); a != want || err != nil {
			t.Errorf("got %v, %v, want %v", a, err, want)
		}
	}
	if len(server.replies) > 0 {
		t.Errorf("sent %q", server.got)
	}
}

// The hashes that are written down are those of the scripts.
func TestHashes(t *testing.T) {
	for name, s := range Scripts() {
		sum := sha1.Sum([]byte(s.Text))
		if want := hex.EncodeToString(sum[:]); s.Hash != want {
			t.Errorf("%s.lua: the hash is %s, want %s", name, s.Hash, want)
		}
		if !strings.Contains(s.Text, "-- KEYS[1]") || !strings.Contains(s.Text, "-- Reply:") {
			t.Errorf("%s.lua has no header that tells its keys and replies", name)
		}
	}
}

func TestStrings(t *testing.T) {
	if got, want := fmt.Sprint(Acquire, Extend, Release, Look, Op(9)), "acquire extend release look Op(9)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := fmt.Sprint(Yes, Other, Absent, State(9)), "yes other absent State(9)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnswerSentTwice(t *testing.T) {
	req := Request{Op: Acquire, Name: "k", Value: "v", Expiry: time.Second}
	for _, c := range []struct {
		ttl, elapsed time.Duration
		want         State
	}{
		{time.Second, 0, Yes},
		{999 * time.Millisecond, 0, Yes}, // rounded
		{998 * time.Millisecond, 0, Other},
		{900 * time.Millisecond, 100 * time.Millisecond, Yes},
		{899 * time.Millisecond, 100 * time.Millisecond, Yes}, // to the server more time has passed
		{900 * time.Millisecond, 49 * time.Millisecond, Other},
		{NoExpiry, time.Minute, Other}, // nobody sets that
	} {
		if a, err := req.AnswerSentTwice(c.ttl, c.elapsed); a.State != c.want || err != nil {
			t.Errorf("%v left after %v: got %v, %v, want %v", c.ttl, c.elapsed, a.State, err, c.want)
		}
		reused := req
		reused.Reused = true
		if a, err := reused.AnswerSentTwice(c.ttl, c.elapsed); (err != nil) != (c.want == Yes) || err == nil && a.State != Other {
			t.Errorf("%v left after %v, of a reused value: got %v, %v", c.ttl, c.elapsed, a.State, err)
		}
	}
}
