package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
	"github.com/redlatch/redlatch/bench/internal/stats"
)

// The metrics of a takeover: from the end of the key of a holder that has died to the
// next Lock having returned.
const (
	TakeoverMS = "takeover ms" // median; also of samples
)

const (
	deaths        = 10                     // locks whose holder dies, in a run
	deathSpread   = 20 * time.Millisecond  // between the ends of two
	deathExpiry   = 600 * time.Millisecond // of each
	deathPatience = 3 * time.Second        // how long it is waited for that all are taken over
)

// Others is how many other keys there are, by case.
var Others = []int{0, 10000}

// TakeoverCase names the case of so many other keys that expire.
func TakeoverCase(others int) string { return fmt.Sprintf("beside %d other keys", others) }

// takeover: section 6, a holder that dies.
func takeover(ctx context.Context, b *Bench) error {
	var jobs []job
	for _, others := range Others {
		for _, who := range []string{
			peer.Redlatch, peer.RedlatchRueidis, peer.Redsync, peer.RedsyncEager, peer.Redislock, peer.Rueidislock,
		} {
			key := result.Key{Section: Takeover, Case: TakeoverCase(others), Who: who}
			jobs = append(jobs, job{key, func(ctx context.Context, c *result.Cell) error {
				return b.measureTakeover(ctx, others, c)
			}})
		}
	}
	return b.rounds(ctx, pick(b, 1, 5), jobs)
}

// measureTakeover has a process die that holds locks, and another take them over.
func (b *Bench) measureTakeover(ctx context.Context, others int, c *result.Cell) error {
	if err := b.flush(1); err != nil {
		return err
	}
	if err := b.fill(others); err != nil {
		return err
	}
	task := waitTask{
		PeerTask: PeerTask{Peer: c.Who, Places: b.places(1), Expiry: deathExpiry},
		Spread:   deathSpread,
	}
	for i := range deaths {
		task.Names = append(task.Names, fmt.Sprintf("dead-%d", i))
	}
	heirs, err := child.Start(ctx, "wait", task)
	if err != nil {
		return err
	}
	defer heirs.Kill()
	holder, err := startWaiter(ctx, task)
	if err != nil {
		return err
	}
	defer holder.Kill()
	ends := make([]time.Duration, deaths)
	for range deaths {
		var r waitResult
		if err := holder.Receive(&r); err != nil {
			return err
		}
		ends[r.Number] = r.Call + deathExpiry // no later than the key's end, but for the millisecond that servers count in
	}
	if err := heirs.Ask(true, new(bool)); err != nil {
		return err
	}
	holder.Kill()
	return inherit(heirs, ends, c)
}

// inherit notes when the locks are taken over.
func inherit(heirs *child.Process, ends []time.Duration, c *result.Cell) error {
	end := time.Now().Add(deathPatience)
	var times []float64
	for range ends {
		var r waitResult
		err := heirs.ReceiveWithin(time.Until(end), &r)
		if errors.Is(err, child.ErrOverdue) {
			break
		}
		if err != nil {
			return err
		}
		times = append(times, float64(r.Got-ends[r.Number])/1e6)
	}
	if missing := len(ends) - len(times); missing > 0 {
		c.Note("in one run %d of %d were not taken over within %v", missing, len(ends), deathPatience-deathExpiry)
		for range missing {
			times = append(times, float64(deathPatience-deathExpiry)/1e6)
		}
	}
	c.Add(result.Metrics{TakeoverMS: stats.Median(times)})
	c.Pool(TakeoverMS, times)
	return nil
}

// fill gives the first server so many keys that expire in an hour.
func (b *Bench) fill(n int) error {
	conn, err := redis.Dial("tcp", b.Servers[0].Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range n {
		if err := conn.Send("SET", fmt.Sprintf("other-%d", i), "", "EX", 3600); err != nil {
			return err
		}
	}
	_, err = conn.Do("") // reads all replies
	return err
}
