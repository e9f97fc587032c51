package sim

import (
	"context"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/history"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// The rules that a world is judged by. docs/correctness.md has them in prose.
const (
	ruleExclusion = "two holders"       // nobody else holds a lock before its holder's Until, by true time
	ruleUntil     = "too late"          // Until has not passed when Lock or Extend succeeds
	ruleLeft      = "key left"          // what is over is released where the node can be reached
	ruleBound     = "out of bounds"     // a call returns by its bound, and as soon as it is decided
	ruleLocks     = "could have locked" // a Lock that can succeed does
	ruleHolds     = "could have done"   // and so do Extend, Unlock and Valid
	ruleCount     = "miscounted"        // a quorum of nodes has said what a call returns
	ruleFlat      = "too much at once"  // a node is not asked more and more
	ruleNothing   = "something is left" // neither keys, nor requests, nor goroutines
	ruleRecovers  = "does not recover"  // when all is well again, a Lock succeeds at once
	ruleProgress  = "nobody gets it"    // of those who contend for a free lock, one gets it
	ruleIdle      = "waits for nothing" // a lock does not lie idle beside who waits for it
	ruleOne       = "wakes several"     // a message wakes one waiter
)

// flat checks that a node that does not answer is not asked more and more, if a quorum of
// the others does.
func (j *judge) flat(l *link) {
	w, c := j.world, l.client
	// What a client that stood still had begun meanwhile comes all at once, since timers go on
	// here; and a node that is slow, but answers, is asked like any other.
	rested := c.stopped == 0 || w.now() > c.stopped+2*w.s.nodeTimeout(c.id)
	if !rested || w.s.slow(l.node, w.now()) {
		return
	}
	if c.spec.driver == deaf && (w.s.had(loseRequests, l.node, w.now()) || w.s.had(loseReplies, l.node, w.now())) {
		return // it waits for ever for each that was lost, though the node answers others
	}
	besides := l.asking - 2*len(c.spec.workers)
	if besides <= c.maxAsked() {
		j.mostAsked = max(j.mostAsked, besides)
		return
	}
	others := j.well(c, w.now()-w.s.nodeTimeout(c.id), w.now()) // the node itself is not
	if len(w.s.nodes) == 1 || (naive{w.s.old, w.s.new}).won(others) {
		j.violated(ruleFlat, "%s asks node %d %d things at once", c.name, l.node, l.asking)
	}
}

// maxAsked returns how many requests of a client may be under way to one node, besides two
// for each of its goroutines. To one that does not answer there are eight, and what is
// called before the first of them has taken eight times as long as usual: then it is found
// to be late. To one that is the only one there are sixteen. And there are a probe, and a
// release that is owed.
func (c *client) maxAsked() int {
	if len(c.world.s.nodes) == 1 {
		return 16 + 2
	}
	pause := c.spec.delay / 2
	if pause == 0 {
		pause = 50 * time.Millisecond
	}
	meanwhile := int(max(5*time.Millisecond, 8*c.world.s.roundTrip(c.id)) / pause)
	if meanwhile > 8 {
		return 1 << 30 // so hasty a client shows nothing
	}
	most := 8 + 2 + len(c.spec.workers)*meanwhile
	if c.world.s.rolls { // each of its Lockers learns by itself
		most *= len(c.lockers)
	}
	return most
}

// slack is for what takes no time in a world, but for the jitter of timers.
const slack = time.Millisecond

// grace is how long Unlock waits at most on a context that had ended.
const grace = 20 * time.Millisecond

// bounded checks that a call has returned by its bound.
func (j *judge) bounded(ctx context.Context, m *mutex, call history.Call) {
	s, c := j.world.s, m.client
	timeout := s.nodeTimeout(c.id) + slack
	bound := 2 * timeout // the round, and as long again for its undoing
	switch {
	case call.Op == history.Unlock:
		bound += timeout // twice what the round took, for the slower ones
	case call.Op == history.Lock && c.spec.tries == redlatch.Forever:
		bound = never - call.Start - time.Hour
	case call.Op == history.Lock && c.spec.tries > 1:
		delay := c.spec.delay
		if delay == 0 {
			delay = 250 * time.Millisecond
		}
		bound = time.Duration(c.spec.tries) * (bound + delay)
	}
	end := call.Start + bound
	if ended, ok := j.ends(ctx); ok {
		last := max(ended, call.Start) + slack
		if ended <= call.Start && call.Op == history.Unlock {
			last += grace // for the key must still go
		}
		end = min(end, last)
	}
	end += c.stoodStill(call.Start, call.End)
	if call.End > end {
		j.violated(ruleBound, "%s's %s took %v, at most %v were due", call.Client, call.Op, call.End-call.Start, end-call.Start)
	}
}

// ends returns when a context ends, or has ended, if it does.
func (j *judge) ends(ctx context.Context) (time.Duration, bool) {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline.Sub(j.world.start), true
	}
	return 0, ctx.Err() != nil
}

