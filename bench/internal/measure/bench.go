// Package measure is the benchmark: what is measured, one section a file, and the
// processes that do it.
package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/result"
	"github.com/redlatch/redlatch/bench/internal/wire"
	"github.com/redlatch/redlatch/integration/servers"
)

// Nodes is how many servers a benchmark needs.
const Nodes = 5

// A Bench measures.
type Bench struct {
	Servers []*servers.Server // as many as Nodes
	Sockets string            // the directory of their Unix sockets
	Scratch string            // a directory for files
	Module  string            // the directory of this module's source
	Quick   bool              // few runs, short ones
	Rand    *rand.Rand        // shuffles
	Results *result.Set
	Say     func(format string, args ...any) // tells how it goes on
}

// Roles returns the roles of the processes that sections start, for [child.Play].
func Roles() map[string]func(*child.Session) error {
	return map[string]func(*child.Session) error{
		"pairs":   playPairs,
		"contend": playContend,
		"wait":    playWait,
		"nodes":   playNodes,
	}
}

// pick returns a number that is smaller in a quick benchmark.
func pick[T any](b *Bench, quick, full T) T {
	if b.Quick {
		return quick
	}
	return full
}

// places returns where the first n servers listen.
func (b *Bench) places(n int) []wire.Place {
	places := make([]wire.Place, n)
	for i, s := range b.Servers[:n] {
		places[i] = wire.Place{Network: "tcp", Address: s.Addr()}
	}
	return places
}

// socket returns where the first server listens besides.
func (b *Bench) socket() []wire.Place {
	_, port, _ := net.SplitHostPort(b.Servers[0].Addr())
	return []wire.Place{{Network: "unix", Address: servers.Socket(b.Sockets, port)}}
}

// flush empties the first n servers.
func (b *Bench) flush(n int) error {
	for _, s := range b.Servers[:n] {
		if _, err := s.Do("FLUSHALL"); err != nil {
			return err
		}
	}
	return nil
}

// A job measures one cell of the results once.
type job struct {
	result.Key
	once func(ctx context.Context, c *result.Cell) error
}

// rounds does all jobs so many times, each time in another order. A job's error ends
// it all, and says whose it was; but a job that stood still is left out for that time.
func (b *Bench) rounds(ctx context.Context, times int, jobs []job) error {
	for _, j := range jobs { // in their order
		b.Results.Cell(j.Key)
	}
	for round := range times {
		shuffled := slices.Clone(jobs)
		b.Rand.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
		began := time.Now()
		for _, j := range shuffled {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			if err := b.do(ctx, j); err != nil {
				return err
			}
		}
		if times <= 10 || (round+1)%10 == 0 {
			b.Say("  round %d of %d: %.1f s", round+1, times, time.Since(began).Seconds())
		}
	}
	return nil
}

// do does a job once.
func (b *Bench) do(ctx context.Context, j job) error {
	c := b.Results.Cell(j.Key)
	err := j.once(ctx, c)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, child.ErrOverdue):
		b.Say("  %s, %s: %s stood still", j.Section, j.Case, j.Who)
		c.Stalls++
		c.Add(result.Metrics{}) // so that the runs of all stay in step
		return nil
	}
	return fmt.Errorf("%s, %s: %s: %w", j.Section, j.Case, j.Who, err)
}
