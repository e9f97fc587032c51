package redsync

import (
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/redsync/redis"
)

// inLine is ask if req has to do with the line of those who wait, and false if it has
// not, or the node keeps none. Who is in line polls: the pool cannot subscribe.
func (f *foreign) inLine(conn redis.Conn, req pool.Request, start time.Time, again bool) (a pool.Answer, done bool, err error) {
	req.Listens = false
	script, keysAndArgs, ok := req.LineScript()
	if !ok || !f.known || f.lineless.Load() {
		return pool.Answer{}, false, nil
	}
	reply, err := conn.Eval(redis.NewScript(2, script.Text, script.Hash), keysAndArgs...)
	switch {
	case err == nil:
		a, err = req.LineAnswer(plain(reply))
		return a, true, err
	case !pool.LineForbidden(refusalOf(err)):
		return pool.Answer{}, true, err
	}
	a, err = f.askPlainly(conn, req, start, again)
	if err == nil { // so it is the line that was refused, and will not be tried again
		f.lineless.Store(true)
	}
	return a, true, err
}

// plain returns a reply with strings for the bytes that some client libraries make of
// them.
func plain(reply any) any {
	list, _ := reply.([]any)
	for i, word := range list {
		if text, ok := word.([]byte); ok {
			list[i] = string(text)
		}
	}
	return reply
}
