package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/history"
	"github.com/redlatch/redlatch/pool"
)

var errClosedAtLast = fmt.Errorf("%w, after it had been silent", pool.ErrClosed)

// A client is a process: a Locker of its own, a clock, and goroutines that lock.
type client struct {
	world *world
	id    int
	name  string
	spec  *clientSpec
	clock clock
	links []*link

	falters bool // it has such a fault

	epoch   int // which of the configurations it uses, if there are several
	lockers [3]*redlatch.Locker
	mutexes [3][]*mutex // by epoch and worker

	// Guarded by the world's mu.
	stopped time.Duration // until when it stands still
	stops   [][2]time.Duration
	dead    bool
	told    time.Duration // when it last got a message
	looked  time.Duration // when one of its waiters last began to look
}

func newClient(w *world, id int) *client {
	c := &client{world: w, id: id, name: clientName(id), spec: &w.s.clients[id]}
	c.clock = newClock(c.spec.rate)
	if f := w.s.change(id); f != nil && f.kind == suspend {
		c.clock.suspend(f.at, f.d)
	} else if f != nil {
		c.clock.step(f.at, f.extent)
	}
	for i := range w.s.faults {
		f := &w.s.faults[i]
		c.falters = c.falters || f.kind == falter && f.client == id
	}
	for i := range w.s.nodes {
		l := &link{world: w, client: c, node: i, counts: make(map[question]uint64)}
		l.redis = pool.NewRedis(l)
		c.links = append(c.links, l)
	}
	if w.s.rolls {
		c.lockers[0] = redlatch.New(c.pools(0)...)
		c.lockers[1] = redlatch.NewJoint(c.pools(0), c.pools(2))
		c.lockers[2] = redlatch.New(c.pools(2)...)
	} else {
		c.lockers[0] = redlatch.New(c.pools(0)...)
	}
	for epoch := range c.mutexes {
		c.mutexes[epoch] = make([]*mutex, len(c.spec.workers))
	}
	return c
}

// pools returns those of the old configuration, or of the new.
func (c *client) pools(epoch int) []pool.Pool {
	set := c.world.s.old
	if epoch == 2 {
		set = c.world.s.new
	}
	var pools []pool.Pool
	for _, i := range set.Nodes() {
		pools = append(pools, c.links[i])
	}
	return pools
}

// gate is where a client stands still when it has to: between any two steps that
// others can see. Those who wait there go on one after the other, in an order that
// follows from their keys.
func (c *client) gate(key uint64) {
	w := c.world
	for turn := uint64(1); ; turn++ {
		w.mu.Lock()
		d := c.stopped - w.now()
		dead := c.dead
		w.mu.Unlock()
		if d <= 0 || dead {
			return
		}
		time.Sleep(d + jitter(mix(key, turn)))
	}
}

// falter is gate, and has the client stop right here if it is due to.
func (c *client) falter(key, question uint64) {
	w := c.world
	if c.falters && question == 1 { // else one of several that are asked at once would stop the others, or not
		time.Sleep(jitter(key))
	}
	w.mu.Lock()
	now := w.now()
	for i := range w.s.faults {
		f := &w.s.faults[i]
		if f.kind == falter && f.client == c.id && w.lasts(f, now) && unit(key, question*1000+uint64(f.part)) < f.chance {
			w.count(falter)
			d := time.Duration(unit(key, question*2000+uint64(f.part)) * float64(f.extent))
			c.stop(now, now+d)
		}
	}
	w.mu.Unlock()
	c.gate(mix(key, question))
}

// stop has the client stand still. The caller holds the world's mu.
func (c *client) stop(now, until time.Duration) {
	if until > c.stopped {
		c.stopped = until
		c.stops = append(c.stops, [2]time.Duration{now, until})
		if c.world.log != nil {
			c.world.note(now, c.name, "stands still until %v", until.Round(time.Microsecond))
		}
	}
}

// die ends the client: what it has under way is cut off. Its goroutines go on, to
// their own end, and nobody hears of them. The caller holds the world's mu.
func (c *client) die(now time.Duration) {
	w := c.world
	c.dead = true
	for _, messages := range w.flying {
		for _, m := range messages {
			if m.client == c {
				w.deliver(m, result{err: pool.NotSent(errDead)})
			}
		}
	}
	w.judge.dies(c, now)
}

func (c *client) isDead() bool {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	return c.dead
}

// move moves the client to the next configuration, if no other is two behind it then.
func (c *client) move() {
	w := c.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.s.rolls || c.epoch == 2 || w.judge.holds(c, w.now()) {
		return
	}
	for _, other := range w.clients {
		if !other.dead && other.epoch < c.epoch {
			return
		}
	}
	c.epoch++
	if w.log != nil {
		w.note(w.now(), c.name, "moves on to configuration %d", c.epoch)
	}
}

// work is a worker, to its end.
func (c *client) work(worker int) {
	spec := &c.spec.workers[worker]
	for i := range spec.cycles {
		cy := &spec.cycles[i]
		time.Sleep(cy.think)
		c.gate(cy.key())
		c.move()
		if c.isDead() {
			return
		}
		c.cycle(c.mutex(worker), cy)
	}
}

