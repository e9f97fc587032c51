// Package child is the processes that a benchmark is made of: this program again, in
// another role. Parent and child send each other values, by encoding/gob.
package child

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Variable is what tells a process of this program its role.
const Variable = "REDLATCH_BENCH_ROLE"

// Patience is how long a child may take to say something.
const Patience = 8 * time.Second

// ErrOverdue is matched by the error of a Process whose child said nothing for that
// long, and was killed.
var ErrOverdue = errors.New("a child process stood still")

// stopTimeout is how long a child that was told to end may take.
const stopTimeout = 3 * time.Second

// A Session is a child's side.
type Session struct {
	in  *gob.Decoder
	out *gob.Encoder
}

// Receive reads into v what the parent sends next. Its error is io.EOF if the parent
// will send nothing more.
func (s *Session) Receive(v any) error { return s.in.Decode(v) }

// Send sends v to the parent.
func (s *Session) Send(v any) error { return s.out.Encode(v) }

// Play plays the role that this process was started in, and ends the process. It
// returns if there is none: this is no child.
func Play(roles map[string]func(*Session) error) {
	name := os.Getenv(Variable)
	role, ok := roles[name]
	if !ok {
		return
	}
	go func() { // whatever ends the parent closes this, and ends us, wherever we are
		io.Copy(io.Discard, os.NewFile(3, "lifeline"))
		os.Exit(1)
	}()
	err := role(&Session{gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)})
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A Process is the parent's side. It is used by one goroutine.
type Process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	in     *gob.Encoder
	out    *gob.Decoder
	stderr strings.Builder
	life   *os.File
	ended  sync.Once
}

// Start starts a process in a role and sends it the task. It is killed when ctx ends.
func Start(ctx context.Context, role string, task any) (*Process, error) {
	return startBy((*exec.Cmd).Start, ctx, role, task)
}

// startBy is Start by a function that starts the command.
func startBy(start func(*exec.Cmd) error, ctx context.Context, role string, task any) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	theirs, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p := &Process{cmd: exec.CommandContext(ctx, program), life: life}
	p.cmd.Env = append(os.Environ(), Variable+"="+role)
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.Stderr = &p.stderr
	stdin, err1 := p.cmd.StdinPipe()
	stdout, err2 := p.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		life.Close()
		return nil, err
	}
	p.stdin, p.in, p.out = stdin, gob.NewEncoder(stdin), gob.NewDecoder(stdout)
	if err := start(p.cmd); err != nil {
		life.Close()
		return nil, err
	}
	if err := p.Send(task); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// Send sends v to the child.
func (p *Process) Send(v any) error { return p.explain(p.in.Encode(v)) }

// Receive is ReceiveWithin Patience.
func (p *Process) Receive(v any) error { return p.ReceiveWithin(Patience, v) }

// ReceiveWithin reads into v what the child sends next. A child that sends nothing
// within the limit is killed, and the error matches ErrOverdue.
func (p *Process) ReceiveWithin(limit time.Duration, v any) error {
	overdue := time.AfterFunc(limit, func() { p.cmd.Process.Kill() }) // which ends the reading
	err := p.out.Decode(v)
	if !overdue.Stop() && err != nil {
		p.Kill()
		return ErrOverdue
	}
	return p.explain(err)
}

// Ask sends a question and reads the answer.
func (p *Process) Ask(question, answer any) error {
	if err := p.Send(question); err != nil {
		return err
	}
	return p.Receive(answer)
}

// explain adds to an error what the child has died of.
func (p *Process) explain(err error) error {
	if err == nil {
		return nil
	}
	p.Kill()
	if said := strings.TrimSpace(p.stderr.String()); said != "" {
		return fmt.Errorf("a child process ended: %s", said)
	}
	return fmt.Errorf("a child process ended: %w", err)
}

// Stop tells the child that nothing more will be sent, and returns when it has ended;
// after 3 s it is killed.
func (p *Process) Stop() {
	p.stdin.Close()
	killer := time.AfterFunc(stopTimeout, func() { p.cmd.Process.Kill() })
	defer killer.Stop()
	p.wait()
}

// Kill ends the child without its knowing, and returns when it has ended. It may be
// called again.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	p.wait()
}

// wait returns when the child has ended.
func (p *Process) wait() {
	p.ended.Do(func() { // a second Wait would wait for ever
		p.cmd.Wait()
		p.life.Close()
	})
}
