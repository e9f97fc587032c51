package integration

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/redlatch/redlatch/integration/servers"
)

// turnsPerRound is how many turns each process of a fleet has before the next
// change.
const turnsPerRound = 8

// A fleet is processes that contend for one lock, of which some go and others
// come meanwhile.
type fleet struct {
	t       *testing.T
	nodes   []*servers.Server
	words   chan word
	referee *referee
	here    map[string]bool // who has not been sent home: true if its next turn is its last
	joined  int             // how many there have been
	ended   int             // how many of them have ended
}

func newFleet(t *testing.T, nodes []*servers.Server) *fleet {
	return &fleet{
		t:       t,
		nodes:   nodes,
		words:   make(chan word, 100), // more than are ever said after the last that is heard
		referee: newReferee(),
		here:    make(map[string]bool),
	}
}

// join starts one more process of the given library, and returns its name.
func (f *fleet) join(library string) string {
	f.t.Helper()
	name := fmt.Sprintf("%s %d", library, f.joined)
	f.joined++
	f.here[name] = false
	start(f.t, f.words, name, library, f.nodes)
	return name
}

// replace starts a process of the given library, and has the named one end after
// its next turn. It returns the new one's name when the round is over.
func (f *fleet) replace(name, library string) string {
	f.t.Helper()
	successor := f.join(library)
	f.here[name] = true
	f.round()
	return successor
}

// dismiss has all the processes end, and returns when they have.
func (f *fleet) dismiss() {
	f.t.Helper()
	for name := range f.here {
		f.here[name] = true
	}
	f.play("the last have not ended", func() bool { return f.ended == f.joined })
}

// round returns when those who are to go have been sent home, and each of the
// others has had its turns.
func (f *fleet) round() {
	f.t.Helper()
	before := maps.Clone(f.referee.turns)
	over := func() bool {
		for name, going := range f.here {
			if going || f.referee.turns[name] < before[name]+turnsPerRound {
				return false
			}
		}
		return true
	}
	f.play(fmt.Sprintf("a round is not over; turns before: %v", before), over)
}

// play lets them play until it is over. A broken rule ends the test, and so does
// one who waits for too long.
func (f *fleet) play(otherwise string, over func() bool) {
	f.t.Helper()
	for limit := time.After(patience); !over(); {
		select {
		case <-limit:
			f.t.Fatalf("after %v %s; turns: %v", patience, otherwise, f.referee.turns)
		case w := <-f.words:
			if err := f.hear(w); err != nil {
				f.t.Fatalf("%v; turns: %v", err, f.referee.turns)
			}
		}
	}
}

// hear lets the referee judge a word, and answers it.
func (f *fleet) hear(w word) error {
	going, here := f.here[w.name]
	answer := goOn
	switch {
	case w.end && w.text == "" && !here:
		f.ended++
		return nil
	case w.end:
		return fmt.Errorf("%s has ended: %s", w.name, w.text)
	case w.text == entered:
		if err := f.referee.enter(w.name); err != nil {
			return err
		}
	case w.text == leaving:
		if err := f.referee.leave(w.name); err != nil {
			return err
		}
		if going {
			delete(f.here, w.name)
			answer = goHome
		}
	default:
		return fmt.Errorf("%s says %q", w.name, w.text)
	}
	fmt.Fprintln(w.in, answer) // one that is gone will be heard of
	return nil
}

// Processes with redsync are replaced by processes with the drop-in, one by one
// and while they contend for a lock; and one of them is rolled back. There are
// never two inside, and whoever is there gets in, whatever the others are.
func TestFleetMovesToTheDropInAndBack(t *testing.T) {
	onNodesOf(t, edges, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		f := newFleet(t, nodes)
		var names []string
		for range 4 {
			names = append(names, f.join("redsync"))
		}
		f.round()
		for i, library := range []string{rootReplaced, allReplaced, rootReplaced, allReplaced} {
			names[i] = f.replace(names[i], library)
		}
		f.replace(names[0], "redsync")
		f.dismiss()
		t.Logf("turns: %v", f.referee.turns)
		nothingLeft(t, nodes)
	})
}
