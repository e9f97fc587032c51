package soak

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redlatch/redlatch/internal/history"
)

// A crew is the processes of the clients, of which some are killed and others take
// their places.
type crew struct {
	environment string // what makes the program a client
	seed        uint64
	ways        [][]*way // of each place to each node
	log         *log

	mu      sync.Mutex
	members []*member // by place; guarded by mu
	joined  int       // how many there have been; guarded by mu

	dead  map[string]bool // the workers of those that were killed; guarded by mu
	stays map[string]bool // the values that may keep a place in a line; guarded by mu
}

// A member is one process.
type member struct {
	number string
	cmd    *exec.Cmd
	in     io.Closer
	gone   chan struct{} // closed when it has ended and everything that it told is known

	mu      sync.Mutex
	killed  bool                    // it was meant to end like that; guarded by mu
	stops   []span                  // when it was stopped; guarded by mu
	begun   map[string]history.Call // by worker: the call under way; guarded by mu
	flat    map[string]int          // what it said of its goroutines in the end; guarded by mu
	stopped time.Duration           // since when it has been; 0 if it is not; guarded by mu
}

// A span is a stretch of time.
type span struct{ from, to time.Duration }

// shared returns how much of the span lies within the other one.
func (s span) shared(other span) time.Duration {
	return max(0, min(s.to, other.to)-max(s.from, other.from))
}

// join starts a process in the given place.
func (c *crew) join(place int) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	c.mu.Lock()
	number := strconv.Itoa(c.joined)
	c.joined++
	c.mu.Unlock()
	args := []string{number, strconv.FormatUint(c.seed, 10)}
	for _, w := range c.ways[place] {
		args = append(args, w.addr)
	}
	m := &member{number: number, cmd: exec.Command(program, args...), gone: make(chan struct{}), begun: make(map[string]history.Call)}
	// A program built with the race detector would wait for a second before it ends.
	m.cmd.Env = append(os.Environ(), c.environment, "GORACE=atexit_sleep_ms=0")
	// In a group of its own: should this process end while the other is stopped, the
	// system wakes it and ends it. If it is not stopped, the end of its input does.
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	complaint := new(bytes.Buffer)
	m.cmd.Stderr = complaint
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	go c.listen(m, out, complaint)
	c.mu.Lock()
	defer c.mu.Unlock()
	if place == len(c.members) {
		c.members = append(c.members, nil)
	}
	c.members[place] = m
	return nil
}

// listen notes what a process tells, until it ends.
func (c *crew) listen(m *member, out io.Reader, complaint *bytes.Buffer) {
	defer close(m.gone)
	lines := bufio.NewReader(out)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			break // what a killed process has not written to its end is no line
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			c.log.violate("client %s says %.200q", m.number, text)
			continue
		}
		c.hear(m, l)
	}
	err := m.cmd.Wait()
	now := clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.killed && (err != nil || m.flat == nil || complaint.Len() > 0) {
		c.log.violate("client %s has ended: %v\n%s", m.number, err, complaint)
	}
	for _, call := range m.begun {
		if call.Op == history.Unlock { // it may have taken effect; see operations for the others
			call.End, call.Err = now, "killed"
			c.log.call(call)
		}
	}
}

// hear notes one line.
func (c *crew) hear(m *member, l line) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case l.Begin != nil:
		m.begun[l.Begin.Client] = *l.Begin
	case l.Call != nil:
		delete(m.begun, l.Call.Client)
		c.log.call(*l.Call)
		took := span{l.Call.Start, l.Call.End}
		idle := time.Duration(0)
		for _, s := range m.stops {
			idle += s.shared(took)
		}
		if m.stopped > 0 { // it has been told before it was stopped, or is not known to run again
			idle += span{m.stopped, took.to}.shared(took)
		}
		c.log.took(*l.Call, took.to-took.from-idle, l.Bound)
	case l.Stays != "":
		c.mu.Lock()
		c.stays[l.Stays] = true
		c.mu.Unlock()
	case l.Flat != nil:
		m.flat = l.Flat
	}
}

func (c *crew) member(place int) *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members[place]
}

// stop stops the process in the given place until cont.
func (c *crew) stop(place int) error {
	m := c.member(place)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = clock()
	return m.cmd.Process.Signal(syscall.SIGSTOP)
}

func (c *crew) cont(place int) error {
	m := c.member(place)
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.cmd.Process.Signal(syscall.SIGCONT)
	m.stops, m.stopped = append(m.stops, span{m.stopped, clock()}), 0
	return err
}

// replace kills the process in the given place, and starts another there.
func (c *crew) replace(place int) error {
	m := c.member(place)
	m.mu.Lock()
	m.killed = true
	err := m.cmd.Process.Kill()
	m.mu.Unlock()
	<-m.gone
	c.mu.Lock()
	for _, name := range m.workers() {
		c.dead[name] = true
	}
	c.mu.Unlock()
	return errors.Join(err, c.join(place))
}

// leaves reports whether who waited by a value leaves the lines of all nodes. Who is killed
// does not, nor who never unlocks; and a look that a node has not answered may reach it much
// later than the release that undid it, as one that the network has kept until the node was
// there again. Such a place costs the others little, and does not last.
func (c *crew) leaves(value string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, worker, _ := strings.Cut(value, valueOf)
	return !c.dead[worker] && !c.stays[value]
}

// workers returns the names of the process's workers.
func (m *member) workers() (names []string) {
	for i := range workers {
		names = append(names, m.number+string(rune('a'+i)))
	}
	return names
}

// present returns the names of the workers of the processes that are there.
func (c *crew) present() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, m := range c.members {
		all = append(all, m.workers()...)
	}
	return all
}

// dismiss has all processes end, and notes of those that do not what they were doing.
func (c *crew) dismiss() {
	c.mu.Lock()
	members := slices.Clone(c.members)
	c.mu.Unlock()
	for _, m := range members {
		m.in.Close()
	}
	limit := time.After(settling + patience)
	for _, m := range members {
		select {
		case <-m.gone:
			if f := m.flat; f["after"] > f["before"] {
				c.log.violate("client %s had %d goroutines before, and has %d in the end", m.number, f["before"], f["after"])
			}
		case <-limit:
			m.mu.Lock()
			c.log.violate("client %s has not ended; calls under way: %v", m.number, slices.Collect(maps.Values(m.begun)))
			m.mu.Unlock()
		}
	}
}

// kill ends all processes that are still there.
func (c *crew) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		m.mu.Lock()
		m.killed = true
		m.mu.Unlock()
		m.cmd.Process.Kill() // has it ended, no harm is done
		<-m.gone
	}
}
