package goredis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A mark is an argument of a command that notices when the command is sent:
// every version of go-redis, for every kind of client, calls its MarshalBinary
// each time that it writes the command into a connection's buffer.
type mark struct {
	text string

	mu      sync.Mutex
	cmd     Command           // guarded by mu; nil if it must not be looked at
	refusal func(error) error // tells whether an error is a server's refusal
	sent    int               // sendings that may have had an effect, or unknown; guarded by mu
	closed  bool              // guarded by mu
}

// unknown is the number of sendings of a command that has no mark.
const unknown = -1

// marked returns a copy of args in which one is marked. It must not be a key, by
// which go-redis may have to find the server; so there is none in a command of
// two words. Nor is there one in SCRIPT, which some versions send to many
// servers at a time.
func marked(args []any) ([]any, *mark) {
	i := len(args) - 1
	name, _ := args[0].(string)
	switch strings.ToUpper(name) {
	case "EVAL", "EVALSHA":
		i = 1 // the last may be a key
	case "SCRIPT":
		i = 0
	}
	if i == 0 || len(args) == 2 {
		return slices.Clone(args), &mark{sent: unknown}
	}
	m := &mark{text: fmt.Sprint(args[i])}
	args = slices.Clone(args)
	args[i] = m
	return args, m
}

// watch makes the mark not count the sendings that were refused.
func (m *mark) watch(cmd Command, refusal func(error) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cmd, m.refusal = cmd, refusal
}

var errClosed = errors.New("go-redis: the command was given up meanwhile, and is not sent any more")

// MarshalBinary implements encoding.BinaryMarshaler. When it fails go-redis
// closes the connection; what it has written is less than a command, which no
// server executes.
func (m *mark) MarshalBinary() ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errClosed
	}
	if m.refused() && m.sent > 0 {
		m.sent--
	}
	m.sent++
	return []byte(m.text), nil
}

// refused reports whether the attempt before was refused, and forgets that: of
// the next one go-redis may keep nothing. The caller holds mu.
func (m *mark) refused() bool {
	if m.cmd == nil {
		return false
	}
	err := m.cmd.Err()
	if c, ok := m.cmd.(interface{ SetErr(error) }); ok {
		c.SetErr(nil)
	}
	return m.refusal(err) != nil
}

// String returns what the argument was, for hooks that print commands.
func (m *mark) String() string { return m.text }

// close ends all sending, and returns how many sendings there were that may have
// had an effect, with the one that was answered.
func (m *mark) close() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return m.sent
}
