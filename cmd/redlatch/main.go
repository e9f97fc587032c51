// Command redlatch is the command of the lock: see redlatch --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit statuses. One that a signal ended has 128 more than the signal's number.
const (
	statusFailure = 1
	statusUsage   = 64 // EX_USAGE of sysexits.h
)

func main() {
	ctx, stop := withSignals(context.Background())
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command from its arguments to its exit status.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }

	cmd, err := root.ExecuteContextC(ctx)
	var usage *usageError
	var signal *signalError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &signal):
		return 128 + signal.number()
	case errors.As(err, &usage), !started: // whatever cobra itself refuses is misuse
		fmt.Fprintf(errOut, "redlatch: %v\nrun '%s --help' for how it is used\n", err, cmd.CommandPath())
		return statusUsage
	}
	fmt.Fprintf(errOut, "redlatch: %v\n", err)
	return statusFailure
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "redlatch",
		Short: "A distributed mutex on Redis",
		Long: `Redlatch is a distributed mutex on Redis: on one server, or on a majority of
several independent ones. This is its command; the Go package is
github.com/redlatch/redlatch.`,
		Example:       "  redlatch demo    see it at work, with nothing installed",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newDemo(), newDemoReplica())
	return root
}

// usageError is the misuse of a command.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

func misuse(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}
