package pooltest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A waiter is a member of a line: an inbox, a space, and a value.
type waiter struct {
	member string
	since  time.Time
}

// wait does what wait.lua does. The caller holds s.mu.
func (s *Server) wait(args []string) string {
	if len(args) != 8 {
		return "-ERR wait.lua has two keys and six arguments\r\n"
	}
	name, line, inbox, flags := args[0], args[1], args[4], args[7]
	req := pool.Request{Op: pool.Acquire, Name: name, Value: args[2], Expiry: duration(args[3], time.Millisecond)}
	if err := req.Check(); err != nil {
		return fmt.Sprintf("-ERR %v\r\n", err)
	}
	owner, held := s.node.Keys()[name]
	if !held || owner == req.Value {
		if held {
			req.Op = pool.Extend
		} else if strings.Contains(flags, "again") {
			s.leave(line, inbox+" "+req.Value, " "+req.Value)
		}
		s.ask(req)
		next := ""
		if members := s.lines[line]; strings.Contains(flags, "next") && len(members) > 0 {
			next = members[0].member
		}
		return waitReply(1, 0, pool.Joined, "", next)
	}
	ttl := s.ask(pool.Request{Op: pool.Look, Name: name, Value: req.Value}).TTL.Milliseconds()
	return waitReply(0, ttl, s.join(args), owner, "")
}

func waitReply(state int, ttl int64, place int, owner, next string) string {
	return fmt.Sprintf("*5\r\n:%d\r\n:%d\r\n:%d\r\n%s%s", state, ttl, place, bulk(owner), bulk(next))
}

// join gives who waits its place in line, and returns it.
func (s *Server) join(args []string) int {
	line, value, inbox := args[1], args[2], args[4]
	listens, again := strings.Contains(args[7], "listens"), strings.Contains(args[7], "again")
	me, other := inbox+" "+value, " "+value
	if !listens {
		me, other = other, me
	}
	if s.place(line, me) == 0 {
		since := time.Now().Add(-duration(args[5], time.Microsecond))
		i := slices.IndexFunc(s.lines[line], func(w waiter) bool { return w.since.After(since) })
		if i < 0 {
			i = len(s.lines[line])
		}
		s.lines[line] = slices.Insert(s.lines[line], i, waiter{me, since})
		if again && me != other {
			s.leave(line, other)
		}
	}
	if !again {
		return pool.Joined
	}
	for before := 0; ; {
		first := s.lines[line][before].member
		switch inbox, _, _ := strings.Cut(first, " "); {
		case first == me:
			return 1
		case inbox == "" && listens:
			before++
		case inbox != "" && s.listeners(inbox) == 0:
			s.leave(line, first)
		default:
			return s.place(line, me)
		}
	}
}

// place returns a member's place in line, or 0.
func (s *Server) place(line, member string) int {
	return 1 + slices.IndexFunc(s.lines[line], func(w waiter) bool { return w.member == member })
}

// first returns the first member of a line, or "".
func (s *Server) first(line string) string {
	if len(s.lines[line]) == 0 {
		return ""
	}
	return s.lines[line][0].member
}

func (s *Server) leave(line string, members ...string) {
	s.lines[line] = slices.DeleteFunc(s.lines[line], func(w waiter) bool { return slices.Contains(members, w.member) })
}

// handOver does what handover.lua does. The caller holds s.mu.
func (s *Server) handOver(args []string) string {
	if len(args) != 6 {
		return "-ERR handover.lua has two keys and four arguments\r\n"
	}
	name, line, value, what, next := args[0], args[1], args[2], args[3], args[5]
	req := pool.Request{Op: pool.Release, Name: name, Value: value}
	if err := req.Check(); err != nil {
		return fmt.Sprintf("-ERR %v\r\n", err)
	}
	a := s.ask(req)
	if strings.Contains(what, "leave") {
		was := s.first(line)
		s.leave(line, args[4]+" "+value, " "+value)
		if is := s.first(line); is != was && a.State != pool.Yes {
			inbox, first, _ := strings.Cut(is, " ")
			s.publish(inbox, first)
		}
	}
	for a.State == pool.Yes && strings.Contains(what, "hand") {
		if next == "" || s.place(line, next) == 0 {
			if len(s.lines[line]) == 0 {
				break
			}
			next = s.lines[line][0].member
		}
		s.leave(line, next)
		inbox, heir, _ := strings.Cut(next, " ")
		if heir != "" && (inbox == "" || s.publish(inbox, heir) > 0) {
			s.ask(pool.Request{Op: pool.Acquire, Name: name, Value: heir, Expiry: pool.Reservation})
			break
		}
		next = ""
	}
	return ":" + strconv.Itoa(number(a.State)) + "\r\n"
}