// stoodStill returns how long the client stood still, in all, that did so at some time
// between two.
func (c *client) stoodStill(from, to time.Duration) time.Duration {
	var sum time.Duration
	for _, stop := range c.stops {
		if stop[0] <= to && from <= stop[1] {
			sum += stop[1] - stop[0]
		}
	}
	return sum
}

// ops are what the nodes are asked by a call, and what a yes to is a vote.
var ops = map[history.Op]pool.Op{
	history.Lock: pool.Acquire, history.Extend: pool.Extend, history.Unlock: pool.Release, history.Valid: pool.Look,
}

// counted checks a call's result against what the nodes have said by then.
func (j *judge) counted(ctx context.Context, t *try, call history.Call) {
	c := t.mutex.client
	rule := t.mutex.rule()
	start, look := call.Start, plain
	if call.Op == history.Lock {
		last := t.lastLook()
		start, look = last.start, last.key
	}
	var yes quorum.Set
	decided := never // when enough had said yes
	last := start + j.world.s.nodeTimeout(c.id) + slack + c.stoodStill(start, call.End)
	for _, a := range t.answers {
		if a.yes && a.asked >= start && a.at <= last && (a.op != pool.Acquire || call.Op != history.Lock || a.look == look) &&
			(a.op == ops[call.Op] || a.op == pool.Acquire && call.Op == history.Extend && c.spec.setNX) {
			yes = yes.With(a.node)
			if rule.won(yes) {
				decided = min(decided, a.at)
			}
		}
	}
	if call.OK && decided > call.End {
		j.violated(ruleCount, "%s's %s of %s succeeded, and only %v had said yes", call.Client, call.Op, call.Value, yes)
	}
	if call.OK && call.Op == history.Lock && decided+c.stoodStill(decided, call.End) < call.End {
		j.violated(ruleBound, "%s's %s of %s was decided at %v", call.Client, call.Op, call.Value, decided)
	}
	if call.OK || c.clockChanges() {
		return
	}
	if ended, ok := j.ends(ctx); ok && decided >= ended {
		return
	}
	if call.Op != history.Lock {
		return // an answer may have been to an earlier call, to a probe, or of a release that was owed
	}
	// The lock's time counts from before the nodes were asked, which may have had to wait.
	from := t.begun
	if look != plain {
		from = min(start, call.Start+look)
	}
	valid := c.spec.expiry*8/10 - 3*time.Millisecond
	timeout := j.world.s.nodeTimeout(c.id)
	if decided < call.End && decided-from < min(timeout, valid) && c.stoodStill(from, call.End) == 0 {
		j.violated(ruleCount, "%s's Lock of %s failed, and %v had said yes by %v", call.Client, t.value, yes, decided)
	}
}

// extendedThere checks that a node that says that it has extended a lock had it.
func (j *judge) extendedThere(l *link, req pool.Request, asked, now time.Duration) {
	for _, set := range j.world.servers[l.node].sets {
		if set.anew && !set.handed && set.value == req.Value && asked <= set.at && set.at <= now && !j.world.s.troubled(l.client.id, l.node, asked, now, j.world.healedAt) {
			j.violated(ruleCount, "node %d has extended %s, and did not have it", l.node, req.Value)
		}
	}
}

func (c *client) clockChanges() bool { return len(c.clock) > 1 }

// quick is how long a client needs at most to ask what nodes that are well answer at once: a
// command, once more since the script was not known, a look, and one for the commands
// that there are.
func (c *client) quick() time.Duration { return 5 * c.world.s.roundTrip(c.id) }

