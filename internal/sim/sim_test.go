package sim

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

var (
	simFor   = flag.Duration("sim.for", 0, "how long to play fresh seeds")
	simSeeds = flag.Int("sim.seeds", 2000, "how many of the fixed seeds to play, from 1 on")
	simSeed  = flag.Uint64("sim.seed", 0, "a seed to play, and to tell what happens")
	simDrop  = flag.String("sim.drop", "", "parts to leave out of -sim.seed, as a failure names them")
	simBrief = flag.Bool("sim.brief", false, "only name the seed of a failure")
)

// Fixed seeds, and fresh ones if that is asked for, and no rule is broken.
func TestSim(t *testing.T) {
	if *simSeed != 0 {
		drop, err := parseParts(*simDrop)
		if err != nil {
			t.Fatalf("-sim.drop: %v", err)
		}
		s := generate(*simSeed).without(drop)
		tell(t, os.Stdout, s)
		if _, how := breaks(t, s); how != "" {
			t.Errorf("seed %d: %s", *simSeed, how)
		}
		return
	}
	var next atomic.Uint64
	campaignOf(t, "fixed seeds", func() (uint64, bool) {
		seed := next.Add(1)
		return seed, seed <= uint64(*simSeeds)
	})
	if t.Failed() || *simFor == 0 {
		return
	}
	// Fresh ones are above all fixed ones, and short enough to be copied.
	first := 1<<32 + rand.Uint64N(1<<40)
	next.Store(first)
	end := time.Now().Add(*simFor)
	campaignOf(t, fmt.Sprintf("fresh seeds from %d on", first), func() (uint64, bool) { return next.Add(1), time.Now().Before(end) })
}

// Each of these seeds has shown a bug that has been mended since. As long as the generator
// is what it was then, they are the scenarios that they were.
func TestSeedsThatFoundBugs(t *testing.T) {
	for seed, bug := range map[uint64]string{
		966:          "what a node that hung for long had been asked was not released",
		11220:        "a native release that overtook its acquire was not sent again",
		674:          "a release that overtook its acquire was repeated too late",
		1045:         "an acquire that was sent twice was refused by its own key, by a fast clock",
		592313721489: "a value was used again at a node that has no lines: two holders",
		999975151894: "of several acquires of a value some came after its release was confirmed",
	} {
		if _, how := breaks(t, generate(seed)); how != "" {
			t.Errorf("seed %d, which found that %s: %s", seed, bug, how)
		}
	}
}

// campaignOf plays seeds, and tells what came of it.
func campaignOf(t *testing.T, what string, seeds func() (uint64, bool)) {
	c := campaign{seeds: seeds, out: os.Stdout}
	if testing.Verbose() {
		c.every = 10 * time.Second
	}
	c.run(t)
	if testing.Verbose() {
		fmt.Printf("%s\n%v\n", what, &c.sum)
	}
	if len(c.failed) == 0 {
		return
	}
	first := c.failed[0]
	t.Errorf("seed %d: %s", first.seed, first.rule)
	if !*simBrief {
		report(t, os.Stdout, first.seed)
	}
}