// cycle is one lock of a worker's.
func (c *client) cycle(m *mutex, cy *cycle) {
	ctx, cancel := patience(cy.patience)
	defer cancel()
	value, ok := c.lock(ctx, m, cy)
	if !ok {
		return
	}
	for i := range cy.hold {
		a := &cy.hold[i]
		time.Sleep(a.after)
		c.gate(a.key())
		if c.isDead() {
			return
		}
		if !c.owns(m, value) {
			return
		}
		ctx, cancel := patience(a.patience)
		switch a.op {
		case history.Extend:
			c.call(ctx, m, value, history.Extend, m.ExtendContext)
		case history.Valid:
			c.call(ctx, m, value, history.Valid, m.ValidContext)
		}
		cancel()
	}
	if cy.ending == unlockLate {
		time.Sleep(c.spec.expiry + c.spec.expiry/4)
		c.gate(cy.key() + 1)
	}
	if c.isDead() || !c.owns(m, value) {
		return
	}
	switch cy.ending {
	case forget:
		return
	case unlockEnded:
		ctx, cancel = context.WithCancel(context.Background())
		cancel()
	case unlockHasty:
		ctx, cancel = context.WithTimeout(context.Background(), 3*c.world.s.links[c.id][0])
		defer cancel()
	default:
		ctx = context.Background()
	}
	c.call(ctx, m, value, history.Unlock, m.UnlockContext)
	if cy.ending == unlockTwice && !c.isDead() && !c.spec.shared {
		c.call(context.Background(), m, value, history.Unlock, m.UnlockContext)
	}
}

// owns reports whether a worker's calls are about its own lock: a Mutex that is shared
// knows one owner.
func (c *client) owns(m *mutex, value string) bool {
	return !c.spec.shared || m.Value() == value && c.world.judge.believes(value)
}

func patience(d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.Background(), func() {}
	}
	return context.WithTimeout(context.Background(), d)
}

// lock locks m, and returns the value of the lock and whether there is one.
func (c *client) lock(ctx context.Context, m *mutex, cy *cycle) (string, bool) {
	start := c.begin("Lock", cy.key())
	var err error
	if cy.try {
		err = m.TryLockContext(ctx)
	} else {
		err = m.LockContext(ctx)
	}
	value := ""
	if err == nil {
		value = m.Value()
	}
	return value, c.finish(ctx, m, history.Call{Value: value, Op: history.Lock, OK: err == nil, Start: start}, err)
}

// call makes another call.
func (c *client) call(ctx context.Context, m *mutex, value string, op history.Op, method func(context.Context) (bool, error)) {
	start := c.begin(op.String(), mixString(uint64(op), value))
	ok, err := method(ctx)
	if ok != (err == nil) {
		c.world.judge.violate(ruleCount, "%s returned %v and %v", op, ok, err)
	}
	c.finish(ctx, m, history.Call{Value: value, Op: op, OK: ok, Start: start}, err)
}

// begin is when a call begins: a moment after whatever went before, so that what that
// has left under way comes first.
func (c *client) begin(what string, key uint64) time.Duration {
	w := c.world
	time.Sleep(jitter(mix(key, uint64(c.id))))
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log != nil {
		w.note(w.now(), c.name, "%s", what)
	}
	return w.now()
}

// finish enters a call that has returned, and reports whether it succeeded and
// anybody is there to know.
func (c *client) finish(ctx context.Context, m *mutex, call history.Call, err error) bool {
	w := c.world
	now := m.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	call.Client, call.Name, call.End = c.name, lockNames[m.name], w.now()
	if c.dead {
		w.judge.unheard(call)
		return false
	}
	if err != nil && w.log != nil { // the text takes its time
		call.Err = err.Error()
	}
	if call.OK && (call.Op == history.Lock || call.Op == history.Extend) {
		until := m.Until()
		call.Until = c.clock.passes(call.End, until)
		if !now.Before(until) || !now.Round(0).Before(until.Round(0)) {
			w.judge.violated(ruleUntil, "%s's %s of %s succeeded, and Until had passed", call.Client, call.Op, call.Value)
		}
		if w.log != nil {
			w.note(call.End, c.name, "%s: %s until %v", call.Op, call.Value, call.Until.Round(time.Microsecond))
		}
	} else if w.log != nil {
		w.note(call.End, c.name, "%s: %v, %v", call.Op, call.OK, err)
	}
	w.judge.returned(ctx, m, call)
	return call.OK
}

// lockOnceMore checks, when all is well, that the client can lock, and unlock.
func (c *client) lockOnceMore() {
	if len(c.spec.workers) == 0 || c.world.s.hurried(c.id) {
		return
	}
	m := c.mutex(0)
	if err := m.TryLock(); err != nil {
		c.world.judge.violate(ruleRecovers, "%s cannot lock: %v", c.name, err)
		return
	}
	if ok, err := m.Unlock(); !ok || err != nil {
		c.world.judge.violate(ruleRecovers, "%s cannot unlock: %v", c.name, err)
	}
	time.Sleep(c.quick()) // until the slowest nodes have got it, too
}
