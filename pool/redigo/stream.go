package redigo

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// A stream is a connection that calls share which are under way at the same time.
// Who joins it while nobody writes does so for all who have joined until then, and a
// goroutine reads the replies. When none is to come any more, it ends, and the
// connection is in the pool again before the last caller knows.
//
// Replies come in the order of sending, and each call has its place in it, also if it
// is given up: its reply is dropped. No reply is read after one has failed to come.
//
// The commands of a mutex keep their order: the next is issued when the one before was
// answered. Over one that was given up it may win, on another connection, with streams
// as without: the lock deals with that.
type stream struct {
	*commander
	conn redis.Conn // set by the first call, before it writes

	// Guarded by the commander's mu.
	room    int       // how many bytes it still takes on
	latest  time.Time // the last of their deadlines
	unsent  []*call   // in the order of joining
	unread  []*call   // in the order of sending, without those that are being read
	writing bool      // somebody sends, or gets the connection to do so
	reading bool      // the goroutine runs, or is about to
}

// open gets the connection, within the bounds of the first call; others join
// meanwhile. If that fails, so does the first, and the others are on their own.
func (s *stream) open(ctx context.Context, deadline time.Time) error {
	left := max(time.Until(deadline), 1) // 0 would be no bound
	conn, err := s.get(ctx, left)
	if err == nil {
		// Without a command this only tells whether the connection knows timeouts.
		if _, err = redis.DoWithTimeout(conn, left, ""); err == nil {
			s.conn = conn
			return nil
		}
		s.release(conn)
	}
	s.mu.Lock()
	unsent := s.leave()
	s.mu.Unlock()
	giveBack(unsent[1:])
	if boundless(err) {
		s.bare.Store(true)
		return errUnsent
	}
	return pool.NotSent(err)
}

// leave sees to it that nobody joins any more, and returns whose commands are not going
// to be sent. The caller holds mu.
func (s *stream) leave() []*call {
	if s.stream == s {
		s.stream = nil
	}
	unsent := s.unsent
	s.unsent = nil
	return unsent
}

func giveBack(unsent []*call) {
	for _, c := range unsent {
		c.err = errUnsent
		c.done <- struct{}{}
	}
}

// write sends what there is to send, at once. What is added meanwhile is left to a
// goroutine, since the caller has to be back.
func (s *stream) write() {
	runtime.Gosched() // whoever else can run now joins first
	s.mu.Lock()
	batch := s.unsent
	s.unsent = nil
	s.unread = append(s.unread, batch...)
	s.mu.Unlock()

	err := s.send(batch)

	s.mu.Lock()
	if err != nil { // what was sent is up to who reads
		giveBack(s.leave())
	}
	if s.writing = len(s.unsent) > 0; s.writing {
		go s.write()
	}
	if !s.reading && len(s.unread) > 0 {
		s.reading = true
		go s.read()
	}
	s.unlock()
}

func (s *stream) send(batch []*call) error {
	for _, c := range batch {
		if err := s.conn.Send(c.args[0].(string), c.args[1:]...); err != nil {
			return err
		}
	}
	return s.conn.Flush()
}

// read reads replies as long as there are some to come.
func (s *stream) read() {
	for more := true; more; {
		s.mu.Lock()
		batch := s.unread
		s.unread = nil
		s.mu.Unlock()
		last := len(batch) - 1
		for i, c := range batch {
			c.reply, c.err = redis.ReceiveWithTimeout(s.conn, max(time.Until(c.deadline), 1))
			if _, refused := c.err.(redis.Error); c.err != nil && !refused {
				s.fail(batch[i:])
				return
			}
			if i < last {
				c.done <- struct{}{}
			}
		}
		s.mu.Lock()
		more = len(s.unread) > 0
		s.reading = more
		s.unlock()
		batch[last].done <- struct{}{}
	}
}

// fail ends a stream that has failed the first of the calls, and whose connection
// redigo has closed therefore. What became of the other commands is not known.
func (s *stream) fail(unread []*call) {
	s.mu.Lock()
	unread = append(unread, s.unread...)
	s.unread = nil
	unsent := s.leave()
	s.reading = false
	s.unlock()
	lost := driver.Closed(fmt.Errorf("another call on it failed: %v", unread[0].err))
	for i, c := range unread {
		switch {
		case i == 0:
		case time.Until(c.deadline) < c.timeout/8: // it would be told the same in a moment
			c.err = unread[0].err
		default:
			c.err = lost
		}
		c.done <- struct{}{}
	}
	giveBack(unsent)
}

// unlock unlocks mu, and ends the stream if it is done: who writes and who reads call
// it when they have written and read.
func (s *stream) unlock() {
	over := !s.writing && !s.reading
	if over {
		s.leave() // nobody: there would be a writer
	}
	s.mu.Unlock()
	if over {
		s.release(s.conn)
	}
}
