package sim

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/redlatch/redlatch/internal/history"
	"github.com/redlatch/redlatch/pool"
)

var (
	errRefused = errors.New("connection refused")
	errDead    = errors.New("the client has ended")
)

// A world is a scenario that happens, in the virtual time of a bubble.
type world struct {
	s       *scenario
	start   time.Time
	clients []*client
	judge   *judge

	mu        sync.Mutex // guards the rest
	events    []event    // a heap
	timer     *time.Timer
	next      time.Duration // what the timer is set to; -1 if it is not
	servers   []*server
	down      []bool
	hung      []int         // by how many faults
	kept      [][]*message  // what a hung node has got
	flying    [][]*message  // what may be under way, by node
	ears      [][]*ear      // by node
	keptEars  [][]*ear      // those whose subscription a hung node has got, by node
	lost      []*message    // what will never be replied to
	healed    bool          // all faults are over
	over      bool          // goOn ends
	healedAt  time.Duration // since when
	delivered int
	faults    [kinds]int       // how often each kind did something
	log       *[]history.Event // nil if nobody will read it
}

func newWorld(s *scenario, log *[]history.Event) *world {
	n := len(s.nodes)
	w := &world{
		s: s, start: time.Now(), next: -1, log: log,
		healedAt: never,
		down:     make([]bool, n), hung: make([]int, n), kept: make([][]*message, n), flying: make([][]*message, n),
		ears: make([][]*ear, n), keptEars: make([][]*ear, n),
	}
	w.judge = newJudge(w)
	for i, spec := range s.nodes {
		w.servers = append(w.servers, &server{
			spec:      spec,
			gone:      func(k key, at time.Duration) { w.judge.gone(i, k, at) },
			listeners: func(inbox string) int { return w.listeners(i, inbox) },
			publish:   func(inbox, payload string, t time.Duration) int { return w.publish(i, inbox, payload, t) },
		})
	}
	w.timer = time.NewTimer(time.Hour)
	w.timer.Stop()
	for i := range s.clients {
		w.clients = append(w.clients, newClient(w, i))
	}
	for i := range s.faults {
		f := &s.faults[i]
		w.push(event{at: f.at, key: uint64(f.part), what: begins, fault: f})
		if f.d > 0 {
			w.push(event{at: f.end(), key: uint64(f.part), what: ends, fault: f})
		}
	}
	return w
}

// now returns the true time.
func (w *world) now() time.Duration { return time.Since(w.start) }

func (w *world) count(k kind) { w.faults[k]++ }

// begin is when a fault begins. What is not here is looked up by those who meet it.
func (w *world) begin(f *fault, now time.Duration) {
	if w.healed {
		return
	}
	if w.log != nil {
		w.note(now, "faults", "%s", f)
	}
	switch f.kind {
	case hang:
		w.hung[f.node]++
		w.count(hang)
	case restart, restartEmpty, restartOld:
		if !w.down[f.node] {
			w.down[f.node] = true
			w.count(f.kind)
			w.breakConnections(f.node, now)
			w.hangUp(f.node, -1, now)
		}
	case evict:
		s := w.servers[f.node]
		if s.find(0, now).value != "" {
			keys := s.keys
			keys[0] = key{}
			s.lose(now, keys)
			s.lines[0] = nil
			w.count(evict)
		}
	case flush:
		w.servers[f.node].scripts = [6]bool{}
		w.count(flush)
	case hangUp:
		if w.hangUp(f.node, -1, now) {
			w.count(hangUp)
		}
	case serverClock:
		w.servers[f.node].offset += f.extent
		w.count(serverClock)
	case pause, suspend:
		w.clients[f.client].stop(now, f.end())
		w.count(f.kind)
	case wallClock:
		if w.s.change(f.client) == f {
			w.count(wallClock)
		}
	case kill:
		if !w.clients[f.client].dead {
			w.clients[f.client].die(now)
			w.count(kill)
		}
	}
}

// end is when a fault ends.
func (w *world) end(f *fault, now time.Duration) {
	if w.healed {
		return
	}
	switch f.kind {
	case hang:
		w.thaw(f.node, now)
	case cut: // the connections were idle, or waited for what was lost, and are found out now
		for node := range w.servers {
			if f.hits(node) {
				w.hangUp(node, f.client, now)
			}
		}
	case restart, restartEmpty, restartOld:
		w.comeBack(f, now)
	}
}

