package sim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/redlatch/redlatch/pool"
)

// A place is that of one who waits in the line of a lock.
type place struct {
	since int64 // in microseconds of the server's clock
	inbox string
	value string
}

// member is what the server calls it.
func (p place) member() string { return p.inbox + " " + p.value }

// A line is who waits for a lock, the first first. It is never changed in place.
type line []place

func (l line) without(members ...string) line {
	return slices.DeleteFunc(slices.Clone(l), func(p place) bool { return slices.Contains(members, p.member()) })
}

func (l line) index(member string) int {
	return slices.IndexFunc(l, func(p place) bool { return p.member() == member })
}

// with returns the line and p, unless it is there. Of those who came in one microsecond the
// server has an order of its own, which depends on names that differ each time.
func (l line) with(p place) line {
	if l.index(p.member()) >= 0 {
		return l
	}
	i, _ := slices.BinarySearchFunc(l, p, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.value, b.value), -1)
	})
	return slices.Insert(slices.Clone(l), i, p)
}

// line returns who waits for a lock.
func (s *server) line(name int, t time.Duration) line {
	if s.milliseconds(t) > s.lasts[name] {
		s.lines[name] = nil
	}
	return s.lines[name]
}

// wait is what the script wait.lua does.
func (s *server) wait(t time.Duration, args []any) any {
	name, value, inbox, flags := nameOf(args[3]), args[5].(string), args[7].(string), args[10].(string)
	k, line := s.find(name, t), s.line(name, t)
	listens, again := strings.Contains(flags, "listens"), strings.Contains(flags, "again")
	if k.value == "" || k.value == value {
		if again && k.value == "" {
			line = line.without(inbox+" "+value, " "+value)
		}
		s.set(name, value, args[6].(int64), t)
		s.lines[name] = line
		next := ""
		if strings.Contains(flags, "next") && len(line) > 0 {
			next = line[0].member()
		}
		return []any{int64(1), int64(0), int64(-1), "", next}
	}
	me := place{s.microseconds(t) - args[8].(int64), "", value}
	other := place{inbox: inbox, value: value} // what it was before, if it was
	if listens {
		me.inbox, other.inbox = inbox, ""
	}
	if again && line.index(me.member()) < 0 {
		line = line.without(other.member())
	}
	line = line.with(me)
	at := int64(-1)
	if again {
		line, at = s.placeIn(line, me, t)
	}
	s.lines[name], s.lasts[name] = line, s.milliseconds(t)+args[9].(int64)
	return []any{int64(0), k.when - s.milliseconds(t), at, k.value, ""}
}

// placeIn returns the line without those before me who are gone, and the place of me.
func (s *server) placeIn(line line, me place, t time.Duration) (line, int64) {
	for before := 0; ; {
		switch other := line[before]; {
		case other == me, other.member() == me.member():
			return line, 1
		case other.inbox == "" && me.inbox != "":
			before++
		case other.inbox != "" && s.listeners(other.inbox) == 0:
			line = line.without(other.member())
		default:
			return line, int64(line.index(me.member())) + 1
		}
	}
}

// handOver is what the script handover.lua does.
func (s *server) handOver(t time.Duration, args []any) int64 {
	name, value, what := nameOf(args[3]), args[5].(string), args[6].(string)
	k := s.find(name, t)
	if strings.Contains(what, "leave") {
		was := s.line(name, t)
		is := was.without(args[7].(string)+" "+value, " "+value)
		s.lines[name] = is
		if len(is) > 0 && is[0] != was[0] && k.value != value {
			s.publish(is[0].inbox, is[0].value, t)
		}
	}
	if k.value != value {
		return s.release(k, value, t)
	}
	next := args[8].(string)
	for strings.Contains(what, "hand") {
		line := s.line(name, t)
		switch {
		case line.index(next) >= 0:
			s.lines[name] = line.without(next)
		case len(line) == 0:
			return s.release(k, value, t)
		default:
			next = line[0].member()
			s.lines[name] = line[1:]
		}
		inbox, to, _ := strings.Cut(next, " ")
		if inbox == "" || s.publish(inbox, to, t) > 0 {
			s.giveBack(k, t)
			s.set(name, to, int64(pool.Reservation/time.Millisecond), t)
			s.keys[name].handed = true
			s.sets[len(s.sets)-1].handed = true
			return 1
		}
		next = ""
	}
	return s.release(k, value, t)
}
