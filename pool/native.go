package pool

import (
	"errors"
	"fmt"
	"strings"
)

// Newer servers compare and delete, or compare and extend, by one command of
// their own: on Valkey 9.1 that halves the server's work of a release against
// the script. Which one a server has, it is asked; its version says nothing
// about the proxy or the rules of access in front of it.
//
//	Valkey 9.0    DELIFEQ key value          SET key value IFEQ value PX ms
//	Redis 8.4     DELEX key IFEQ value       SET key value IFEQ value PX ms
const (
	nativeUnknown int32 = iota // not asked yet
	nativeNone
	nativeDelifeq
	nativeDelex
)

// hasNative reports whether the server has native commands, asking it once.
func (c *call) hasNative() bool {
	if c.redis.native.Load() == nativeUnknown {
		c.askNative()
	}
	return c.redis.native.Load() > nativeNone
}

// maxUnheard is how often a server is asked for its commands that closes the
// connection then: there are proxies that do so with what they do not know. It may
// also be that it had closed the connection before.
const maxUnheard = 3

// askNative asks the server which native commands it has. It is not asked again
// until the next call if there is no answer.
func (c *call) askNative() {
	left, ok := c.left()
	if !ok {
		return
	}
	reply, _, err := c.redis.commander.Do(c.ctx, left, "COMMAND", "INFO", "DELIFEQ", "DELEX")
	switch {
	case err == nil, refusedWith(err, ""):
		c.redis.native.Store(nativeOf(reply))
	case errors.Is(err, ErrClosed) && c.redis.unheard.Add(1) == maxUnheard:
		c.redis.native.Store(nativeNone)
	}
}

// nativeOf reads the reply of COMMAND INFO: an entry for each command, nil for
// one that the server does not have.
func nativeOf(reply any) int32 {
	entries, _ := reply.([]any)
	for i, found := range []int32{nativeDelifeq, nativeDelex} {
		if len(entries) != 2 {
			break
		}
		if entry, _ := entries[i].([]any); len(entry) > 0 {
			return found
		}
	}
	return nativeNone
}

// natively puts the request by a native command, whose reply is yes if the key holds
// the value; unless the server turns out not to have it: then it is not done. What a refusal
// does not tell is looked up: that there is no key, or another owner's. If the
// key is found to hold the value, an acquire that this has overtaken came in between,
// and the command is sent once more.
func (c *call) natively(command func() (any, error), yes any) (a Answer, done bool, err error) {
	for range 2 {
		reply, err := command()
		switch {
		case unsupported(err):
			c.redis.native.Store(nativeNone)
			return Answer{}, false, nil
		case err != nil:
			return Answer{}, true, err
		case reply == yes:
			return Answer{State: Yes}, true, nil
		}
		if a, err := c.look(); err != nil || a.State != Yes {
			return a, true, err
		}
	}
	return Answer{}, true, fmt.Errorf("pool: %v was refused although the key holds the value", c.Op)
}

func (c *call) nativeExtend() (any, error) {
	return c.do("SET", c.Name, c.Value, "IFEQ", c.Value, "PX", c.milliseconds())
}

func (c *call) nativeDelete() (any, error) {
	if c.redis.native.Load() == nativeDelex {
		return c.do("DELEX", c.Name, "IFEQ", c.Value)
	}
	return c.do("DELIFEQ", c.Name, c.Value)
}

// unsupported reports whether the server does not have the command after all,
// or does not let this user run it. A script may still do.
func unsupported(err error) bool {
	return refusedWith(err, "ERR unknown command") ||
		refusedWith(err, "ERR syntax error") ||
		refusedWith(err, "NOPERM") ||
		refusedWith(err, "ERR") && strings.Contains(err.Error(), "not support")
}
