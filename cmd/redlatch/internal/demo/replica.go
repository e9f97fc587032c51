package demo

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

// What a replica does with its time.
const (
	minWork, maxWork   = 10 * time.Millisecond, 60 * time.Millisecond
	minPause, maxPause = 10 * time.Millisecond, 30 * time.Millisecond
)

// A Take takes the lock that the replicas share: it blocks until it has it, or
// ctx has ended. It returns until when the lock is held at most, and what gives
// it back.
type Take func(ctx context.Context) (until time.Time, release func() error, err error)

// Replica takes turns under a lock until in says so or ends. Before a turn and
// after it it tells, on out, and waits for in to confirm it. When it returns the
// lock has been given back, also if in, or out, is broken.
//
// The error is that of a Take that failed for another reason than the end, or
// of writing to out. A goroutine goes on to read in, until that ends.
func Replica(in io.Reader, out io.Writer, take Take) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r := &replica{
		out:  json.NewEncoder(out),
		acks: make(chan struct{}, 1), // one at most: nothing is asked before the last answer
		take: take,
	}
	go r.listen(in, stop)
	for r.err == nil && ctx.Err() == nil {
		r.turn(ctx)
		sleep(ctx, between(minPause, maxPause))
	}
	if ctx.Err() == nil {
		return r.err
	}
	done := message{Say: sayDone}
	if r.err != nil {
		done.Error = reason(r.err)
	}
	r.err = nil // the end of ctx is no failure
	r.say(done)
	return r.err
}

type replica struct {
	out  *json.Encoder
	acks chan struct{} // closed when in ends
	take Take
	err  error // what went wrong first
}

// turn takes the lock, is inside for a while, and gives it back.
func (r *replica) turn(ctx context.Context) {
	r.say(message{Say: sayWait})
	until, release, err := r.take(ctx)
	if err != nil {
		r.err = err
		return
	}
	r.sayAndAwait(message{Say: sayEnter, LeftMS: max(0, time.Until(until).Milliseconds())})
	sleep(ctx, between(minWork, maxWork))
	leave := message{Say: sayLeave}
	if passed(until) {
		leave.Say = sayLost
	}
	r.sayAndAwait(leave)
	if err := release(); err != nil && leave.Say != sayLost {
		r.say(message{Say: sayUnsure, Error: reason(err)})
	}
}

// listen does as in says, and stops when in ends.
func (r *replica) listen(in io.Reader, stop func()) {
	defer close(r.acks)
	defer stop()
	orders := json.NewDecoder(in)
	for {
		var o order
		if orders.Decode(&o) != nil {
			return
		}
		switch o.Do {
		case doGo:
			r.acks <- struct{}{}
		case doStop:
			stop()
		}
	}
}

// say says m, and reports whether it could.
func (r *replica) say(m message) bool {
	err := r.out.Encode(m)
	if err != nil && r.err == nil {
		r.err = err
	}
	return err == nil
}

// sayAndAwait says m and waits until that was noted, or nobody is left to note it.
func (r *replica) sayAndAwait(m message) {
	if r.say(m) {
		<-r.acks
	}
}

// reason returns err's text for where it is plain whose error it is.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "redlatch: ") }

// passed reports whether t has passed, by the monotonic or by the wall clock:
// the former stands still while a machine is suspended.
func passed(t time.Time) bool {
	now := time.Now()
	return !now.Before(t) || !now.Round(0).Before(t.Round(0))
}

func between(least, most time.Duration) time.Duration {
	return least + rand.N(most-least)
}

// sleep returns after d, or when ctx has ended.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
