package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// The test program is also the replicas', and once their parent's. The role says
// which; there is no such thing in the command itself.
const roleVariable = "REDLATCH_TEST_ROLE"

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "replica":
		LeaveSignalsToParent()
		take, done := OnServers(strings.Split(os.Args[1], ","), os.Args[2])
		err = Replica(os.Stdin, os.Stdout, take)
		done()
	case "replica without a lock":
		err = Replica(os.Stdin, os.Stdout, noLock)
	case "replica that dies":
		os.Stderr.WriteString("no end of line")
		err = Replica(os.Stdin, os.Stdout, func(context.Context) (time.Time, func() error, error) {
			return time.Now().Add(time.Hour), func() error { os.Exit(3); return nil }, nil
		})
	case "replica that garbles":
		fmt.Println("hello")
		_, err = io.Copy(io.Discard, os.Stdin)
	case "replica that ends":
	case "parent":
		c := config(2, "replica")
		c.Servers, c.Out = os.Args[1:], os.Stdout
		command := c.Replica
		c.Replica = func(number int, addrs []string, lock string) (*exec.Cmd, error) {
			cmd, err := command(number, addrs, lock)
			cmd.ExtraFiles = []*os.File{os.NewFile(3, "held")}
			return cmd, err
		}
		err = Run(context.Background(), c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func noLock(context.Context) (time.Time, func() error, error) {
	return time.Now().Add(time.Hour), func() error { return nil }, nil
}

// asRole returns the command that is this program in the given role.
func asRole(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// A program with the race detector in it would take a second to end.
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// config returns what runs replicas of a role on one embedded server, until the
// test ends it.
func config(replicas int, role string) Config {
	return Config{
		Replicas: replicas,
		Nodes:    1,
		For:      time.Hour,
		Replica: func(_ int, addrs []string, lock string) (*exec.Cmd, error) {
			return asRole(role, strings.Join(addrs, ","), lock), nil
		},
		Err: io.Discard,
	}
}

// watched keeps what is written to it, and shows it to a test as it grows.
type watched struct {
	strings.Builder
	seen func(text string)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Builder.Write(p)
	w.seen(w.String())
	return n, err
}

// everybody reports whether each of the replicas has had a turn in text.
func everybody(text string, replicas int) bool {
	for i := range replicas {
		if !strings.Contains(text, fmt.Sprintf("replica %d acquired", i+1)) {
			return false
		}
	}
	return true
}

// after returns what of text follows the given mark, or "".
func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

// cue returns a moment of the script, and what brings it about.
func cue() (<-chan time.Time, func()) {
	c := make(chan time.Time, 1)
	given := false
	return c, func() {
		if !given {
			given = true
			c <- time.Time{}
		}
	}
}

func TestDemo(t *testing.T) {
	const replicas = 4
	c := config(replicas, "replica")
	end, finish := cue()
	c.script = &script{end: end}
	out := &watched{seen: func(text string) {
		if everybody(text, replicas) {
			finish()
		}
	}}
	c.Out = out
	if err := Run(t.Context(), c); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "overlaps: 0") {
		t.Errorf("got\n%s\nwant no overlaps", out)
	}
}

func TestDemoWithOneServerOfThreeStopped(t *testing.T) {
	const replicas = 3
	c := config(replicas, "replica")
	c.Nodes = 3
	end, finish := cue()
	down, stop := cue()
	up, start := cue()
	c.script = &script{down: down, up: up, end: end}
	out := &watched{seen: func(text string) {
		if everybody(text, replicas) {
			stop()
		}
		if everybody(after(text, "stopped: 2 of 3 are left\n"), replicas) {
			start()
		}
		if everybody(after(text, "started again, with its data\n"), replicas) {
			finish()
		}
	}}
	c.Out = out
	if err := Run(t.Context(), c); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "overlaps: 0") {
		t.Errorf("got\n%s\nwant no overlaps", out)
	}
}

func TestDemoSeesThatThereIsNoLock(t *testing.T) {
	c := config(3, "replica without a lock")
	end, finish := cue()
	c.script = &script{end: end}
	out := &watched{seen: func(text string) {
		if strings.Contains(text, "OVERLAP: ") {
			finish()
		}
	}}
	c.Out = out
	err := Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "held by two replicas at once") {
		t.Errorf("got %v, want that two were inside", err)
	}
	if text := out.String(); strings.Contains(text, "overlaps: 0") || !strings.Contains(text, "overlaps: ") {
		t.Errorf("got\n%s\nwant overlaps", text)
	}
}

