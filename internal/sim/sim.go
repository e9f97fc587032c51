// Package sim is a simulator: it plays the lock in random scenarios, in virtual time, and
// judges what comes of it. docs/correctness.md says what a world is, and what the rules are.
//
// A scenario follows from a seed ([scenario], made by generate). A [world] lets it happen:
// [client]s lock and unlock by the shipped code; below that [link]s, the network and
// [server]s are simulated. The [judge] watches; its rules are in rules.go. A [campaign] plays many
// scenarios, and shrink makes the one that fails small enough to be read.
package sim

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/internal/history"
)

// An outcome is what came of a scenario.
type outcome struct {
	violations []string
	virtual    time.Duration // how long it took, by its own clock
	world      *world
}

// play lets a scenario happen. With a log, it enters what happens there.
func play(t *testing.T, s *scenario, log *[]history.Event) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			text := fmt.Sprint(p)
			if !strings.Contains(text, "deadlock") {
				panic(fmt.Sprintf("playing seed %d, %v", s.seed, p))
			}
			o.violations = append(o.violations, ruleNothing+": goroutines: "+text+"\n"+blocked())
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(s, log)
		o.world = w
		w.run()
		o.violations = w.judge.violations
		o.virtual = w.now()
	})
	return o
}

// blocked returns where the goroutines are that are left in a bubble.
func blocked() string {
	stacks := make([]byte, 1<<20)
	var left []string
	for _, g := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(strings.SplitN(g, "\n", 2)[0], "synctest bubble") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}