func (w *world) thaw(node int, now time.Duration) {
	w.hung[node]--
	if w.hung[node] > 0 {
		return
	}
	kept := w.kept[node]
	w.kept[node] = nil
	// Different connections are in no order.
	slices.SortFunc(kept, func(a, b *message) int { return cmp.Compare(a.key, b.key) })
	for _, m := range kept {
		w.arrive(m, now)
	}
	ears := w.keptEars[node]
	w.keptEars[node] = nil
	slices.SortFunc(ears, func(a, b *ear) int { return cmp.Compare(a.key, b.key) })
	for _, e := range ears {
		w.subscribe(e, now)
	}
}

func (w *world) comeBack(f *fault, now time.Duration) {
	if !w.down[f.node] {
		return
	}
	s := w.servers[f.node]
	w.down[f.node] = false
	s.scripts = [6]bool{}
	switch f.kind {
	case restartEmpty:
		s.lose(now, keyspace{})
		s.lines = [names]line{}
	case restartOld: // its lines are what they were just now, and so is who has left since
		s.lose(now, s.ago(f.at-f.extent))
	}
}

// heal ends all that goes on.
func (w *world) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for i := range w.s.faults {
		if f := &w.s.faults[i]; f.during(now) {
			w.end(f, now)
		}
	}
	w.healed, w.healedAt = true, now
	for i := range w.servers {
		w.down[i], w.hung[i] = false, min(w.hung[i], 1)
		if w.hung[i] > 0 {
			w.thaw(i, now)
		}
	}
	for _, m := range w.lost {
		if !m.over {
			w.answer(m, result{err: errClosedAtLast}, now)
		}
	}
	w.lost = nil
	w.rewind()
}

// note enters something into the history, if there is a log: who calls it finds out, since
// that costs less than the arguments do.
func (w *world) note(now time.Duration, column, format string, args ...any) {
	text := inboxes.ReplaceAllString(fmt.Sprintf(format, args...), "inbox")
	*w.log = append(*w.log, history.Event{At: now, Column: column, Text: text})
}

// inboxes have other names each time.
var inboxes = regexp.MustCompile("redlatch-[A-Z2-7]{26}")

// run lets the scenario happen, and returns when nothing of it is left, or should be.
func (w *world) run() {
	var goingOn sync.WaitGroup
	goingOn.Go(w.goOn)
	defer goingOn.Wait()
	w.mu.Lock()
	w.rewind()
	w.mu.Unlock()
	var workers sync.WaitGroup
	for _, c := range w.clients {
		for i := range c.spec.workers {
			workers.Go(func() { c.work(i) })
		}
	}
	workers.Wait()
	time.Sleep(2 * jitter(0)) // at a moment of its own
	w.heal()
	time.Sleep(w.settle())
	w.judge.nobodyInLine()
	time.Sleep(2 * pool.PlaceLasts) // of those who could not leave, by the slowest clock
	w.judge.nothingLeft()
	for _, c := range w.clients {
		if !c.dead {
			c.lockOnceMore()
		}
	}
	time.Sleep(w.settle())
	w.judge.nothingLeft()
	w.judge.sum()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Reset(0)
}

// goOn is a goroutine that lets happen what is due, until the world is over.
func (w *world) goOn() {
	for range w.timer.C {
		w.mu.Lock()
		over := w.over
		w.mu.Unlock()
		if over {
			return
		}
		w.tick()
	}
}

// settle returns how long everything that goes on in the background may take, once
// all is well: until the keys have expired, and a little more.
func (w *world) settle() time.Duration {
	var longest, hurried time.Duration
	for i := range w.s.clients {
		longest = max(longest, w.s.clients[i].expiry)
		if w.s.hurried(i) { // and so never sure that it has released anything
			hurried = time.Minute
		}
	}
	for i := range w.s.faults {
		if f := &w.s.faults[i]; f.kind == slow || f.kind == falter || f.kind == serverClock {
			longest += 2 * max(f.extent, -f.extent)
		}
	}
	return 4*longest + 5*time.Second + hurried
}
