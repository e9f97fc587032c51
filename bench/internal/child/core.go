package child

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Core names the core that StartOnOneCore confines a process to.
const Core = "0"

// StartOnOneCore is [Start], of a process all of whose threads run on one core. It has
// as many as it would have otherwise.
func StartOnOneCore(ctx context.Context, role string, task any) (*Process, error) {
	return startBy(startConfined, ctx, role, task)
}

// startConfined starts the command on the core: it inherits what its parent's thread
// may run on.
func startConfined(cmd *exec.Cmd) error {
	cmd.Env = append(cmd.Env, "GOMAXPROCS="+strconv.Itoa(runtime.GOMAXPROCS(0)))
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var core unix.CPUSet
		number, err := strconv.Atoi(Core)
		core.Set(number)
		if err == nil {
			err = unix.SchedSetaffinity(0, &core)
		}
		if err != nil {
			err = fmt.Errorf("confining a process to a core: %w", err)
		} else {
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}