// well returns the nodes that nothing has happened to, nor between them and the client, in a
// time and shortly before.
func (j *judge) well(c *client, from, to time.Duration) quorum.Set {
	var well quorum.Set
	for i := range j.world.servers {
		// Of a clock that was set it is not known any more what it showed before.
		if j.world.servers[i].offset == 0 && !j.world.s.troubled(c.id, i, from, to, j.world.healedAt) {
			well = well.With(i)
		}
	}
	return well
}

// couldHaveLocked checks, of a look that had failed by now, and was not ended by its context,
// that the nodes on which the lock was free, and that were well, are no quorum.
func (j *judge) couldHaveLocked(t *try, from, now time.Duration) {
	c := t.mutex.client
	to := from + c.quick()
	if now < to || c.spec.plain && len(t.looks) > 0 && from != t.looks[0].start { // what has no lines may refuse its own key
		return
	}
	var free quorum.Set
	for _, i := range j.well(c, from, to).Nodes() {
		if j.world.servers[i].free(t.mutex.name, t.value, from, to) {
			free = free.With(i)
		}
	}
	if t.mutex.rule().won(free) {
		j.violated(ruleLocks, "%s's try %s failed, and %v were well and free from %v to %v", c.name, t.value, free, from, to)
	}
}

// free reports whether there is no key, but for one of value, in a time.
func (s *server) free(name int, value string, from, to time.Duration) bool {
	var first key
	for _, p := range s.past {
		k := p.keys[name]
		switch {
		case p.at > to:
		case p.at <= from:
			first = k
		case k.value != "" && k.value != value:
			return false
		}
	}
	return first.value == "" || first.value == value || s.milliseconds(from) > first.when
}

// has reports whether the key had a value at from, and as long to live as until to.
func (s *server) has(name int, value string, from, to time.Duration) bool {
	k := s.ago(from)[name]
	return k.value == value && s.milliseconds(to) <= k.when
}

// couldHaveDone checks that a call about a lock that was held met nodes that have its
// key, and are well, for no quorum; or else succeeded, and at once.
func (j *judge) couldHaveDone(ctx context.Context, t *try, call history.Call) {
	c := t.mutex.client
	to := call.Start + c.quick()
	if call.Op == history.Lock || t.unlocked || t.until <= to || c.clockChanges() {
		return
	}
	if ended, ok := j.ends(ctx); ok && ended <= to {
		return
	}
	var mine quorum.Set
	for _, i := range j.well(c, call.Start, to).Nodes() {
		if j.world.servers[i].has(t.mutex.name, call.Value, call.Start, to) {
			mine = mine.With(i)
		}
	}
	if !t.mutex.rule().won(mine) {
		return
	}
	if call.Op == history.Unlock { // which waits for nodes that are nearly as quick
		to += 8 * c.quick() // twice what those took, who may have had two earlier calls to answer first
	}
	to += c.stoodStill(call.Start, call.End)
	switch {
	case !call.OK:
		j.violated(ruleHolds, "%s's %s of %s failed, and %v were well and had it: %s", call.Client, call.Op, call.Value, mine, call.Err)
	case call.End > to:
		j.violated(ruleBound, "%s's %s of %s took %v, and %v were well and had it", call.Client, call.Op, call.Value, call.End-call.Start, mine)
	}
}

// atOnce is how long a key may be there that was set after its release was sent, which
// had overtaken it.
const atOnce = 10 * time.Millisecond

// gone checks, of a key that was released or whose time has come, that it was not to be
// released before.
func (j *judge) gone(node int, k key, at time.Duration) {
	t := j.tries[k.value]
	if t == nil || t.over == never || k.handed || t.mutex.client.dead || j.world.s.revives(node, never) {
		return // it was a holder's until then; or who knows whose
	}
	c := t.mutex.client
	soon := t.over + 2*c.quick() + atOnce
	if at > soon && !j.world.s.troubled(c.id, node, t.begun, soon, j.world.healedAt) {
		j.violated(ruleLeft, "%s on node %d at %v, over since %v, and all was well", k.value, node, at, t.over)
	}
	// After some trouble: a release is repeated after a second at the latest.
	later := time.Second + 4*j.world.s.nodeTimeout(c.id) + 2*c.quick()
	if at > t.over+later && !j.strayed(t, node) && !j.world.s.troubled(c.id, node, at-later, at, j.world.healedAt) {
		j.violated(ruleLeft, "%s on node %d at %v, over since %v, and all had been well again for %v", k.value, node, at, t.over, later)
	}
}

