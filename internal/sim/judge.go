package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/redlatch/redlatch/internal/history"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/quorum"
)

// A judge watches a world, and knows the rules: see rules.go for what they are. Its
// methods are called with the world's mu held, unless they say otherwise.
type judge struct {
	world      *world
	calls      []history.Call
	tries      map[string]*try // by value
	died       map[string]time.Duration
	violations []string

	gaveUp []history.Call // those of Lock that failed after many tries

	granted, extended, failed int
	mostAsked                 int
}

// A try is an attempt to acquire a lock, and the lock if that has won.
type try struct {
	mutex    *mutex
	value    string
	begun    time.Duration
	over     time.Duration // since when its key may not be there any more; never before it failed, or Unlock returned
	until    time.Duration // until when its owner believes in it
	answers  []said
	looks    []look // in their order
	unlocked bool
}

// A look is one round in which the nodes are asked for the lock.
type look struct {
	key   time.Duration // tells it from others: for how long its client had waited
	start time.Duration
}

// plain is the key of a look that does not wait.
const plain = time.Duration(-1)

// lookOf returns the key of the look that a request belongs to.
func lookOf(req pool.Request) time.Duration {
	if req.Op == pool.Acquire && req.Wait {
		return req.Waited
	}
	return plain
}

// manyTries is how many tries ought to be enough for one of those who contend.
const manyTries = 6

const never = time.Duration(1<<63 - 1)

// said is an answer that has reached a client.
type said struct {
	node      int
	op        pool.Op
	look      time.Duration // its key
	asked, at time.Duration
	yes       bool
}

func newJudge(w *world) *judge {
	return &judge{world: w, tries: make(map[string]*try), died: make(map[string]time.Duration)}
}

// violated enters a violation: what rule was broken, and how.
func (j *judge) violated(rule, format string, args ...any) {
	text := rule + ": " + fmt.Sprintf(format, args...)
	j.violations = append(j.violations, text)
	if j.world.log != nil {
		j.world.note(j.world.now(), "faults", "VIOLATION %s", text)
	}
}

// violate is violated for who does not hold the world's mu.
func (j *judge) violate(rule, format string, args ...any) {
	j.world.mu.Lock()
	defer j.world.mu.Unlock()
	j.violated(rule, format, args...)
}

// dies is when a client ends.
func (j *judge) dies(c *client, now time.Duration) { j.died[c.name] = now }

// unheard is when a call has returned to a client that has ended. That it had called
// Unlock ends a lock all the same.
func (j *judge) unheard(call history.Call) {
	if call.Op == history.Unlock {
		call.OK = false
		j.calls = append(j.calls, call)
	}
}

// tryBegins is when a value is made.
func (j *judge) tryBegins(m *mutex, value string, now time.Duration) {
	if t := m.try; t != nil && !m.client.spec.shared { // else it may be the other worker's
		if j.tryFailed(t, now) && len(t.looks) > 0 {
			j.couldHaveLocked(t, t.lastLook().start, now)
		}
	}
	m.try = &try{mutex: m, value: value, begun: now, over: never}
	j.tries[value] = m.try
}

// tryFailed is when a try is known to have failed. It reports whether that is news.
func (j *judge) tryFailed(t *try, now time.Duration) bool {
	if t.until != 0 || t.over != never {
		return false
	}
	t.over = now
	return true
}

// asks is when a request is put to a node.
func (j *judge) asks(l *link, req pool.Request, key, now time.Duration) {
	j.flat(l)
	t := j.tries[req.Value]
	if t == nil || req.Op != pool.Acquire || t.until != 0 || t.over != never { // those that give a node the key again are no looks
		return
	}
	for _, seen := range t.looks {
		if seen.key == key {
			return
		}
	}
	last := t.lastLook()
	t.looks = append(t.looks, look{key, now})
	if key < last.key { // it had to wait for an answer at this node
		return
	}
	if len(t.looks) > 1 {
		j.couldHaveLocked(t, last.start, now)
	}
	c := l.client
	if now == c.told && c.looked == now {
		j.violated(ruleOne, "%s was told of a lock at %v, and two look", c.name, now)
	}
	c.looked = now
}

