// Package rueidis is what the drivers for rueidis and for valkey-go, its fork,
// have in common. It imports neither.
//
// Both send everything through a few connections and match the replies by their
// order, so that a command nobody waits for any more costs no connection. Both
// dial when a command needs it.
package rueidis

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redlatch/redlatch/internal/aside"
	"github.com/redlatch/redlatch/internal/driver"
	"github.com/redlatch/redlatch/pool"
)

// A Send has the client send one command, and returns the reply as the client's
// ToAny does. Of what RESP3 has besides the replies of a [pool.Commander], only
// the reply of COMMAND INFO contains some, deep within.
type Send func(ctx context.Context, args []any) (any, error)

// NewNode returns the node that send sends to. Client is its identity.
func NewNode(client any, send Send, dedicate Dedicate) *driver.Node {
	return driver.NewNode(client, &commander{send: send, dedicate: dedicate})
}

type commander struct {
	send     Send
	dedicate Dedicate
	aside    aside.Group
}

var _ pool.Subscriber = (*commander)(nil)

// Idle implements [pool.Commander]. The client does not tell how many connections
// it has for a server: they are 4, or 1 in a Redis Cluster, unless its
// PipelineMultiplex says otherwise. It finds out by itself of most that are
// closed; so these are plenty for one that has more, too.
func (c *commander) Idle() int { return 16 }

// Do implements [pool.Commander]. The client waits without regard to ctx for a
// connection that another call is dialling, and for room among the commands of a
// connection, of which there are 1024 at a time. Hence a goroutine for each
// command that has to be back in time.
func (c *commander) Do(ctx context.Context, timeout time.Duration, args ...any) (reply any, resent bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, pool.NotSent(err)
	}
	bounded, cancel := driver.Within(ctx, timeout)
	defer cancel()
	s := &sending{Context: bounded}
	if bounded.Done() == nil {
		reply, err = c.send(s, args)
	} else {
		reply, err = aside.Run(bounded, &c.aside, func() (any, error) { return c.send(s, args) }, func(any) {})
	}
	resent = s.times.Load() > 1
	if err != nil {
		return nil, resent, explain(ctx, bounded, timeout, resent, err)
	}
	return reply, resent, nil
}

// sending is the context of one command, as the client sees it.
type sending struct {
	context.Context
	times atomic.Int32
}

// Deadline hides the deadline. A client that knows of one may use the connection
// for this command alone: it then does not notice that the context was canceled,
// and closes the connection at the deadline, whoever else waits for it.
func (s *sending) Deadline() (time.Time, bool) { return time.Time{}, false }

// Err counts the sendings: before each the client looks whether the context has
// ended. It looks at few other times, as when it has failed; a command may so be
// said to have been sent again that was not.
//
// The client repeats by itself only what is marked as read-only, which no command
// here is; what the server has refused, with MOVED for one; and what was under
// way, perhaps served already, when a connection broke whose ConnLifetime had
// just run out. It does not tell which commands those are.
func (s *sending) Err() error {
	s.times.Add(1)
	return s.Context.Err()
}

// Words returns a command for the clients' builders of arbitrary commands, which
// have to know its key: by the key they find the server in a Redis Cluster. There
// are no keys if there is none. Of several, which a Cluster allows only if they
// are on one server, it is the first.
func Words(args []any) (before, keys, after []string) {
	words := make([]string, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			words[i] = arg
		case int64:
			words[i] = strconv.FormatInt(arg, 10)
		default:
			words[i] = fmt.Sprint(arg)
		}
	}
	if i := key(words); i > 0 && i < len(words) {
		return words[:i], words[i : i+1], words[i+1:]
	}
	return words, nil, nil
}

// key returns the index of a command's key, or 0.
func key(words []string) int {
	switch words[0] {
	case "GET", "SET", "PTTL", "DELIFEQ", "DELEX":
		return 1
	case "EVAL", "EVALSHA":
		if len(words) > 2 && words[2] != "0" {
			return 3
		}
	}
	return 0
}
