package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/history"
	"github.com/redlatch/redlatch/quorum"
)

// A scenario is all that happens in a world but for what the lock makes of it: who
// calls what, and what befalls clients, nodes and the network between them. It
// follows from a seed.
type scenario struct {
	seed    uint64
	parts   part          // how many it has, numbered from 0
	unit    time.Duration // the usual expiry: other times are in proportion to it
	nodes   []nodeSpec
	clients []clientSpec
	faults  []fault
	far     bool              // messages take long even then
	links   [][]time.Duration // one way, by client and node, when all is well

	// The configurations through which the clients move: one, or three, of which
	// that in the middle is a joint one of the others.
	old, new quorum.Set
	rolls    bool
}

type nodeSpec struct {
	rate   float64 // of its clock
	wild   bool    // which is beyond the drift factor
	native bool    // it has native commands
}

// A driver is how a client's driver treats those who wait.
type driver uint8

const (
	bounded  driver = iota // it returns in time, and says so
	punctual               // it returns in time
	deaf                   // it heeds neither contexts nor timeouts
)

type clientSpec struct {
	part
	rate    float64 // of its clock
	driver  driver
	shuffle bool
	setNX   bool
	shared  bool // its workers share a Mutex
	plain   bool // it knows no lines
	resends bool // its driver sends again by itself what a closed connection did not answer
	expiry  time.Duration
	drift   float64
	timeout float64 // 0: the default
	tries   int
	delay   time.Duration // at most, half of it at the least; 0: the default
	workers []worker
}

// A worker is a goroutine of a client.
type worker struct {
	name   int
	cycles []cycle
}

// A cycle is a lock from wanting it to having given it back.
type cycle struct {
	part
	think    time.Duration // before
	try      bool          // TryLock
	patience time.Duration // until the context of Lock ends; 0: never
	hold     []action
	ending   ending
}

// An action is something done by a holder.
type action struct {
	part
	after    time.Duration
	op       history.Op    // 0: nothing
	patience time.Duration // until its context ends; 0: never
}

// An ending is how a holder gives back the lock.
type ending uint8

const (
	unlock      ending = iota
	unlockEnded        // on a context that has ended
	unlockHasty        // on one that ends soon
	unlockLate         // after it has expired
	unlockTwice        // which is one time too many
	forget             // not at all: it expires
	nEndings
)

// A part is something of a scenario that can be left out: its number, by which
// replays say so.
type part int

// key returns a key that no other part has.
func (p part) key() uint64 { return uint64(p) << 32 }

// generate returns the scenario of a seed.
func generate(seed uint64) *scenario {
	g := generator{Rand: rand.New(rand.NewPCG(seed, 0x5eed))}
	return g.scenario(seed)
}

type generator struct {
	*rand.Rand
	parts part
	cron  bool // all begin at once
	calm  bool // there are no faults
	far   bool // messages take long even when all is well
}

func (g *generator) part() part { g.parts++; return g.parts - 1 }

func (g *generator) chance(p float64) bool { return g.Float64() < p }

// between returns a duration between two, as likely to be of one order of magnitude
// as of another.
func (g *generator) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	l, m := math.Log(float64(least)), math.Log(float64(most))
	return time.Duration(math.Exp(l + g.Float64()*(m-l)))
}

// upTo returns a duration up to most, each as likely.
func (g *generator) upTo(most time.Duration) time.Duration { return g.share(most, 0, 1) }

func (g *generator) share(of time.Duration, least, most float64) time.Duration {
	return time.Duration(float64(of) * (least + g.Float64()*(most-least)))
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) scenario(seed uint64) *scenario {
	s := &scenario{seed: seed}
	s.unit = pick(g, 40*time.Millisecond, 200*time.Millisecond, time.Second, 8*time.Second)
	g.cron, g.calm, g.far = g.chance(0.15), g.chance(0.15), g.chance(0.1)
	g.calm = g.calm || g.cron && g.chance(0.5)
	nodes := pick(g, 1, 1, 1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 6, 7)
	s.old, s.new = quorum.First(nodes), quorum.First(nodes)
	if nodes > 1 && g.chance(0.2) {
		s.rolls = true
		s.old, s.new = g.twoSets(nodes)
	}
	drift := pick(g, 0.01, 0.01, 0.1, 0)
	for range nodes {
		n := nodeSpec{rate: g.rate(drift), native: g.chance(0.3)}
		if !g.calm && g.chance(0.02) {
			n.rate, n.wild = g.wildRate(), true
		}
		s.nodes = append(s.nodes, n)
	}
	clients := pick(g, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 8)
	for range clients {
		s.clients = append(s.clients, g.client(s, drift))
	}
	if !g.calm {
		for range pick(g, 1, 1, 2, 2, 3, 4, 6, 8) {
			s.faults = append(s.faults, g.fault(s))
		}
	}
	s.far = g.far
	g.network(s)
	s.parts = g.parts
	return s
}

