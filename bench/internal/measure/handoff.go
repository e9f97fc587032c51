package measure

import (
	"context"
	"fmt"
	"time"

	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// The metrics of contests.
const (
	HandoffUS  = "handoff us"           // median
	HandoffRT  = "handoff round trips"  // the same for each median PING of that run
	PingUS     = "ping us"              // median
	ClientCmds = "client commands/turn" // counted on the clients' connections
	ServerCmds = "server commands/turn" // counted by the server: those inside scripts, too
	TurnsPS    = "turns/s"
	Fair       = "least/most"
	Least      = "least served"
	Most       = "most served"
	LongestMS  = "longest wait ms"
	LongestFS  = "longest wait/fair share"
	AgainShare = "taken again" // share of the turns
	Overlaps   = "overlaps"
	MostRun    = "most in a row"
	HandoffNS  = "handoff ns" // samples
	PingNS     = "ping ns"    // samples
	WaitNS     = "wait ns"    // samples
)

// contestants is who contends, in separate processes.
var contestants = []string{
	peer.Redlatch, peer.RedlatchRueidis, peer.Redsync, peer.RedsyncEager, peer.Redislock, peer.Rueidislock,
}

// HandoffCase names the case of so many processes that take turns.
func HandoffCase(processes int) string { return fmt.Sprintf("%d processes", processes) }

// The cases of 16 processes of which each comes back at once.
const (
	BackAtOnce       = "16 processes, back at once"
	BackAtOnceNoWork = "16 processes, back at once, no work"
)

// handoff: section 2.
func handoff(ctx context.Context, b *Bench) error {
	var jobs []job
	for _, n := range []int{2, 4, 16, 64} {
		for _, who := range contestants {
			jobs = append(jobs, b.contestJob(contest{
				Key:        result.Key{Section: Handoff, Case: HandoffCase(n), Who: who},
				goroutines: ones(n), work: time.Millisecond, rest: true,
			}))
		}
	}
	for _, name := range []string{BackAtOnce, BackAtOnceNoWork} {
		for _, who := range contestants {
			c := contest{Key: result.Key{Section: Handoff, Case: name, Who: who}, goroutines: ones(16)}
			if name == BackAtOnce {
				c.work = time.Millisecond
			}
			jobs = append(jobs, b.contestJob(c))
		}
	}
	return b.rounds(ctx, pick(b, 1, 5), jobs)
}

// The cases of section 3.
const (
	SixteenGoroutines = "16 goroutines"
	AndOneElsewhere   = "16 goroutines, and one of another process"
)

// goroutines: section 3.
func goroutines(ctx context.Context, b *Bench) error {
	var jobs []job
	for _, who := range []string{peer.Redlatch, peer.RedlatchLocal, peer.Redsync, peer.Redislock, peer.Rueidislock} {
		jobs = append(jobs, b.contestJob(contest{
			Key:        result.Key{Section: Goroutines, Case: SixteenGoroutines, Who: who},
			goroutines: []int{16},
		}))
	}
	for _, who := range []string{peer.Redlatch, peer.RedlatchLocal} {
		jobs = append(jobs, b.contestJob(contest{
			Key:        result.Key{Section: Goroutines, Case: AndOneElsewhere, Who: who},
			goroutines: []int{16, 1},
		}))
	}
	return b.rounds(ctx, pick(b, 1, 5), jobs)
}

// ones returns n times 1.
func ones(n int) []int {
	goroutines := make([]int, n)
	for i := range goroutines {
		goroutines[i] = 1
	}
	return goroutines
}
