package sim

import (
	"fmt"
	"slices"
	"time"
)

// A kind is what befalls clients, nodes, and the network.
type kind uint8

const (
	hang         kind = iota // a node answers nothing; what it gets it serves when it thaws
	cut                      // nothing gets through between a client, or all, and a node
	loseRequests             // some requests are lost
	loseReplies              // some replies are lost, after the request was served
	closing                  // some connections are closed after the request was served
	slow                     // messages take longer, up to twice the usual expiry
	refuse                   // a node refuses, in its own words
	restart                  // a node is down, and comes back with its data
	restartEmpty             // … without
	restartOld               // … with those of a while ago
	evict                    // a node drops a lock's key
	flush                    // a node forgets its scripts
	serverClock              // a node's clock is set forward, or back
	mute                     // some messages to those who wait are lost
	deafen                   // a node lets nobody listen who does not
	hangUp                   // a node hangs up on all who listen
	pause                    // a client stands still
	falter                   // a client stands still, now and then, between two steps
	suspend                  // a client's machine sleeps, and so does its monotonic clock
	wallClock                // a client's wall clock is set forward, or back
	kill                     // a client ends
	kinds
)

var kindNames = [kinds]string{
	"hang", "cut", "lost requests", "lost replies", "closed connections", "slow", "refusals", "restart", "restart empty",
	"restart old", "eviction", "scripts flushed", "server clock set", "lost messages", "deaf", "hung up", "client paused", "client falters", "machine suspended", "wall clock set", "client killed",
}

func (k kind) String() string { return kindNames[k] }

// ofNode reports whether it befalls a node, or its links.
func (k kind) ofNode() bool { return k < pause }

// A fault is one of a kind, at a time and for a while.
type fault struct {
	part
	kind   kind
	node   int // if it is of a node; of the network's, -1 is all
	client int // if it is of a client; of a cut, -1 is all
	at, d  time.Duration
	chance float64       // of those that do not always happen
	extent time.Duration // of a delay, a pause, an age, or a jump
}

func (f *fault) end() time.Duration { return f.at + f.d }

// during reports whether the fault lasts at t.
func (f *fault) during(t time.Duration) bool { return f.at <= t && t < f.end() }

// hits reports whether a fault of nodes befalls a node.
func (f *fault) hits(node int) bool { return f.node < 0 || f.node == node }

// String tells what happens to whom, and when.
func (f *fault) String() string {
	who := fmt.Sprintf("node %d", f.node)
	if f.node < 0 {
		who = "all nodes"
	}
	if !f.kind.ofNode() {
		who = fmt.Sprintf("client %d", f.client)
	} else if f.kind == cut && f.client >= 0 {
		who += fmt.Sprintf(" and client %d", f.client)
	}
	text := fmt.Sprintf("%s: %s at %v", who, f.kind, f.at.Round(time.Microsecond))
	if f.d > 0 {
		text += fmt.Sprintf(" for %v", f.d.Round(time.Microsecond))
	}
	if f.chance > 0 {
		text += fmt.Sprintf(", %.0f %%", 100*f.chance)
	}
	if f.extent != 0 {
		text += fmt.Sprintf(", by %v", f.extent.Round(time.Microsecond))
	}
	return text
}

// span is how long faults go on in units: about as long as the clients do.
const span = 4

