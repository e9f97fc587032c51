package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// endings are the signals that ask a program to end.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// signalError is the cause of a context that a signal has ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return fmt.Sprintf("ended by a signal: %v", e.signal) }

func (e *signalError) number() int {
	if number, ok := e.signal.(syscall.Signal); ok {
		return int(number)
	}
	return statusFailure
}

// withSignals returns a context that ends, with a *signalError as its cause,
// when a signal asks the program to end. Stop gives signals their usual effect
// again.
func withSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	received := make(chan os.Signal, 1) // the first is enough
	signal.Notify(received, endings...)
	go func() {
		select {
		case s := <-received:
			cancel(&signalError{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(received)
		cancel(nil)
	}
}