func TestDemoInterrupted(t *testing.T) {
	server := miniredis.RunT(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	const replicas = 3
	c := config(replicas, "replica")
	c.Servers = []string{server.Addr()}
	var started []*exec.Cmd
	command := c.Replica
	c.Replica = func(number int, addrs []string, lock string) (*exec.Cmd, error) {
		cmd, err := command(number, addrs, lock)
		started = append(started, cmd)
		return cmd, err
	}
	out := &watched{seen: func(text string) {
		if everybody(text, replicas) {
			cancel(interrupted)
		}
	}}
	c.Out = out
	if err := Run(ctx, c); err != interrupted {
		t.Errorf("got %v, want %v", err, interrupted)
	}
	if !strings.Contains(out.String(), "overlaps: 0") {
		t.Errorf("got\n%s\nwant a summary", out)
	}
	for i, cmd := range started {
		if cmd.ProcessState == nil || !cmd.ProcessState.Success() {
			t.Errorf("got %v of replica %d, want that it ended well", cmd.ProcessState, i+1)
		}
	}
	if keys := server.Keys(); len(keys) > 0 {
		t.Errorf("got keys %q left behind, want none", keys)
	}
}

func TestDemoEndsEmbeddedServers(t *testing.T) {
	c := config(1, "replica")
	end, finish := cue()
	c.script = &script{end: end}
	var addr string
	command := c.Replica
	c.Replica = func(number int, addrs []string, lock string) (*exec.Cmd, error) {
		addr = addrs[0]
		return command(number, addrs, lock)
	}
	c.Out = &watched{seen: func(text string) {
		if everybody(text, 1) {
			finish()
		}
	}}
	if err := Run(t.Context(), c); err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Errorf("the server on %s is still there", addr)
	}
}

func TestDemoReportsReplicasThatFail(t *testing.T) {
	for role, want := range map[string]string{
		"replica that dies":    "it died (exit status 3)",
		"replica that garbles": "what it says cannot be read",
		"replica that ends":    "it ended without a word",
	} {
		t.Run(role, func(t *testing.T) {
			c := config(1, role)
			out, stderr := new(strings.Builder), new(strings.Builder)
			c.Out, c.Err = out, stderr
			err := Run(t.Context(), c) // it ends by itself: nobody is left
			if err == nil || !strings.Contains(err.Error(), "replica 1: "+want) {
				t.Errorf("got %v, want that %s", err, want)
			}
			if !strings.Contains(out.String(), "replica 1: "+want) {
				t.Errorf("got\n%s\nwant that %s", out, want)
			}
			if got := stderr.String(); role == "replica that dies" && got != "replica 1: no end of line\n" {
				t.Errorf("got %q on stderr", got)
			}
		})
	}
}

func TestDemoWithReplicasThatCannotStart(t *testing.T) {
	c := config(3, "replica")
	command := c.Replica
	var first *exec.Cmd
	c.Replica = func(number int, addrs []string, lock string) (*exec.Cmd, error) {
		if number == 2 {
			return exec.Command("/nonexistent/redlatch"), nil
		}
		cmd, err := command(number, addrs, lock)
		first = cmd
		return cmd, err
	}
	c.Out = io.Discard
	err := Run(t.Context(), c)
	if err == nil || !strings.HasPrefix(err.Error(), "cannot start replica 2: ") {
		t.Errorf("got %v, want that replica 2 cannot start", err)
	}
	if first.ProcessState == nil {
		t.Error("replica 1 was left behind")
	}
}

func TestDemoWithServerThatIsNotThere(t *testing.T) {
	server := miniredis.RunT(t)
	addr := server.Addr()
	server.Close()
	c := config(1, "replica")
	c.Servers, c.Out = []string{addr}, io.Discard
	err := Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "--redis wants host:port") {
		t.Errorf("got %v, want which server it is and what --redis wants", err)
	}
}

// A parent that is killed can do nothing for its replicas any more. They hold
// the writing end of a pipe: it ends when the last of them has.
func TestReplicasEndWithParent(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no pipe can be handed down")
	}
	server := miniredis.RunT(t)
	alive, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	parent := asRole("parent", server.Addr())
	parent.ExtraFiles = []*os.File{held}
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	held.Close()
	out := &watched{seen: func(text string) {
		if everybody(text, 2) {
			parent.Process.Kill()
		}
	}}
	io.Copy(out, stdout)
	parent.Wait()
	if text, err := io.ReadAll(alive); err != nil || len(text) > 0 {
		t.Errorf("got %q, %v, want silence", text, err)
	}
	if keys := server.Keys(); len(keys) > 0 {
		t.Errorf("got keys %q left behind, want none", keys)
	}
}
