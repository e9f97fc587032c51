package servers

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// Guard starts a process that removes this run's containers as soon as this
// process has ended without doing so: by a panic, a signal, or SIGKILL. The
// program is this one, with the given addition to its environment; it must call
// [KeepGuard] with the argument that follows its name.
//
// The function it returns ends the guard and waits until it has.
func (e *Engine) Guard(environment string) (stop func() error, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	guard := exec.Command(program, e.run)
	guard.Env = append(os.Environ(), environment)
	end, err := guard.StdinPipe() // whatever ends this process closes it
	if err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	if err := guard.Start(); err != nil {
		return nil, fmt.Errorf("starting the guard: %w", err)
	}
	return func() error {
		end.Close()
		return guard.Wait()
	}, nil
}

// KeepGuard is the guard's process: it waits for the end of its standard input,
// and then removes the containers of the given run.
func KeepGuard(run string) error {
	// The signals that end a program at the terminal reach all its processes.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	io.Copy(io.Discard, os.Stdin)
	e, err := Find(0)
	if err != nil {
		return err
	}
	for {
		if err := e.purge(run); err != nil {
			return err
		}
		left, err := e.list(runLabel + "=" + run)
		if err != nil || len(left) == 0 {
			return err
		}
		time.Sleep(time.Second) // the engine may still be creating what it was asked for
	}
}
