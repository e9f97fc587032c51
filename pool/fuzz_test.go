package pool

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever a server says, and however its connections break, Ask is answered by no
// more than its replies show, and comes to its end.
func FuzzRedis(f *testing.F) {
	plain, timed := Request{Op: Acquire}, Request{Op: Acquire, Timeout: time.Second}
	explain, reused := Request{Op: Acquire, Explain: true}, Request{Op: Acquire, Reused: true}
	extend, release, look := Request{Op: Extend}, Request{Op: Release}, Request{Op: Look}
	noNative := []byte{sayList, 2, sayNil, sayNil}
	delifeq := []byte{sayList, 2, sayList, 1, sayOK, sayNil}
	delex := []byte{sayList, 2, sayNil, sayList, 1, sayOK}
	wait, waitAgain := Request{Op: Acquire, Wait: true, Listens: true}, Request{Op: Acquire, Wait: true, Again: true, TellNext: true}
	hand, leave := Request{Op: Release, HandOver: true}, Request{Op: Release, Again: true}
	mine, old := []byte{sayPair, 1, 0}, []byte{sayPair, 1, 0x80}
	forEver := binary.BigEndian.AppendUint64([]byte{sayAny, 1}, math.MaxInt64)
	for _, seed := range [][]byte{
		play(0, plain, []byte{sayOK}),
		play(0, plain, []byte{sayNil}),
		play(2, plain, []byte{sayClosed}, []byte{sayNil}, mine),
		play(2, plain, []byte{sayClosed}, []byte{sayNil}, old),
		play(2, plain, []byte{sayClosed}, []byte{sayNil}, []byte{sayPair, 0, 0}),
		play(2, plain, []byte{sayClosed}, []byte{sayNil}, []byte{sayNotSent}),
		play(2, plain, []byte{sayClosed}, []byte{sayEnded, 0}),
		play(2, plain, []byte{sayEnded, 1}, look, mine),
		play(0, plain, []byte{sayNil | resent}, []byte{sayRefused, 0}, mine),
		play(0, reused, []byte{sayNil | resent}, mine),
		play(0, timed, []byte{sayClosed | slowly, 60}, []byte{sayOK | slowly, 100}),
		play(0, explain, []byte{sayPair, 2, 0}),
		play(0, explain, []byte{sayPair, 0xff, 0}),
		play(0, explain, []byte{sayRefused, 0}, []byte{sayPair | resent, 2, 0}),
		play(0, extend, noNative, []byte{sayNumber, 1}),
		play(0, extend, delifeq, []byte{sayOK}, extend, []byte{sayNil}, []byte{sayPair, 0xff, 0}),
		play(0, extend, delifeq, []byte{sayNumber, 1}, mine, extend, []byte{sayText, 1, 'x'}, []byte{sayPair, 0, 0}),
		play(0, extend, delex, []byte{sayNil}, mine),
		play(0, extend, delex, []byte{sayRefused, 2}, []byte{sayNumber, 0}),
		play(0, release, delifeq, []byte{sayNumber, 1}, release, []byte{sayNumber, 0}, []byte{sayPair, 0, 0}),
		play(0, release, delifeq, []byte{sayNumber, 0}, mine, []byte{sayNumber, 1}, release, []byte{sayNumber, 0}, mine, []byte{sayNumber, 0}, mine),
		play(0, release, delifeq, bytes.Repeat([]byte{sayNumber, 0, sayPair, 1, 0}, 9)),
		play(0, release, delex, []byte{sayRefused, 3}, []byte{sayRefused, 0}, []byte{sayNumber, 0xff}),
		play(0, release, []byte{sayClosed}, []byte{sayClosed}, []byte{sayNumber, 0xff}),
		play(0, release, noNative, []byte{sayWords, 3, 'E', 'R', 'R'}),
		play(0, release, delifeq, []byte{sayOK}, []byte{sayPair, 0, 0}, release, []byte{sayNumber, 2}, []byte{sayPair, 2, 0}),
		play(0, look, []byte{sayPair, 3, 0}, look, []byte{sayPair, 0xfe, 0}, look, []byte{sayNumber, 1}),
		play(0, explain, []byte{sayPair, 3, 0}, explain, []byte{sayList, 2, sayNumber, 1, sayOK}),
		play(0, look, mine, look, forEver, look, []byte{sayOdd, 3}),
		play(0, look, []byte{sayNotSentInTime}, look, []byte{sayNoAnswer | wrapped}, look, []byte{sayNotSentAfterEnd}),
		play(9, look),
		play(0, wait, []byte{sayWaiting, 1, 0, 0, 0, 0}, waitAgain, []byte{sayWaiting, 1, 0, 0, 0, 4, 'i', 'n', ' ', 'w'}),
		play(0, wait, []byte{sayWaiting, 0, 0, 0xff, 1, 'w', 0}, waitAgain, []byte{sayWaiting, 0, 0x80, 3, 1, 'w', 0}),
		play(0, wait, []byte{sayWaiting, 0xff, 0, 0, 0, 0}, wait, []byte{sayWaiting, 0, 0, 0xfe, 0, 0}, wait, []byte{sayList, 5}, wait, mine),
		play(2, wait, []byte{sayClosed}, []byte{sayWaiting, 1, 0, 0, 0, 0}, wait, []byte{sayRefused, 0}, []byte{sayWaiting, 0, 0, 1, 0, 0}),
		play(0, wait, []byte{sayRefused, 3}, []byte{sayPair, 0, 0}, wait, []byte{sayPair, 1, 0}, hand, noNative, []byte{sayNumber, 1}),
		play(0, wait, []byte{sayRefused, 3}, []byte{sayRefused, 3}, wait, []byte{sayRefused, 2}, []byte{sayRefused, 6}, wait, []byte{sayRefused, 6}),
		play(0, hand, []byte{sayNumber, 1}, leave, []byte{sayNumber, 0}, hand, []byte{sayNumber, 0xff}, leave, []byte{sayOK}),
		play(2, hand, []byte{sayClosed}, []byte{sayRefused, 0}, []byte{sayNumber, 0}, hand, []byte{sayRefused, 1}, delex, []byte{sayNumber, 0}, []byte{sayPair, 0xff, 0}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		synctest.Test(t, func(t *testing.T) {
			s := &babbler{t: t, script: script}
			s.idle = s.number() % 10
			node := NewRedis(s)
			for more := true; more; more = len(s.script) > 0 {
				s.ask(node)
			}
		})
	})
}

