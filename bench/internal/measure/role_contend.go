package measure

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/stats"
	"github.com/redlatch/redlatch/bench/internal/wire"
)

// A contendTask is of a process whose goroutines take turns under one lock, with those
// of others like it.
type contendTask struct {
	PeerTask
	Name       string
	First      int           // the number of its first contender among all
	Goroutines int           // contenders in this process
	Work       time.Duration // what each does under the lock: it sleeps
	Pace       time.Duration // between two PINGs of this process
	Rest       string        // names the file by which it lets another go first; "" comes back at once
}

// A schedule is when, on the clock that all processes share, the contenders do what.
type schedule struct {
	Ping, Start, Measure, End time.Duration
}

// A contendResult is what a process did from Measure to End.
type contendResult struct {
	Turns            []stats.Turn // from Start on
	Pings            []float64    // ns of each round trip
	Commands, Writes int64
}

// playContend is the process of a contendTask. It reports that it is ready, is sent the
// schedule, and reports the result while its contenders still wait: it does not wait
// for them.
func playContend(s *child.Session) error {
	var task contendTask
	if err := s.Receive(&task); err != nil {
		return err
	}
	p, count, err := task.open()
	if err != nil {
		return err
	}
	if err := warmUp(p, task.Goroutines); err != nil {
		return err
	}
	c := &contenders{task: task, peer: p, errs: make(chan error, task.Goroutines)} // one each
	if task.Rest != "" {
		if c.last, err = openShared(task.Rest); err != nil {
			return err
		}
	}
	var plan schedule
	if err := s.Send(true); err != nil {
		return err
	}
	if err := s.Receive(&plan); err != nil {
		return err
	}
	r, err := c.follow(plan, count)
	if err != nil {
		return err
	}
	return s.Send(r)
}

// warmUp opens the connections that will be used, and has the server know the scripts.
func warmUp(p peer.Peer, goroutines int) error {
	ctx := context.Background()
	for range 2 {
		errs := make(chan error, goroutines) // one each
		for range goroutines {
			go func() { errs <- p.Ping(ctx) }()
		}
		for range goroutines {
			if err := <-errs; err != nil {
				return err
			}
		}
		// Nobody else has this process's number.
		l, err := p.Lock(ctx, "warm-up-"+time.Duration(os.Getpid()).String())
		if err != nil {
			return err
		}
		if err := l.Unlock(ctx); err != nil {
			return err
		}
	}
	return nil
}

// contenders are those of one process.
type contenders struct {
	task contendTask
	peer peer.Peer
	last *shared    // who had the lock last; nil if nobody lets another go first
	errs chan error // why one of them has ended

	mu    sync.Mutex
	turns []stats.Turn // all that have begun; guarded by mu
}

// follow does what the plan says, and returns at its end.
func (c *contenders) follow(plan schedule, count *wire.Count) (r contendResult, err error) {
	child.SleepUntil(plan.Ping + time.Duration(c.task.First)*c.task.Work) // one after the other, as turns are
	if r.Pings, err = c.ping(plan.Start); err != nil {
		return r, err
	}
	child.SleepUntil(plan.Start)
	for i := range c.task.Goroutines {
		go func() { c.errs <- c.contend(c.task.First + i) }()
	}
	child.SleepUntil(plan.Measure)
	writes, commands := sentBy(count)
	select {
	case err := <-c.errs:
		return r, err
	case <-time.After(plan.End - child.Clock()):
	}
	r.Writes, r.Commands = sentBy(count)
	r.Writes, r.Commands = r.Writes-writes, r.Commands-commands
	c.mu.Lock()
	r.Turns = c.turns
	c.turns = nil // those that go on write elsewhere
	c.mu.Unlock()
	return r, nil
}

// ping measures round trips until shortly before the given time.
func (c *contenders) ping(until time.Duration) (times []float64, err error) {
	if c.task.Pace == 0 {
		return nil, nil
	}
	ctx := context.Background()
	for child.Clock() < until-10*time.Millisecond {
		start := time.Now()
		if err := c.peer.Ping(ctx); err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(start)))
		time.Sleep(c.task.Pace)
	}
	return times, nil
}

// contend takes turns, without end.
func (c *contenders) contend(who int) error {
	ctx := context.Background()
	for {
		t := stats.Turn{Who: who, Call: child.Clock()} // before the call: the wait is in between
		i := c.note(-1, t)
		l, err := c.peer.Lock(ctx, c.task.Name)
		if err != nil {
			return err
		}
		t.Got = child.Clock() // after the call
		c.last.set(who)
		if c.task.Work > 0 {
			c.note(i, t)
			time.Sleep(c.task.Work)
		}
		t.Release = child.Clock() // before the call: what follows is what the next waits for
		c.note(i, t)
		if err := l.Unlock(ctx); err != nil {
			return err
		}
		c.last.rest(who)
	}
}

// note writes down a turn, as number i or, if that is -1, as a new one, and returns
// its number.
func (c *contenders) note(i int, t stats.Turn) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i < 0 {
		c.turns = append(c.turns, t)
		return len(c.turns) - 1
	}
	if i < len(c.turns) { // else the result is on its way
		c.turns[i] = t
	}
	return i
}