// answered is when a request has been answered, or given up.
func (j *judge) answered(l *link, req pool.Request, look, asked, now time.Duration, a pool.Answer, err error) {
	if req.Op == pool.Extend && a.State == pool.Yes && err == nil {
		j.extendedThere(l, req, asked, now)
	}
	if t := j.tries[req.Value]; t != nil {
		// A release that was sent twice, of which the first may have done it.
		yes := a.State == pool.Yes || req.Op == pool.Release && a.State != pool.Yes && a.Resent
		t.answers = append(t.answers, said{l.node, req.Op, look, asked, now, err == nil && yes})
	}
}

// believes reports whether the owner of a lock believes in it now. The caller does
// not hold the world's mu.
func (j *judge) believes(value string) bool {
	j.world.mu.Lock()
	defer j.world.mu.Unlock()
	t := j.tries[value]
	return !t.unlocked && j.world.now() < t.until
}

// holds reports whether a client holds a lock.
func (j *judge) holds(c *client, now time.Duration) bool {
	for _, t := range j.tries {
		if t.mutex.client == c && !t.unlocked && now < t.until {
			return true
		}
	}
	return false
}

// returned is when a call has returned.
func (j *judge) returned(ctx context.Context, m *mutex, call history.Call) {
	t := j.tries[call.Value]
	if call.Value == "" && !m.client.spec.shared && m.try != nil && m.try.begun >= call.Start {
		t = m.try
	}
	if call.Op == history.Lock && !call.OK && ctx.Err() == nil && m.client.tried(call.End-call.Start) {
		j.gaveUp = append(j.gaveUp, call)
	}
	j.calls = append(j.calls, call)
	j.bounded(ctx, m, call)
	j.waited(m, call)
	if !call.OK {
		j.failed++
	}
	if t == nil {
		return // a Lock that failed before it tried, or it is not known which try was its last
	}
	j.couldHaveDone(ctx, t, call)
	switch call.Op {
	case history.Lock:
		if call.OK {
			j.granted++
			t.until = call.Until
		} else {
			j.tryFailed(t, call.End)
			last := t.lastLook()
			if ended, ok := j.ends(ctx); !ok || ended > last.start+m.client.quick() {
				j.couldHaveLocked(t, last.start, call.End)
			}
		}
	case history.Extend:
		if call.OK {
			j.extended++
			if t.until <= call.End {
				j.violated(ruleUntil, "%s's Extend of %s succeeded, and Until had passed at %v", call.Client, call.Value, t.until)
			}
			t.until = call.Until
		}
	case history.Unlock:
		t.unlocked = true
		t.over = min(t.over, call.End)
	}
	j.counted(ctx, t, call)
}

// lastLook returns the last look of a try, or when it began if there was none.
func (t *try) lastLook() look {
	last := look{plain, t.begun}
	for i, l := range t.looks {
		if i == 0 || l.key > last.key {
			last = l
		}
	}
	return last
}

// tried reports whether a client whose Lock took so long has tried often enough for one of
// those who contend to get the lock.
func (c *client) tried(elapsed time.Duration) bool {
	return c.spec.delay == 0 && c.spec.tries >= manyTries && elapsed >= (manyTries-1)*50*time.Millisecond && !c.world.s.hurried(c.id)
}

// rule returns by which the nodes decide for a mutex.
func (m *mutex) rule() naive {
	s := m.client.world.s
	switch {
	case !s.rolls || m.epoch == 0:
		return naive{s.old}
	case m.epoch == 2:
		return naive{s.new}
	}
	return naive{s.old, s.new}
}

// naive is a second implementation of the quorum's rules, as plain as can be: yes has
// to be said by more than half of each set.
type naive []quorum.Set

func (n naive) won(yes quorum.Set) bool {
	for _, set := range n {
		said := 0
		for _, node := range set.Nodes() {
			if yes.Has(node) {
				said++
			}
		}
		if 2*said <= set.Len() {
			return false
		}
	}
	return true
}

// sum judges the whole, when it is over.
func (j *judge) sum() {
	w := j.world
	w.mu.Lock()
	defer w.mu.Unlock()
	holds := history.Holds(j.calls)
	for i := range holds {
		if at, died := j.died[holds[i].Client]; died {
			holds[i].To = max(holds[i].From, min(holds[i].To, at))
		}
	}
	j.exclusion(holds)
	j.progress(holds)
}
