package integration

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redlatch/redlatch/integration/servers"
)

const (
	// A match lasts until each player has had this many turns and all together
	// have had that many. It is lost if that takes longer than the limit.
	turnsEach  = 10
	turnsInAll = 150
	matchLimit = 2 * patience
)

// A player is a contender's process.
type player struct {
	name string
	in   io.WriteCloser
	cmd  *exec.Cmd
}

// A word is what a player says, or how it ended.
type word struct {
	*player
	text string
	end  bool
}

// start starts a player, whose words go to the channel, and ends it with the
// test.
func start(t *testing.T, words chan<- word, name, library string, nodes []*servers.Server) *player {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{library, "contended"}
	for _, s := range nodes {
		args = append(args, s.Addr())
	}
	p := &player{name: name, cmd: exec.Command(program, args...)}
	p.cmd.Env = append(os.Environ(), roleVariable+"=contender")
	var complaint strings.Builder
	p.cmd.Stderr = &complaint
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() }) // has it ended, no harm is done
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			words <- word{player: p, text: lines.Text()}
		}
		p.cmd.Wait()
		words <- word{player: p, text: complaint.String(), end: true}
	}()
	return p
}

// play lets contenders of the given libraries contend for one lock, and returns
// the turns of each. Its error says who broke the rules, or that it took too
// long.
func play(t *testing.T, nodes []*servers.Server, libraries ...string) (map[string]int, error) {
	t.Helper()
	words := make(chan word, 3*len(libraries)) // two words of each, and its end: nobody waits for the test to listen
	var names []string
	for i, library := range libraries {
		name := fmt.Sprintf("%s %d", library, i)
		names = append(names, name)
		start(t, words, name, library, nodes)
	}
	r := newReferee()
	enough := func() bool {
		sum := 0
		for _, name := range names {
			if r.turns[name] < turnsEach {
				return false
			}
			sum += r.turns[name]
		}
		return sum >= turnsInAll
	}
	limit := time.After(matchLimit)
	for playing := len(names); playing > 0; {
		select {
		case <-limit:
			return r.turns, fmt.Errorf("not over after %v", matchLimit)
		case w := <-words:
			var err error
			switch {
			case w.end && w.text == "":
				playing--
				continue
			case w.end:
				err = fmt.Errorf("%s: %s", w.name, w.text)
			case w.text == entered:
				err = r.enter(w.name)
			case w.text == leaving:
				err = r.leave(w.name)
			default:
				err = fmt.Errorf("%s says %q", w.name, w.text)
			}
			if err != nil {
				return r.turns, err
			}
			answer := goOn
			if w.text == leaving && enough() {
				answer = goHome
			}
			fmt.Fprintln(w.in, answer) // one that is gone will be heard of
		}
	}
	return r.turns, nil
}

// Processes with redsync and processes with redlatch contend for one lock. There
// are never two inside, and everybody gets in.
func TestProcessesOfBothLibrariesContend(t *testing.T) {
	onNodesOf(t, edges, oneAndThree, func(t *testing.T, nodes []*servers.Server) {
		turns, err := play(t, nodes, "redsync", "redlatch", "redsync", "redlatch")
		if err != nil {
			t.Fatalf("%v; turns: %v", err, turns)
		}
		t.Logf("turns: %v", turns)
		nothingLeft(t, nodes)
	})
}

// The referee notices processes that do not lock.
func TestProcessesWithoutLockAreNoticed(t *testing.T) {
	turns, err := play(t, nil, "none", "none", "none", "none")
	if err == nil || !strings.Contains(err.Error(), " is in while ") {
		t.Errorf("got %v, turns %v, want that two were in at once", err, turns)
	}
}
