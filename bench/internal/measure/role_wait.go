package measure

import (
	"context"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
)

// A waitTask is of a process whose goroutines wait for locks, one or more each.
type waitTask struct {
	PeerTask
	Names  []string      // one goroutine each
	Spread time.Duration // between the beginnings of two
}

// A waitResult is of one lock that was got.
type waitResult struct {
	Number    int // of the name
	Call, Got time.Duration
}

// playWait is the process of a waitTask. It is told to
// begin, reports that it does, and then
// every lock that is got, which it keeps.
func playWait(s *child.Session) error {
	var task waitTask
	if err := s.Receive(&task); err != nil {
		return err
	}
	p, _, err := task.open()
	if err != nil {
		return err
	}
	if err := warmUp(p, 1); err != nil {
		return err
	}
	if err := s.Receive(new(bool)); err != nil {
		return err
	}
	if err := s.Send(true); err != nil {
		return err
	}
	outcomes := make(chan outcome) // the process ends before those who wait
	start := child.Clock()
	for i, name := range task.Names {
		go func() {
			child.SleepUntil(start + time.Duration(i)*task.Spread)
			r := waitResult{Number: i, Call: child.Clock()} // before the call: the expiry counts from later than this
			_, err := p.Lock(context.Background(), name)
			r.Got = child.Clock()
			outcomes <- outcome{r, err}
		}()
	}
	go func() { outcomes <- outcome{err: stillThere(s)} }()
	for {
		o := <-outcomes
		if o.err != nil {
			return o.err
		}
		if err := s.Send(o.waitResult); err != nil {
			return err
		}
	}
}

// An outcome is what became of one waiter, or that no more is asked.
type outcome struct {
	waitResult
	err error
}

// stillThere answers whoever asks, so that it is known that nobody has failed, until
// there is nobody who could.
func stillThere(s *child.Session) error {
	for {
		if err := s.Receive(new(bool)); err != nil {
			return err
		}
		if err := s.Send(waitResult{Number: nobody}); err != nil {
			return err
		}
	}
}

// nobody is the number of a waitResult that only says that the process is there.
const nobody = -1
