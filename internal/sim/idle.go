package sim

import (
	"cmp"
	"slices"
	"time"

	"github.com/redlatch/redlatch/internal/history"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A stretch in which a node has another owner's key, to its beginning or end.
type edge struct {
	at    time.Duration
	node  int
	taken bool
}

// waited checks that the lock was not free for long while a Lock waited for it.
func (j *judge) waited(m *mutex, call history.Call) {
	c := m.client
	bound := j.lieIdle(c)
	if call.Op != history.Lock || c.spec.tries == 1 || call.End-call.Start <= bound || j.world.s.hurried(c.id) {
		return
	}
	from, to := j.free(m, call)
	if to-from <= bound {
		return
	}
	if len(j.world.s.faults) > 0 && !m.rule().won(j.well(c, from, to)) {
		return
	}
	j.violated(ruleIdle, "%s's Lock waited from %v to %v, and the lock was free from %v to %v", call.Client, call.Start, call.End, from, to)
}

// lieIdle returns for how long a lock may lie idle beside who waits for it. As long as all
// messages arrive, or none, that is one delay between two tries, or what it takes to agree who
// of several gets it. If some are lost, or waiters, those behind them find that out.
func (j *judge) lieIdle(c *client) time.Duration {
	s := j.world.s
	delay, agree, waiters := time.Duration(0), time.Duration(0), 0
	for i := range s.clients {
		d := s.clients[i].delay
		if d == 0 {
			d = 250 * time.Millisecond
		}
		delay = max(delay, d)
		agree = max(agree, 50*s.roundTrip(i))
		waiters += len(s.clients[i].workers)
	}
	bound := delay + agree + 50*time.Millisecond + slack
	for i := range s.clients {
		if s.clients[i].expiry < c.spec.expiry { // by when it will have looked at a key that is here for less long
			bound += c.spec.expiry
			break
		}
	}
	for i := range s.faults {
		f := &s.faults[i]
		if f.kind == deafen || f.kind == mute && f.chance == 1 && f.at == 0 {
			continue
		}
		return bound + time.Duration(waiters)*(2*time.Second+pool.Reservation)
	}
	return bound
}

// free returns the longest time in a call in which m could have had a quorum of nodes: they
// had no owner, and were kept for none, but what m has tried to become.
func (j *judge) free(m *mutex, call history.Call) (since, until time.Duration) {
	from, to := call.Start, call.End
	var edges []edge
	for i, s := range j.world.servers {
		for k, p := range s.past {
			key := p.keys[m.name]
			if t := j.tries[key.value]; key.value == "" || t != nil && t.mutex == m && t.begun >= call.Start && (t.until == 0 || t.value == call.Value) {
				continue
			}
			end := s.trueTime(key.when + 1)
			if k+1 < len(s.past) {
				end = min(end, s.past[k+1].at)
			}
			edges = append(edges, edge{p.at, i, true}, edge{max(end, p.at), i, false})
		}
	}
	slices.SortStableFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	edges = append(edges, edge{at: to, node: -1})
	taken := make([]int, len(j.world.servers))
	start := from
	for _, e := range edges {
		at := min(max(e.at, from), to)
		var rest quorum.Set
		for i, n := range taken {
			if n == 0 {
				rest = rest.With(i)
			}
		}
		if !m.rule().won(rest) {
			start = at
		} else if at-start > until-since {
			since, until = start, at
		}
		switch {
		case e.node < 0:
		case e.taken:
			taken[e.node]++
		default:
			taken[e.node]--
		}
	}
	return since, until
}