func (g *generator) fault(s *scenario) fault {
	f := fault{
		part:   g.part(),
		kind:   kind(g.IntN(int(kinds))),
		node:   g.IntN(len(s.nodes)),
		client: g.IntN(len(s.clients)),
		at:     g.upTo(span * s.unit),
	}
	if g.chance(0.1) {
		f.kind = hang
	}
	if f.kind == mute && g.chance(0.5) { // all, for good
		f.at, f.d, f.chance, f.node = 0, 1000*s.unit, 1, -1
		return f
	}
	switch f.kind {
	case cut, loseRequests, loseReplies, closing, slow, mute, deafen:
		if g.chance(0.25) {
			f.node = -1
		}
	}
	switch f.kind {
	case hang, refuse, restart, restartEmpty, restartOld, pause:
		f.d = g.between(s.unit/100, 2*s.unit)
	case cut:
		f.d = g.between(s.unit/100, 2*s.unit)
		if g.chance(0.4) {
			f.client = -1
		}
	case deafen:
		f.d = g.between(s.unit/10, span*s.unit)
	case loseRequests, loseReplies, closing, mute:
		f.d = g.between(s.unit/10, span*s.unit)
		f.chance = pick(g, 0.1, 0.3, 0.6, 1)
	case slow:
		f.d = g.between(s.unit/10, span*s.unit)
		f.extent = g.between(s.unit/100, 2*s.unit)
	case falter:
		f.d = g.between(s.unit/10, span*s.unit)
		f.chance = pick(g, 0.1, 0.3)
		f.extent = g.between(s.unit/100, 2*s.unit)
	case suspend:
		f.d = g.between(s.unit/10, 2*s.unit)
	case serverClock, wallClock:
		f.extent = g.between(s.unit/10, 2*s.unit) * pick(g, time.Duration(-1), 1)
	}
	if f.kind == restartOld {
		f.extent = g.between(s.unit/100, 2*s.unit)
	}
	return f
}

// change returns the fault of a client's clock that has its effect, the first, or nil. A
// clock that is set twice may make valid again what it had made lost; and while a machine
// is suspended, the wall clock has to be right.
func (s *scenario) change(client int) *fault {
	var first *fault
	for i := range s.faults {
		f := &s.faults[i]
		if f.client == client && (f.kind == suspend || f.kind == wallClock) && (first == nil || f.at < first.at) {
			first = f
		}
	}
	return first
}

// troubled reports whether anything happens between a client and a node in a time, or
// has shortly before, that excuses a failure. A client whose driver is deaf may wait for a
// lost reply for ever, and is excused by all that was before.
func (s *scenario) troubled(client, node int, from, to, healed time.Duration) bool {
	c := &s.clients[client]
	if s.hurried(client) {
		return true // it has always
	}
	recovery := 2*s.nodeTimeout(client) + 200*time.Millisecond
	for i := range s.faults {
		f := &s.faults[i]
		if f.kind == mute || f.kind == deafen || f.kind == hangUp {
			continue // no call needs what these take away
		}
		if f.kind.ofNode() && (!f.hits(node) || f.kind == cut && f.client >= 0 && f.client != client) || !f.kind.ofNode() && f.client != client {
			continue
		}
		end := f.end() + recovery
		if f.kind != pause && f.kind != suspend && f.kind != falter { // who sleeps is not woken
			end = min(f.end(), max(healed, f.at)) + recovery
		}
		switch f.kind {
		case slow, falter:
			end += 2 * f.extent
		case wallClock, suspend:
			end += 2 * c.expiry
		case kill:
			end = 1<<63 - 1
		}
		if c.driver == deaf {
			end = 1<<63 - 1
		}
		if f.at <= to && from <= end {
			return true
		}
	}
	return false
}

// slow reports whether a node, or the network to it, has been slow at some time up to now.
func (s *scenario) slow(node int, now time.Duration) bool { return s.had(slow, node, now) }

// revives reports whether a key that was released may have come back to a node, or may live
// longer or less long than it was told to, by something that happened up to now.
func (s *scenario) revives(node int, now time.Duration) bool {
	return s.had(restartOld, node, now) || s.had(serverClock, node, now)
}

// had reports whether a fault of a kind has begun to befall a node by now.
func (s *scenario) had(k kind, node int, now time.Duration) bool {
	for i := range s.faults {
		if f := &s.faults[i]; f.kind == k && f.hits(node) && f.at <= now {
			return true
		}
	}
	return false
}

// hurried reports whether a client waits for nodes for so short a time that it gives them
// up although they are well.
func (s *scenario) hurried(client int) bool { return s.nodeTimeout(client) < 8*s.roundTrip(client) }

// nodeTimeout returns how long a client waits for a node.
func (s *scenario) nodeTimeout(client int) time.Duration {
	c := &s.clients[client]
	if c.timeout > 0 {
		return time.Duration(float64(c.expiry) * c.timeout)
	}
	return max(c.expiry/20, min(50*time.Millisecond, c.expiry/2))
}

// roundTrip returns the longest round trip of a client, when all is well.
func (s *scenario) roundTrip(client int) time.Duration {
	return 2 * 13 * slices.Max(s.links[client]) / 10
}
