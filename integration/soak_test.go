package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch/integration/soak"
)

const (
	// A round of the campaign has faults for as long as roundLength; as a part of all
	// tests, for briefLength.
	roundLength = 10 * time.Second
	briefLength = 2 * time.Second

	progressInterval = 10 * time.Second
)

// TestSoak is a campaign of random faults on real servers: client processes contend
// for locks while servers are paused, killed, started again and cut off, the network
// delays, garbles and loses, and clients are stopped and killed. Package soak says
// what is done, and what must hold.
//
// It has rounds, each with a seed of its own: one more than that of the round before.
// The seed also decides on which image a round is played and on how many servers, so
// that a round that failed is the first round of the campaign that begins with its
// seed. Among all tests there are three short rounds, on 1, 3 and 5 servers of one
// image; with SOAK_FOR in the environment, as many as fit in that time. SOAK_SEED is
// the first round's seed.
func TestSoak(t *testing.T) {
	needServers(t)
	c := &campaign{length: briefLength}
	first := 3 * rand.Uint64N(1<<20) // from which three rounds are on one image
	rounds := 3
	if text := os.Getenv("SOAK_SEED"); text != "" {
		var err error
		if first, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SOAK_SEED: %v", err)
		}
	}
	var total time.Duration
	if text := os.Getenv("SOAK_FOR"); text != "" {
		var err error
		if total, err = time.ParseDuration(text); err != nil {
			t.Fatalf("SOAK_FOR: %v", err)
		}
		c.length = min(roundLength, total)
		defer c.report()()
	}
	for start, i := time.Now(), 0; i < rounds || time.Since(start) < total; i++ {
		if total > 0 {
			rounds = 1
		}
		if !c.round(t, first+uint64(i)) {
			break
		}
	}
	t.Logf("\n%v", c.figures())
}

// A campaign is what is known of its rounds.
type campaign struct {
	length time.Duration

	mu   sync.Mutex
	name string            // of the round; guarded by mu
	done soak.Stats        // of the rounds before; guarded by mu
	now  func() soak.Stats // of the round, if there is one; guarded by mu
}

// round plays the round of the given seed, and returns whether all was well.
func (c *campaign) round(t *testing.T, seed uint64) bool {
	n := []int{1, 3, 5}[seed%3]
	image := images[seed/3%uint64(len(images))]
	name := fmt.Sprintf("seed %d: %d of %s", seed, n, short(image))
	return t.Run(name, func(t *testing.T) {
		stats, err := soak.Run(t, soak.Round{
			Seed:        seed,
			Nodes:       engine.Lease(t, image).NodesAndDurable(t, n),
			Length:      c.length,
			Environment: roleVariable + "=soaker",
			Progress:    func(now func() soak.Stats) { c.begin(name, now) },
		})
		c.end(stats)
		if err != nil {
			t.Errorf("%v\nThe same faults and choices again, but not at the very same times: make soak SOAK_SEED=%d SOAK_FOR=%v", err, seed, c.length)
		}
	})
}

func (c *campaign) begin(name string, now func() soak.Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name, c.now = name, now
}

func (c *campaign) end(stats soak.Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done, c.now = c.done.Add(stats), nil
}

// figures returns the figures so far.
func (c *campaign) figures() soak.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		return c.done
	}
	return c.done.Add(c.now())
}

// report prints from time to time how far the campaign is, until the function that it
// returns is called; that prints what has come of it.
func (c *campaign) report() (stop func()) {
	start := time.Now()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				stats := c.figures()
				c.mu.Lock()
				name := c.name
				c.mu.Unlock()
				fmt.Printf("soak: %v: round %d (%s): %s\n", time.Since(start).Round(time.Second), stats.Rounds, name, stats.Line())
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
		fmt.Printf("soak: after %v:\n%v", time.Since(start).Round(time.Second), c.figures())
	}
}