// network chooses how long messages take between each client and each node. Often a node
// is near a client, in its zone, and the others are equally far.
func (g *generator) network(s *scenario) {
	near, far := 5*time.Microsecond, g.between(50*time.Microsecond, min(3*time.Millisecond, s.unit/100))
	if g.far {
		near, far = s.unit/200, s.unit/20
	}
	zones := g.chance(0.1) || g.cron && g.chance(0.4)
	for i := range s.clients {
		var link []time.Duration
		for j := range s.nodes {
			d := g.between(near, far)
			if zones && j == i%len(s.nodes) {
				d = near
			} else if zones {
				d = far
			}
			link = append(link, d)
		}
		s.links = append(s.links, link)
	}
}

// twoSets returns two sets of nodes, none of them empty, that cover all.
func (g *generator) twoSets(nodes int) (a, b quorum.Set) {
	for a.Len() == 0 || b.Len() == 0 {
		a, b = 0, 0
		for i := range nodes {
			where := g.IntN(3)
			if where != 1 {
				a = a.With(i)
			}
			if where != 0 {
				b = b.With(i)
			}
		}
	}
	return a, b
}

// rate returns how fast a clock runs: any two such rates differ by less than the
// drift factor, often by nearly as much.
func (g *generator) rate(drift float64) float64 {
	return 1 + 0.49*drift*pick(g, -1, 1, 2*g.Float64()-1)
}

// wildRate returns how fast a clock runs that nobody should have: at half speed or more.
func (g *generator) wildRate() float64 { return 0.5 + g.Float64() }

func (g *generator) client(s *scenario, drift float64) clientSpec {
	c := clientSpec{
		part:    g.part(),
		rate:    g.rate(drift),
		driver:  pick(g, bounded, bounded, bounded, punctual, deaf),
		shuffle: g.chance(0.1),
		setNX:   g.chance(0.1),
		resends: g.chance(0.2),
		plain:   g.chance(0.1),
		expiry:  time.Duration(float64(s.unit) * pick(g, 1, 1, 1, 0.5, 2)),
		drift:   drift,
		tries:   pick(g, 1, 3, 3, 6, 6, 6, 8, 30, redlatch.Forever),
	}
	if g.chance(0.3) {
		c.timeout = pick(g, 0.02, 0.1, 0.5, 1)
	}
	if g.far {
		c.timeout = 1
	}
	if !g.cron && !g.chance(0.2) {
		c.delay = g.between(s.unit/100, s.unit/2)
	}
	workers := 1
	if !s.rolls && g.chance(0.25) {
		workers, c.shared = 2, g.chance(0.5) && !g.cron
	}
	name := g.name()
	for range workers {
		if !c.shared {
			name = g.name()
		}
		w := worker{name: name}
		for range pick(g, 1, 1, 2, 2, 3) {
			cy := g.cycle(s)
			if c.tries == redlatch.Forever && cy.patience == 0 {
				cy.patience = g.between(s.unit, 20*s.unit)
			}
			w.cycles = append(w.cycles, cy)
		}
		c.workers = append(c.workers, w)
	}
	return c
}

// names is how many locks there may be in a world.
const names = 2

func (g *generator) name() int {
	if g.chance(0.9) {
		return 0
	}
	return 1
}

func (g *generator) cycle(s *scenario) cycle {
	c := cycle{
		part:   g.part(),
		think:  g.upTo(s.unit),
		try:    g.chance(0.2),
		ending: unlock,
	}
	if g.cron {
		c.think = 0
	} else if g.chance(0.3) {
		c.think = g.between(time.Microsecond, s.unit)
	}
	if g.chance(0.2) {
		c.patience = g.between(time.Microsecond, pick(g, s.unit, s.unit/20)) // that is about a round
	}
	for range pick(g, 0, 1, 1, 2, 4) {
		a := action{part: g.part(), after: g.share(s.unit, 0, 0.9), op: pick(g, 0, history.Extend, history.Extend, history.Extend, history.Valid)}
		if g.chance(0.15) {
			a.patience = g.between(time.Microsecond, s.unit)
		}
		c.hold = append(c.hold, a)
	}
	if g.chance(0.5) {
		c.ending = ending(g.IntN(int(nEndings)))
	}
	return c
}

// columns returns the names of the columns of a history.
func (s *scenario) columns() []string {
	columns := []string{"faults"}
	for i := range s.clients {
		columns = append(columns, clientName(i))
	}
	for i := range s.nodes {
		columns = append(columns, nodeName(i))
	}
	return columns
}

func clientName(i int) string { return fmt.Sprintf("client %d", i) }

func nodeName(i int) string { return fmt.Sprintf("node %d", i) }