// strayed reports whether the acquire was so slow to get to the node that it came after
// what should have released it: twice, a node timeout apart, it was not there.
func (j *judge) strayed(t *try, node int) bool {
	if !j.world.s.slow(node, never) {
		return false
	}
	late := t.begun + 2*j.world.s.nodeTimeout(t.mutex.client.id)
	for _, set := range j.world.servers[node].sets {
		if set.value == t.value && set.at > late {
			return true
		}
	}
	return false
}

// nothingLeft checks that nothing is. The caller does not hold the world's mu.
func (j *judge) nothingLeft() {
	w := j.world
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.servers {
		for name := range s.keys {
			if k := s.find(name, w.now()); k.value != "" {
				j.violated(ruleNothing, "%s on node %d", k.value, i)
			}
		}
		for _, c := range w.clients {
			if asking := c.links[i].asking; asking > 0 {
				j.violated(ruleNothing, "%s asks node %d %d things", c.name, i, asking)
			}
		}
	}
}

// nobodyInLine checks, where nothing went wrong, that nobody is left in a line. The caller
// does not hold the world's mu.
func (j *judge) nobodyInLine() {
	w := j.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.s.faults) > 0 {
		return
	}
	for i, s := range w.servers {
		for name := range s.lines {
			for _, p := range s.line(name, w.now()) {
				// Who has the lock by other nodes leaves this one's line when it unlocks.
				if t := j.tries[p.value]; (t.until == 0 || t.unlocked) && !w.s.hurried(t.mutex.client.id) {
					j.violated(ruleNothing, "%s in a line on node %d", p.value, i)
				}
			}
		}
	}
}

// exclusion checks that there were never two holders of a lock, of whom the nodes
// that have let in both cannot be blamed.
func (j *judge) exclusion(holds []history.Hold) {
	for _, o := range history.Overlaps(holds) {
		if !j.excused(o) {
			j.violated(ruleExclusion, "%v", o)
		}
	}
}

// excused reports whether every node that gave the lock to both holders, for longer than until
// the second had it, had lost a key in between, or has a clock that is not within the drift.
func (j *judge) excused(o history.Overlap) bool {
	both := false
	for i, s := range j.world.servers {
		wild := s.spec.wild || j.world.s.revives(i, o.Second.From)
		first, second := s.given(o.First, o.Second.From, wild), s.given(o.Second, o.Second.From, wild)
		if first == never || second == never {
			continue
		}
		both = true
		if !wild && !s.lostOne(o, min(first, second)) {
			return false
		}
	}
	return both
}

// given returns when the server first set a holder's key, if it is to be there at the
// given time, by when it has last been set; never if it is not. It may also have been set at
// any time before.
func (s *server) given(h history.Hold, at time.Duration, any bool) time.Duration {
	first, until, lost := never, time.Duration(-1), false
	for _, set := range s.sets {
		switch {
		case set.at > at:
		case set.value == h.Value && lost: // and handed to it again, but not for as long
			until = max(until, set.until)
		case set.value == h.Value:
			first, until = min(first, set.at), set.until
		case set.given == h.Value:
			first, until, lost = never, -1, false
		case set.lost == h.Value:
			lost = true
		}
	}
	if until > at || any && first != never {
		return first
	}
	return never
}

// lostOne reports whether the server has lost a key of either holder, after the given time
// and before the second had the lock.
func (s *server) lostOne(o history.Overlap, from time.Duration) bool {
	for _, set := range s.sets {
		if set.value == "" && (set.lost == o.First.Value || set.lost == o.Second.Value) && from <= set.at && set.at <= o.Second.From {
			return true
		}
	}
	return false
}

// progress checks, where nothing went wrong, that who gave up was let down by a holder,
// and not by others who wanted it as well.
func (j *judge) progress(holds []history.Hold) {
	if len(j.world.s.faults) > 0 || j.world.s.far { // then they get in each other's way for long
		return
	}
	for _, c := range j.gaveUp {
		held := false
		for _, h := range holds {
			held = held || h.Name == c.Name && h.From <= c.End && c.Start <= h.To+j.world.s.unit
		}
		if !held {
			j.violated(ruleProgress, "%s gave up at %v after %v, and nobody had it", c.Client, c.End, c.End-c.Start)
		}
	}
}
