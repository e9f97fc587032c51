package measure

import (
	"context"
	"path/filepath"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/result"
	"github.com/redlatch/redlatch/bench/internal/stats"
)

// A contest is a case of contenders for one lock.
type contest struct {
	result.Key
	goroutines []int // of each process
	work       time.Duration
	rest       bool // who has had a turn lets another go first
}

// contestJob returns the job that measures c once.
func (b *Bench) contestJob(c contest) job {
	return job{c.Key, func(ctx context.Context, cell *result.Cell) error {
		processes, err := b.startContest(ctx, c)
		defer func() {
			for _, p := range processes {
				p.Kill()
			}
		}()
		if err != nil {
			return err
		}
		return b.hold(c, processes, cell)
	}}
}

// startContest starts the processes of c, and returns when they are ready; with an
// error, those that were started.
func (b *Bench) startContest(ctx context.Context, c contest) ([]*child.Process, error) {
	if err := b.flush(1); err != nil {
		return nil, err
	}
	task := contendTask{
		PeerTask: PeerTask{Peer: c.Who, Places: b.places(1), Count: true},
		Name:     "contest", Work: c.work,
		Pace: time.Duration(len(c.goroutines)) * max(c.work, 200*time.Microsecond),
	}
	if c.rest {
		task.Rest = filepath.Join(b.Scratch, "last")
		if err := createShared(task.Rest); err != nil {
			return nil, err
		}
	}
	var processes []*child.Process
	first := 0 // that is not known to be ready
	for _, n := range c.goroutines {
		task.Goroutines = n
		p, err := child.Start(ctx, "contend", task)
		if err != nil {
			return processes, err
		}
		processes = append(processes, p)
		task.First += n
		if len(processes)%startedAtOnce == 0 || len(processes) == len(c.goroutines) {
			if err := ready(processes[first:]); err != nil {
				return processes, err
			}
			first = len(processes)
		}
	}
	return processes, nil
}

// startedAtOnce is how many processes start at the same time: more would keep each other
// from connecting in time.
const startedAtOnce = 8

// ready returns when all processes are.
func ready(processes []*child.Process) error {
	for _, p := range processes {
		if err := p.Receive(new(bool)); err != nil {
			return err
		}
	}
	return nil
}

// hold lets the processes contend, and adds what came of it to the cell.
func (b *Bench) hold(c contest, processes []*child.Process, cell *result.Cell) error {
	now := child.Clock() + 20*time.Millisecond
	plan := schedule{Ping: now, Start: now + pick(b, 150*time.Millisecond, 200*time.Millisecond)}
	plan.Measure = plan.Start + 150*time.Millisecond
	plan.End = plan.Measure + b.span(len(c.goroutines))
	for _, p := range processes {
		if err := p.Send(plan); err != nil {
			return err
		}
	}
	child.SleepUntil(plan.Measure)
	before, err := b.processed()
	if err != nil {
		return err
	}
	child.SleepUntil(plan.End)
	after, err := b.processed()
	if err != nil {
		return err
	}
	var all contendResult
	for _, p := range processes {
		var r contendResult
		if err := p.Receive(&r); err != nil {
			return err
		}
		all.Turns = append(all.Turns, r.Turns...)
		all.Pings = append(all.Pings, r.Pings...)
		all.Commands += r.Commands
	}
	c.judge(plan, all, float64(after-before), cell)
	return nil
}

// judge adds to the cell what the logs of all processes say.
func (c contest) judge(plan schedule, all contendResult, server float64, cell *result.Cell) {
	var owner []int // the process of each contender
	for i, n := range c.goroutines {
		for range n {
			owner = append(owner, i)
		}
	}
	k := stats.Judge(all.Turns, len(owner), plan.Measure, plan.End, func(who int) int { return owner[who] })
	turns := float64(k.Turns)
	least, most := extremes(k.Served)
	m := result.Metrics{
		HandoffUS: stats.Median(k.Handoffs) / 1e3,
		PingUS:    stats.Median(all.Pings) / 1e3,
		TurnsPS:   turns / (plan.End - plan.Measure).Seconds(),
		Fair:      stats.Fairness(k.Served),
		Least:     least,
		Most:      most,
		LongestMS: k.Longest / 1e6,
		LongestFS: k.Share,
		Overlaps:  float64(k.Overlaps),
		MostRun:   float64(k.MostRun),
	}
	if turns > 0 {
		m[AgainShare] = float64(k.Again) / turns
		m[ClientCmds] = float64(all.Commands) / turns
		m[ServerCmds] = server / turns
	}
	m[HandoffRT] = m[HandoffUS] / m[PingUS]
	cell.Add(m)
	cell.Pool(HandoffNS, k.Handoffs)
	cell.Pool(PingNS, all.Pings)
	cell.Pool(WaitNS, k.Waits)
	if k.Overlaps > 0 {
		cell.Note("%d turns began before the one before had ended", k.Overlaps)
	}
}

func extremes(served []int) (least, most float64) {
	q := make([]float64, len(served))
	for i, n := range served {
		q[i] = float64(n)
	}
	return stats.Quantile(q, 0), stats.Quantile(q, 1)
}

// span returns how long so many processes are measured: with many of them so long that
// each has at least twenty turns, where turns are short, so that one more or less makes
// no difference to who was served least.
func (b *Bench) span(processes int) time.Duration {
	if processes > 16 {
		return pick(b, 1500*time.Millisecond, 2*time.Second)
	}
	return pick(b, 500*time.Millisecond, time.Second)
}
