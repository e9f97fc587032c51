package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// lineOf returns the key of the line of those who wait for a lock, in the lock's slot of a
// Redis Cluster; "" if there can be none.
func lineOf(name string) string {
	const suffix = ":redlatch-line"
	if open := strings.IndexByte(name, '{'); open >= 0 {
		if strings.IndexByte(name[open+1:], '}') > 0 {
			return name + suffix // what is between these is the key to the slot
		}
	}
	if name == "" || strings.IndexByte(name, '}') >= 0 {
		return ""
	}
	return "{" + name + "}" + suffix
}

// LineForbidden reports whether err means that the server, or a proxy, does not know what
// it is asked, or does not let this user ask it: as a script with two keys, or to
// subscribe. One that takes no more connections does not refuse what it is asked.
func LineForbidden(err error) bool {
	return refusedWith(err, "NOPERM") || refusedWith(err, "CROSSSLOT") ||
		refusedWith(err, "ERR") && !refusedWith(err, "ERR max number of clients")
}

// LineScript returns the script that serves a request which has to do with a line, and
// its arguments, the two keys first; false if the request is to be served without a line,
// or its key can have none.
func (req Request) LineScript() (s Script, keysAndArgs []any, ok bool) {
	script, command := req.lineCommand(keysOf(req.Name))
	if script == nil {
		return Script{}, nil, false
	}
	return *script, command[3:], true
}

// lineCommand returns that script, or nil, and the command that runs it.
func (req Request) lineCommand(k *keys) (*Script, []any) {
	switch {
	case k.lineName == "":
		return nil, nil
	case req.Op == Acquire && req.Wait:
		return &waitScript, []any{
			"EVALSHA", waitScript.hash, int64(2), k.lock, k.line, req.Value, int64(req.Expiry / time.Millisecond),
			req.Inbox, int64(req.Waited / time.Microsecond), int64(PlaceLasts / time.Millisecond), req.waitFlags(),
		}
	case req.Op == Release && (req.HandOver || req.Again):
		var what any = "hand"
		switch {
		case !req.HandOver:
			what = "leave"
		case req.Again:
			what = "hand leave"
		}
		return &handoverScript, []any{"EVALSHA", handoverScript.hash, int64(2), k.lock, k.line, req.Value, what, req.Inbox, req.Next}
	}
	return nil, nil
}

func (req Request) waitFlags() string {
	flags := ""
	if req.Listens {
		flags += "listens "
	}
	if req.Again {
		flags += "again "
	}
	if req.TellNext {
		flags += "next"
	}
	return flags
}

// LineAnswer reads the reply of the script that [Request.LineScript] has returned.
func (req Request) LineAnswer(reply any) (Answer, error) {
	if req.Op == Acquire {
		if a, ok := waitAnswer(reply); ok {
			return a, nil
		}
	} else if n, ok := reply.(int64); ok {
		if s, ok := stateOf(n); ok {
			return Answer{State: s}, nil
		}
	}
	return Answer{}, unexpected(req.Op, reply)
}

// inLine puts the request to a server that may keep lines, or to one that has refused to
// without a line: by serve. If serve succeeds it is the line that was refused, and will
// not be tried again.
func (c *call) inLine(serve func() (Answer, error)) (Answer, error) {
	script, command := c.lineCommand(c.redis.names.of(c.Name))
	if script == nil || c.redis.lineless.Load() {
		return serve()
	}
	reply, err := c.evalAll(script, command)
	switch {
	case LineForbidden(err):
		a, err := serve()
		if err == nil {
			c.redis.lineless.Store(true)
		}
		return a, err
	case err != nil:
		return Answer{}, err
	}
	return c.LineAnswer(reply)
}

// waitAnswer reads the reply of wait.lua.
func waitAnswer(reply any) (Answer, bool) {
	r, _ := reply.([]any)
	if len(r) != 5 {
		return Answer{}, false
	}
	state, ok1 := r[0].(int64)
	ttl, ok2 := r[1].(int64)
	place, ok3 := r[2].(int64)
	owner, ok4 := r[3].(string)
	next, ok5 := r[4].(string)
	s, ok6 := stateOf(state)
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || s == Absent || place < int64(Joined) {
		return Answer{}, false
	}
	if ttl == 0 && s == Other { // of a key that is still there: 0 would say that nobody knows
		ttl = 1
	}
	return Answer{State: s, TTL: ttlOf(ttl), Place: int(place), Owner: owner, Next: next}, true
}

// Listen implements [Listener]. It is deaf if the client cannot subscribe, or the server
// does not send it what it publishes itself.
func (r *Redis) Listen(ctx context.Context, inbox string, up func(), handed func(value string)) error {
	s, ok := r.commander.(Subscriber)
	if !ok {
		return ErrDeaf
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var echo sync.WaitGroup
	heard := false
	err := s.Subscribe(ctx, inbox, func() {
		echo.Go(func() {
			if err := r.echo(ctx, inbox); err != nil {
				cancel(err)
			}
		})
	}, func(payload string) {
		switch {
		case payload == "" && !heard:
			heard = true
			up()
		case payload != "" && heard:
			handed(payload)
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(nil)
	echo.Wait()
	if LineForbidden(err) {
		return errors.Join(ErrDeaf, err)
	}
	return err
}

// echoTimeout is how long the server may take to publish a message.
const echoTimeout = 5 * time.Second

// echo publishes the empty message, which shows that messages get through.
func (r *Redis) echo(ctx context.Context, inbox string) error {
	reply, _, err := r.commander.Do(ctx, echoTimeout, "PUBLISH", inbox, "")
	if err == nil && reply == int64(0) { // as of a Redis Cluster, which counts on one server only
		return fmt.Errorf("%w: it has found nobody who listens", ErrDeaf)
	}
	return err
}
