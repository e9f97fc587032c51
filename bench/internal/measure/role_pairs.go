package measure

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/wire"
)

// A PeerTask says which peer a child is. It has a capital for encoding/gob, which leaves
// out embedded fields that have none.
type PeerTask struct {
	Peer   string
	Places []wire.Place
	Expiry time.Duration
	OneTry bool
	Count  bool
}

// open opens the peer, and what counts its commands: nil if that was not asked for.
func (t PeerTask) open() (peer.Peer, *wire.Count, error) {
	c := peer.Config{Places: t.Places, Expiry: t.Expiry, OneTry: t.OneTry}
	if t.Count {
		c.Count = new(wire.Count)
	}
	p, err := peer.Open(t.Peer, c)
	return p, c.Count, err
}

// A pairsTask is of a process whose goroutines lock and unlock, each a name of its own.
type pairsTask struct {
	PeerTask
	Goroutines int
}

// A batch is so many pairs by each goroutine.
type batch struct{ Pairs int }

// A batchResult is what a batch took.
type batchResult struct {
	Pairs            int
	Elapsed, CPU     time.Duration
	Mallocs, Bytes   uint64
	Writes, Commands int64
	Each             []float64 // ns of each pair; of pairs in batches of a peer's own, none
}

// playPairs is the process of a pairsTask: it does a batch for each that it is sent.
func playPairs(s *child.Session) error {
	var task pairsTask
	if err := s.Receive(&task); err != nil {
		return err
	}
	p, count, err := task.open()
	if err != nil {
		return err
	}
	defer p.Close()
	names := make([]string, task.Goroutines)
	for i := range names {
		names[i] = fmt.Sprintf("pair-%s-%d", task.Peer, i)
	}
	for {
		var b batch
		if err := s.Receive(&b); err != nil {
			return err
		}
		r, err := measureBatch(p, count, names, b.Pairs)
		if err != nil {
			return err
		}
		if err := s.Send(r); err != nil {
			return err
		}
	}
}

// measureBatch has one goroutine for each name lock and unlock it pairs times, and says
// what that took.
func measureBatch(p peer.Peer, count *wire.Count, names []string, pairs int) (batchResult, error) {
	each := make([]float64, pairs*len(names))
	var before, after runtime.MemStats
	runtime.GC() // so that no batch pays for what another has left
	runtime.ReadMemStats(&before)
	sent, commands := sentBy(count)
	cpu, start := cpuTime(), time.Now()

	err := lockPairs(p, names, pairs, each)

	r := batchResult{Pairs: pairs * len(names), Elapsed: time.Since(start), CPU: cpuTime() - cpu, Each: each}
	runtime.ReadMemStats(&after)
	r.Mallocs, r.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	r.Writes, r.Commands = sentBy(count)
	r.Writes, r.Commands = r.Writes-sent, r.Commands-commands
	return r, err
}

// lockPairs makes the pairs, and writes to each what each took.
func lockPairs(p peer.Peer, names []string, pairs int, each []float64) error {
	if b, ok := p.(peer.Batcher); ok {
		for range pairs {
			if err := b.Pairs(names); err != nil {
				return err
			}
		}
		return nil
	}
	if len(names) == 1 {
		return lockOne(p, names[0], each)
	}
	errs := make(chan error, len(names)) // one each
	for i, name := range names {
		go func() { errs <- lockOne(p, name, each[i*pairs:(i+1)*pairs]) }()
	}
	var first error
	for range names {
		if err := <-errs; first == nil {
			first = err
		}
	}
	return first
}

// lockOne locks and unlocks the name, once for each of times.
func lockOne(p peer.Peer, name string, times []float64) error {
	ctx := context.Background()
	last := time.Now()
	for i := range times {
		l, err := p.Lock(ctx, name)
		if err != nil {
			return err
		}
		if err := l.Unlock(ctx); err != nil {
			return err
		}
		now := time.Now()
		times[i] = float64(now.Sub(last))
		last = now
	}
	return nil
}

// sentBy returns how much was written, and how many commands were in it.
func sentBy(count *wire.Count) (writes, commands int64) {
	if count == nil {
		return 0, 0
	}
	return count.Writes.Load(), count.Commands.Load()
}

// cpuTime returns the processor time that this process has used.
func cpuTime() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		panic(err) // it has no reason to fail
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
