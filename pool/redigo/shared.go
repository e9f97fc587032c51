package redigo

import (
	"context"
	"errors"
	"time"
)

// A call is what one caller of Do has to send.
type call struct {
	args     []any
	size     int
	deadline time.Time
	timeout  time.Duration
	reply    any
	err      error
	done     chan struct{} // reply and err are there; holds one message: who gave up blocks nobody
}

const (
	// streamBytes is how much is sent on a stream altogether: what the socket's
	// buffer takes even if the server reads nothing, so that no caller is kept by
	// writing. Then there is a new stream; no connection is withheld for long from
	// others who want one of the pool.
	streamBytes = inlineBytes

	// framing is about what the protocol adds to an argument.
	framing = 8
)

// errUnsent is the error of a call that can still be made alone.
var errUnsent = errors.New("not sent")

// shares reports whether a call can be one of several on a connection. Its bounds are
// those of a connection, which has deadlines, and it leaves room for others.
func (c *commander) shares(ctx context.Context, timeout time.Duration, args []any) bool {
	return c.known != nil && !c.bare.Load() && timeout > 0 && ctx.Err() == nil && sizeOnStream(args) <= streamBytes/4
}

func sizeOnStream(args []any) int { return size(args) + framing*len(args) }

// share is Do on a stream, except that it returns errUnsent.
func (c *commander) share(ctx context.Context, start time.Time, timeout time.Duration, args []any) (any, error) {
	own, ok := c.spare.Get().(*call)
	if !ok {
		own = &call{done: make(chan struct{}, 1)}
	}
	own.args, own.size, own.deadline, own.timeout = args, sizeOnStream(args), start.Add(timeout), timeout
	s, first, writes := c.join(own, timeout/128)
	if first {
		if err := s.open(ctx, own.deadline); err != nil {
			return nil, err
		}
	}
	if writes {
		s.write()
	}
	select {
	case <-own.done:
	case <-ctx.Done():
		return nil, ctx.Err() // own is the stream's
	}
	reply, err := own.reply, own.err
	switch {
	case err == nil:
		*own = call{done: own.done}
		c.spare.Put(own)
	case err != errUnsent: // of a stream that has failed, who writes may still be at own
		err = explain(ctx, timeout, err)
	}
	return plain(reply), err
}

// join adds a call to the stream, or to a new one, and reports whether it is the first
// there, and whether its caller has to write.
//
// Deadlines on a stream only rise. So it is enough that the reply that is read next
// has a deadline, that of its call: nobody has to be back before. Calls that begin at
// the same time may join in another order: slack is by how much one may be late.
func (c *commander) join(own *call, slack time.Duration) (s *stream, first, writes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s = c.stream
	if s == nil || s.room < own.size || own.deadline.Add(slack).Before(s.latest) {
		s = &stream{commander: c, room: streamBytes}
		c.stream = s
		first = true
	}
	s.room -= own.size
	if own.deadline.After(s.latest) {
		s.latest = own.deadline
	}
	s.unsent = append(s.unsent, own)
	writes = !s.writing
	s.writing = true
	return s, first, writes
}
