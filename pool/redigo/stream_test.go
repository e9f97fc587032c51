package redigo

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
)

func TestCancelledCallLeavesOthersAlone(t *testing.T) {
	c := newCrowd(t)
	c.echoes.hang()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() { c.want(context.Background(), word(i)) })
	}
	cancelled := make(chan error)
	go func() {
		_, _, err := c.Do(ctx, patience, "ECHO", "cancelled")
		cancelled <- err
	}()
	c.eventually("everything was sent", func() bool { return c.echoes.heard() == 9 })
	cancel()
	if err := <-cancelled; err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	for i := range 8 { // on the same connection, after the one that was given up
		wait.Go(func() { c.want(context.Background(), word(8+i)) })
	}
	c.eventually("everything was sent", func() bool { return c.echoes.heard() == 17 })
	c.echoes.thaw()
	wait.Wait()
	c.idle(1)
}

// A reply that does not come closes the connection at its deadline; the outcome of the
// other commands on it is not known. What comes then finds another connection.
func TestOverdueReply(t *testing.T) {
	c := newCrowd(t)
	dial := make(chan struct{})
	c.dial = func() error { <-dial; return nil }
	c.echoes.hang()
	first := make(chan error)
	go func() {
		_, _, err := c.Do(context.Background(), time.Second, "ECHO", "the first")
		first <- err
	}()
	c.joined(1)
	others := make(chan error)
	for i := range 8 {
		go func() {
			_, _, err := c.Do(context.Background(), 100*patience, "ECHO", word(i))
			others <- err
		}()
	}
	c.joined(9)
	close(dial)
	if err := <-first; !errors.Is(err, pool.ErrNoAnswer) || errors.Is(err, pool.ErrNotSent) {
		t.Errorf("got %v, want ErrNoAnswer of what was sent", err)
	}
	for range 8 {
		if err := <-others; !errors.Is(err, pool.ErrClosed) || errors.Is(err, pool.ErrNoAnswer) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	c.idle(0)
	c.echoes.thaw()
	c.want(context.Background(), "another")
	c.idle(1)
}

// The same of what was written after it.
func TestOverdueReplyBeforeOthers(t *testing.T) {
	c := newCrowd(t)
	c.echoes.hang()
	first, others := make(chan error), make(chan error)
	go func() {
		_, _, err := c.Do(context.Background(), time.Second, "ECHO", "the first")
		first <- err
	}()
	c.eventually("it was sent", func() bool { return c.echoes.heard() == 1 })
	for i := range 8 {
		go func() {
			_, _, err := c.Do(context.Background(), patience, "ECHO", word(i))
			others <- err
		}()
	}
	c.eventually("all were sent", func() bool { return c.echoes.heard() == 9 })
	if err := <-first; !errors.Is(err, pool.ErrNoAnswer) {
		t.Errorf("got %v, want ErrNoAnswer", err)
	}
	for range 8 {
		if err := <-others; !errors.Is(err, pool.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	c.idle(0)
}

// failing is a connection that fails to receive when told, and does not close.
type failing struct {
	redis.ConnWithTimeout
	fail chan struct{}
}

func (f *failing) ReceiveWithTimeout(time.Duration) (any, error) {
	<-f.fail
	return nil, io.EOF
}

// What has not been sent when reading fails is not sent there any more, nor waits for
// who writes.
func TestUnsentWhenReadingFails(t *testing.T) {
	c := newCrowd(t)
	fail, write := make(chan struct{}), make(chan struct{})
	dial := c.pool.Dial
	c.pool.Dial = func() (redis.Conn, error) {
		conn, err := dial()
		if c.dials.Load() > 1 {
			return conn, err
		}
		return &failing{conn.(redis.ConnWithTimeout), fail}, err
	}
	c.write = func() {
		if c.writes.Load() == 2 {
			<-write
		}
	}
	lost := make(chan error)
	do := func() {
		_, _, err := c.Do(context.Background(), patience, "ECHO", "lost")
		lost <- err
	}
	go do()
	c.eventually("it was sent", func() bool { return c.echoes.heard() == 1 })
	go do()
	c.eventually("it is being written", func() bool { return c.writes.Load() == 2 })
	unsent := make(chan struct{})
	go func() {
		defer close(unsent)
		c.want(context.Background(), "unsent")
	}()
	c.joined(1)
	close(fail)
	<-unsent
	if err := <-lost; !errors.Is(err, pool.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	close(write)
	if err := <-lost; !errors.Is(err, pool.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// stuttering is a failing connection that stops before it sends what is said to be late.
type stuttering struct {
	failing
	late chan struct{}
}

func (s *stuttering) Send(command string, args ...any) error {
	if args[0] == "late" {
		s.late <- struct{}{}
		<-s.late
	}
	return s.failing.Send(command, args...)
}

// A call that has failed is over, and yet not another's as long as somebody writes it.
func TestCallsFailWhileTheyAreWritten(t *testing.T) {
	c := newCrowd(t)
	fail, late, write := make(chan struct{}), make(chan struct{}), make(chan struct{})
	dial := c.pool.Dial
	c.pool.Dial = func() (redis.Conn, error) {
		conn, err := dial()
		return &stuttering{failing{conn.(redis.ConnWithTimeout), fail}, late}, err
	}
	c.write = func() {
		if c.writes.Load() == 2 {
			<-write
		}
	}
	lost := make(chan error)
	do := func(word string) {
		_, _, err := c.Do(context.Background(), patience, "ECHO", word)
		lost <- err
	}
	go do("the first")
	c.eventually("it was sent", func() bool { return c.echoes.heard() == 1 })
	go do("the second")
	c.eventually("it is being written", func() bool { return c.writes.Load() == 2 })
	go do("late")
	c.joined(1)
	go do("the last")
	c.joined(2)
	close(write)
	<-late
	close(fail)
	for range 4 {
		if err := <-lost; !errors.Is(err, pool.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	late <- struct{}{}
	c.eventually("the last is sent all the same", func() bool { return c.echoes.heard() == 4 })
}

// A call whose time is up before that of others is not held up by them.
func TestEarlierDeadline(t *testing.T) {
	c := newCrowd(t)
	c.echoes.hang()
	var wait sync.WaitGroup
	wait.Go(func() { c.want(context.Background(), "in no hurry") })
	c.eventually("it was sent", func() bool { return c.echoes.heard() == 1 })
	if _, _, err := c.Do(context.Background(), 20*time.Millisecond, "ECHO", "in a hurry"); !errors.Is(err, pool.ErrNoAnswer) {
		t.Errorf("got %v, want ErrNoAnswer", err)
	}
	c.echoes.thaw()
	wait.Wait()
	c.idle(1)
}

// Who gets the connection for all may fail, or give up: the others do not.
func TestFirstGivesUp(t *testing.T) {
	c := newCrowd(t)
	dial := make(chan struct{})
	c.dial = func() error { <-dial; return nil }
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, _, err := c.Do(ctx, patience, "ECHO", "the first")
		first <- err
	}()
	c.joined(1)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() { c.want(context.Background(), word(i)) })
	}
	c.joined(9)
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) || !errors.Is(err, pool.ErrNotSent) {
		t.Errorf("got %v, want ErrNotSent, and the end of the context", err)
	}
	close(dial)
	wait.Wait()
	c.idle(anyNumber)
}

func TestNobodyCanConnect(t *testing.T) {
	c := newCrowd(t)
	refused := errors.New("nobody listens")
	dial := make(chan struct{})
	c.dial = func() error { <-dial; return refused }
	errs := make(chan error)
	for i := range 8 {
		go func() {
			_, _, err := c.Do(context.Background(), patience, "ECHO", word(i))
			errs <- err
		}()
	}
	c.joined(8)
	close(dial)
	for range 8 {
		if err := <-errs; !errors.Is(err, pool.ErrNotSent) || !errors.Is(err, refused) {
			t.Errorf("got %v, want ErrNotSent, and %v", err, refused)
		}
	}
	c.idle(0)
}

// The first's time is up while it gets the connection; so is the others', in their own
// time.
func TestNoConnectionInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		p := &redis.Pool{Dial: func() (redis.Conn, error) {
			<-hang
			return nil, errors.New("at last")
		}}
		c := &commander{pool: p, known: p}
		c.calls.Add(1)
		start := time.Now()
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				timeout := time.Second + time.Duration(i)*time.Millisecond
				_, _, err := c.Do(t.Context(), timeout, "ECHO", word(i))
				if !errors.Is(err, pool.ErrNotSent) || !errors.Is(err, pool.ErrNoAnswer) {
					t.Errorf("got %v, want ErrNotSent and ErrNoAnswer", err)
				}
				if got := time.Since(start); got != timeout {
					t.Errorf("returned after %v, want %v", got, timeout)
				}
			})
			synctest.Wait()
		}
		wait.Wait()
		close(hang)
	})
}

// The connection closes after some replies: who has one keeps it.
func TestConnectionCloses(t *testing.T) {
	c := newCrowd(t)
	dial := make(chan struct{})
	c.dial = func() error { <-dial; return nil }
	kept, lost := make(chan error, 8), make(chan error, 8)
	do := func(errs chan<- error, name string) {
		_, _, err := c.Do(context.Background(), patience, name, "word")
		errs <- err
	}
	n := 0
	for _, group := range []struct {
		errs chan<- error
		name string
		size int
	}{{kept, "ECHO", 4}, {lost, "QUIT", 1}, {lost, "ECHO", 3}} {
		for range group.size {
			go do(group.errs, group.name)
			n++
			c.joined(n)
		}
	}
	close(dial)
	for range 4 {
		if err := <-kept; err != nil {
			t.Errorf("before it closed: %v", err)
		}
		if err := <-lost; !errors.Is(err, pool.ErrClosed) {
			t.Errorf("after it closed: got %v, want ErrClosed", err)
		}
	}
	c.idle(0)
}
