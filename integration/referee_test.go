package integration

import (
	"fmt"
	"testing"
)

// A referee is told by each player when it goes in and when it comes out, and
// sees whether two are inside at once. A player says that it is in after it has
// got in, and is believed to be in until it has said that it will go out: who
// breaks no rule is never accused.
type referee struct {
	inside string         // who is in; "" if nobody is
	turns  map[string]int // how often each has been in
}

func newReferee() *referee { return &referee{turns: make(map[string]int)} }

// enter notes that a player is in. Its error says that another is, too.
func (r *referee) enter(player string) error {
	if r.inside != "" {
		return fmt.Errorf("%s is in while %s is", player, r.inside)
	}
	r.inside = player
	r.turns[player]++
	return nil
}

// leave notes that a player goes out. Its error says that it was not in.
func (r *referee) leave(player string) error {
	if r.inside != player {
		return fmt.Errorf("%s goes out and was not in: %q is", player, r.inside)
	}
	r.inside = ""
	return nil
}

func TestRefereeAcceptsTurns(t *testing.T) {
	r := newReferee()
	for range 3 {
		for _, player := range []string{"a", "b"} {
			if err := r.enter(player); err != nil {
				t.Error(err)
			}
			if err := r.leave(player); err != nil {
				t.Error(err)
			}
		}
	}
	if r.turns["a"] != 3 || r.turns["b"] != 3 {
		t.Errorf("got turns %v, want 3 each", r.turns)
	}
}

func TestRefereeSeesOverlap(t *testing.T) {
	r := newReferee()
	if err := r.enter("a"); err != nil {
		t.Error(err)
	}
	if err := r.enter("b"); err == nil {
		t.Error("two are in, and the referee says nothing")
	}
	if err := r.leave("b"); err == nil {
		t.Error("one goes out that was not let in, and the referee says nothing")
	}
	if err := r.leave("a"); err != nil {
		t.Error(err)
	}
	if r.turns["b"] != 0 {
		t.Error("an overlap was counted as a turn")
	}
}

func TestRefereeSeesReentry(t *testing.T) {
	r := newReferee()
	if err := r.enter("a"); err != nil {
		t.Error(err)
	}
	if err := r.enter("a"); err == nil {
		t.Error("one is in twice, and the referee says nothing")
	}
}