// What a babbler says: the lower bits of a byte of its script.
const (
	sayNil byte = iota
	sayOK
	sayNumber  // and which: one byte
	sayText    // and its length, and its bytes
	sayPair    // and a number: one byte, and a time to live: one byte on either side of the expiry
	sayAny     // and a number: one byte, and a time to live: eight bytes
	sayList    // and its length, and what is in it
	sayOdd     // and which of what RESP3 and the client libraries may make of a reply
	sayRefused // and which of the usual refusals
	sayWords   // a refusal, and its length, and its words
	sayNotSent
	sayNotSentInTime
	sayNotSentAfterEnd
	sayNoAnswer
	sayClosed
	sayEnded // the caller's context, and what else
	sayError
	sayWaiting // as sayPair, and a place: one byte, and an owner and a next: as sayText
	things
)

// And the upper ones.
const (
	slowly  byte = 1 << (5 + iota) // after so many hundredths of a second: one byte
	resent                         // the client library sent the command again
	wrapped                        // an error within another
)

// play returns the script of a babbler with so many idle connections: requests, and
// what they are answered.
func play(idle byte, steps ...any) []byte {
	script := []byte{idle}
	for _, step := range steps {
		switch step := step.(type) {
		case []byte:
			script = append(script, step...)
		case Request:
			head := byte(step.Op)
			for bit, set := range []bool{step.Explain, step.Reused, step.Timeout > 0} {
				if set {
					head |= 8 << bit
				}
			}
			tail := byte(1)
			for bit, set := range []bool{step.Wait, step.Again, step.Listens, step.HandOver, step.TellNext} {
				if set {
					tail |= 8 << bit
				}
			}
			script = append(script, head, tail)
		}
	}
	return script
}

