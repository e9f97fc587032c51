package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// patience is how long a replica that was told to stop may take.
const patience = 3 * time.Second

// child is a replica as the process that started it sees it.
type child struct {
	cmd    *exec.Cmd
	out    io.Reader
	stderr *lineWriter

	mu      sync.Mutex
	in      io.WriteCloser // guarded by mu
	killer  *time.Timer    // runs from stop on; guarded by mu
	overdue bool           // it was killed for taking too long; guarded by mu
}

// startChild starts a replica. What it writes to stderr goes to said, by lines.
func startChild(cmd *exec.Cmd, said func(line string)) (*child, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr := &lineWriter{line: said}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &child{cmd: cmd, out: out, stderr: stderr, in: in}, nil
}

// attend passes to hear what the replica says, and gives an answer to what hear
// returns true for. It returns when the replica's process has ended: nil if it
// did so of its own accord, after saying so, and else how.
func (c *child) attend(hear func(message) (answer bool)) error {
	finished := false
	messages := json.NewDecoder(c.out)
	var garbled error
	for {
		var m message
		if err := messages.Decode(&m); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				garbled = fmt.Errorf("what it says cannot be read: %w", err)
				c.cmd.Process.Kill()
			}
			break
		}
		finished = m.Say == sayDone
		if hear(m) {
			c.tell(doGo)
		}
	}
	err := c.cmd.Wait() // after the last read, as the pipe requires
	c.stderr.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killer != nil {
		c.killer.Stop()
	}
	switch {
	case garbled != nil:
		return garbled
	case c.overdue:
		return fmt.Errorf("it did not stop within %v and was killed", patience)
	case err != nil:
		return fmt.Errorf("it died (%w)", err)
	case !finished:
		return errors.New("it ended without a word")
	}
	return nil
}

// stop tells the replica to end, and sees to it that it does within patience.
func (c *child) stop() {
	c.tell(doStop)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killer == nil {
		c.killer = time.AfterFunc(patience, c.kill)
	}
}

func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overdue = c.cmd.Process.Kill() == nil
}

func (c *child) tell(w word) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// One that cannot be told any more has ended, and attend returns.
	_ = json.NewEncoder(c.in).Encode(order{Do: w})
}

// lineWriter passes on what is written to it line by line.
type lineWriter struct {
	line func(string)
	rest []byte
}

// Write implements [io.Writer]. It never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		w.line(string(line))
		w.rest = rest
	}
}

// flush passes on what has no end of line. No Write may follow.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.line(string(w.rest))
	}
}