// A babbler is a server that says what its script says, and when that has come to
// its end closes every connection.
type babbler struct {
	t      *testing.T
	script []byte
	idle   int
	expiry time.Duration
	end    context.CancelFunc
	sent   []exchange
}

// exchange is one command, and what became of it.
type exchange struct {
	args   []any
	reply  any
	resent bool
	err    error
}

// ask puts the request that the script goes on with, and judges the answer.
func (s *babbler) ask(node *Redis) {
	head, tail := s.byte(), s.byte()
	expiries := []time.Duration{0, 1500 * time.Millisecond, time.Millisecond, 1999 * time.Microsecond, time.Hour, math.MaxInt64}
	req := Request{
		Op: Op(head & 7), Name: "k", Value: "v", Explain: head&8 != 0, Reused: head&16 != 0, Expiry: expiries[int(tail&7)%len(expiries)],
		Wait: tail&8 != 0, Again: tail&16 != 0, Inbox: "in", Listens: tail&32 != 0, HandOver: tail&64 != 0, TellNext: tail&128 != 0,
	}
	if head&32 != 0 {
		req.Timeout = time.Second
	}
	if head&64 != 0 {
		req.Value = ""
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if head&128 != 0 {
		cancel()
	}
	s.expiry, s.end, s.sent = req.Expiry, cancel, nil
	start := time.Now()
	a, err := node.Ask(ctx, req)
	elapsed := time.Since(start)

	fault := ""
	switch {
	case req.Timeout > 0 && elapsed > req.Timeout:
		fault = fmt.Sprintf("it took %v", elapsed)
	case err == nil && !justified(req, a.State, s.sent, elapsed):
		fault = "the replies do not show that"
	case err == nil && a.TTL != 0 && a.TTL != lastTTL(s.sent):
		fault = "the replies tell another time to live"
	case err == nil && (a.Place != 0 || a.Owner != "" || a.Next != "") && !inLine(a, s.sent):
		fault = "the replies tell of no such line"
	case err != nil && a != Answer{Resent: a.Resent}:
		fault = "an answer comes with an error"
	case errors.Is(err, ErrNotSent) && reached(s.sent):
		fault = "something was sent"
	case repeated(s.sent) != a.Resent && (err == nil || !a.Resent): // what failed may say so of what was not sent after all
		fault = "it is wrong about what was sent again"
	}
	if fault != "" {
		s.t.Errorf("%+v after %v: got %+v, %v: %s", req, elapsed, a, err, fault)
		for _, e := range s.sent {
			s.t.Logf("%.60q: %#v, %v, resent: %v", e.args, e.reply, e.err, e.resent)
		}
		s.t.FailNow()
	}
}

// Idle implements [Commander].
func (s *babbler) Idle() int { return s.idle }

// Do implements [Commander].
func (s *babbler) Do(ctx context.Context, timeout time.Duration, args ...any) (any, bool, error) {
	// The question what the server has, and then at most: a native command, a look by
	// the script's hash, and by its text, and these once more; and before all that, if
	// somebody waits, a script, by its hash and by its text. Each is sent again for every
	// connection that is idle, and on a new one.
	if most := 1 + 8*(1+s.idle+1); len(s.sent) == most {
		s.t.Fatalf("more than %d commands, with %d idle connections: %.60q", most, s.idle, args)
	}
	e := exchange{args: append([]any{}, args...)}
	if ctx.Err() != nil {
		e.err = NotSent(ctx.Err())
	} else {
		e.reply, e.resent, e.err = s.say(timeout)
	}
	s.sent = append(s.sent, e)
	return e.reply, e.resent, e.err
}

// say is what the script says next, or that there was no answer in time.
func (s *babbler) say(timeout time.Duration) (reply any, again bool, err error) {
	if len(s.script) == 0 {
		return nil, false, errClosed
	}
	how := s.byte()
	if how&slowly != 0 {
		wait := time.Duration(s.byte()) * 10 * time.Millisecond
		if timeout > 0 && wait >= timeout {
			time.Sleep(timeout)
			return nil, how&resent != 0, NoAnswer(timeout)
		}
		time.Sleep(wait)
	}
	reply = s.thing(how, 0)
	err, failed := reply.(error)
	if !failed {
		return reply, how&resent != 0, nil
	}
	if how&wrapped != 0 {
		err = fmt.Errorf("driver: %w", err)
	}
	return nil, how&resent != 0 && !errors.Is(err, ErrNotSent), err
}

// thing is a reply, or an error.
func (s *babbler) thing(kind byte, depth int) any {
	switch kind & 31 % things {
	case sayOK:
		return "OK"
	case sayNumber:
		return int64(int8(s.byte()))
	case sayText:
		return string(s.bytes(s.number()))
	case sayPair:
		n, about := int64(int8(s.byte())), int64(int8(s.byte()))
		return integers(n, s.expiry.Milliseconds()+about)
	case sayAny:
		var ttl [8]byte
		n := int64(int8(s.byte()))
		copy(ttl[:], s.bytes(8))
		return integers(n, int64(binary.BigEndian.Uint64(ttl[:])))
	case sayList:
		list := []any{}
		for range s.number() % 4 {
			if depth < 4 {
				list = append(list, s.thing(s.byte(), depth+1))
			}
		}
		return list
	case sayOdd:
		odd := []any{true, 1.5, []byte("OK"), map[any]any{"OK": int64(1)}, []string{"OK"}, 1, func() {}}
		return odd[s.number()%len(odd)]
	case sayRefused:
		refusals := []string{
			"NOSCRIPT No matching script.", "ERR unknown command 'DELEX'", "ERR syntax error", "NOPERM this user has no permissions",
			"ERR IFEQ is not supported", "ERR", "WRONGTYPE Operation against a key", "READONLY You can't write against a read only replica.", "",
		}
		return &ServerError{Message: refusals[s.number()%len(refusals)]}
	case sayWords:
		return &ServerError{Message: string(s.bytes(s.number()))}
	case sayNotSent:
		return NotSent(errAny)
	case sayNotSentInTime:
		return NotSent(NoAnswer(time.Second))
	case sayNotSentAfterEnd:
		return NotSent(context.Canceled)
	case sayNoAnswer:
		return NoAnswer(time.Second)
	case sayClosed:
		return errClosed
	case sayEnded:
		s.end()
		return []any{nil, errClosed, context.Canceled}[s.number()%3]
	case sayError:
		return errAny
	case sayWaiting:
		n, about, place := int64(int8(s.byte())), int64(int8(s.byte())), int64(int8(s.byte()))
		owner, next := s.bytes(s.number()), s.bytes(s.number())
		return waiting(n, s.expiry.Milliseconds()+about, place, string(owner), string(next))
	}
	return nil
}

// byte takes a byte of the script; there are as many zeros as are needed.
func (s *babbler) byte() byte {
	if len(s.script) == 0 {
		return 0
	}
	b := s.script[0]
	s.script = s.script[1:]
	return b
}

func (s *babbler) number() int { return int(s.byte()) }

func (s *babbler) bytes(n int) []byte {
	n = min(n, len(s.script))
	taken := s.script[:n]
	s.script = s.script[n:]
	return taken
}

// justified reports whether the last reply, within elapsed, shows the state that req
// was answered.
func justified(req Request, state State, sent []exchange, elapsed time.Duration) bool {
	if len(sent) == 0 || sent[len(sent)-1].err != nil {
		return false
	}
	reply := sent[len(sent)-1].reply
	n, ttl := numbers(reply)
	states := map[int64]State{1: Yes, 0: Other, -1: Absent}
	// That the key holds the value is a Yes to an Acquire if a sending whose reply was
	// lost can have set it: it has no more to live, and not much less.
	lost := Other
	if young := ttl != -1 && max(ttl, 0) >= (req.Expiry-elapsed).Milliseconds()-1; young {
		lost = Yes
	}
	switch command(sent[len(sent)-1]) {
	case "SET NX":
		return reply == "OK" && state == Yes || reply == nil && state == Other && !repeated(sent)
	case "SET IFEQ":
		return reply == "OK" && state == Yes
	case "DELIFEQ", "DELEX":
		return reply == int64(1) && state == Yes
	case "wait":
		return n != -1 && states[n] == state
	case "extend", "release", "handover":
		n, ok := reply.(int64)
		return ok && states[n] == state
	case "acquire":
		switch {
		case n == 2 && repeated(sent):
			return state == lost && !(lost == Yes && req.Reused)
		case n == 2:
			return state == Other
		}
		return n != -1 && states[n] == state
	case "look":
		switch {
		case req.Op == Acquire && n == 1:
			return repeated(sent) && state == lost && !(lost == Yes && req.Reused)
		case req.Op == Acquire:
			return repeated(sent) && state == Other
		case req.Op == Look:
			return states[n] == state
		}
		return state != Yes && states[n] == state
	}
	return false
}

// numbers returns a reply that is a state and a time to live, in milliseconds; what is
// none has a state that there is not.
func numbers(reply any) (n, ttl int64) {
	if pair, _ := reply.([]any); len(pair) == 2 || len(pair) == 5 {
		n, ok := pair[0].(int64)
		ttl, ok2 := pair[1].(int64)
		if ok && ok2 {
			return n, ttl
		}
	}
	return math.MinInt64, 0
}

// inLine reports whether the last reply is one of who waits, and tells of the line what
// the answer does.
func inLine(a Answer, sent []exchange) bool {
	last := sent[len(sent)-1]
	reply, _ := last.reply.([]any)
	return command(last) == "wait" && len(reply) == 5 && reply[2] == int64(a.Place) && reply[3] == a.Owner && reply[4] == a.Next
}

// lastTTL returns the time to live that the last reply tells, 0 if it does not.
func lastTTL(sent []exchange) time.Duration {
	switch _, ttl := numbers(sent[len(sent)-1].reply); {
	case ttl == -1:
		return NoExpiry
	case ttl < 0:
		return 0
	case ttl > math.MaxInt64/1_000_000:
		return math.MaxInt64 / 1_000_000 * time.Millisecond
	default:
		return time.Duration(ttl) * time.Millisecond
	}
}

// command returns what was sent: a script's name, the first word of another command,
// and of a SET its option.
func command(e exchange) string {
	for name, script := range Scripts() {
		if e.args[1] == script.Hash || e.args[1] == script.Text {
			return name
		}
	}
	if e.args[0] == "SET" {
		return fmt.Sprint("SET ", e.args[3])
	}
	return fmt.Sprint(e.args[0])
}

// repeated reports whether a command that is not just a question was sent again, or
// may have been, after its connection had been closed.
func repeated(sent []exchange) bool {
	for i, e := range sent {
		last := i == len(sent)-1
		if command(e) != "COMMAND" && (e.resent || errors.Is(e.err, ErrClosed) && !last) {
			return true
		}
	}
	return false
}

// reached reports whether the server has, or may have, done what it was sent; what
// it has refused it has not done.
func reached(sent []exchange) bool {
	for _, e := range sent {
		if command(e) != "COMMAND" && (e.resent || !errors.Is(e.err, ErrNotSent) && !refusedWith(e.err, "")) {
			return true
		}
	}
	return false
}
