package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// The test program is the command, too: when the demo starts it as a replica,
// and when a test wants it in a process of its own.
const asCommand = "REDLATCH_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" || len(os.Args) > 1 && os.Args[1] == demoReplica {
		main()
	}
	// A program with the race detector in it would take a second to end.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args string
		want string // of stderr, its first line
	}{
		{"locksmith", `unknown command "locksmith" for "redlatch"`},
		{"--port", "unknown flag: --port"},
		{"demo now", `unknown command "now" for "redlatch demo"`},
		{"demo --port 1", "unknown flag: --port"},
		{"demo --replicas 0", "--replicas is 0: it must be from 1 to 26"},
		{"demo --replicas 27", "--replicas is 27: it must be from 1 to 26"},
		{"demo --replicas many", `invalid argument "many" for "--replicas" flag: strconv.ParseInt: parsing "many": invalid syntax`},
		{"demo --nodes 0", "--nodes is 0: it must be from 1 to 9"},
		{"demo --nodes 10", "--nodes is 10: it must be from 1 to 9"},
		{"demo --nodes 1 --redis localhost:6379", "--nodes starts servers and --redis names running ones: give one of the two"},
		{"demo --redis localhost", `--redis: "localhost" is not host:port, such as localhost:6379`},
		{"demo --redis=", `--redis: "" is not host:port, such as localhost:6379`},
		{"demo --redis a:1,a:1", "--redis: a:1 is given twice, but a server has one vote"},
		{"demo --for 999ms", "--for is 999ms: it must be at least 1s"},
		{"demo --for -5s", "--for is -5s: it must be at least 1s"},
		{"demo --for 5", `invalid argument "5" for "--for" flag: time: missing unit in duration "5"`},
		{demoReplica + " --redis a", `--redis: "a" is not host:port, such as localhost:6379`},
	}
	for _, test := range tests {
		var out, errOut bytes.Buffer
		status := run(t.Context(), strings.Fields(test.args), &out, &errOut)
		got, _, _ := strings.Cut(errOut.String(), "\n")
		if want := "redlatch: " + test.want; status != statusUsage || got != want || out.Len() > 0 {
			t.Errorf("%s: got status %d, %q and %q, want %d, %q and nothing", test.args, status, got, &out, statusUsage, want)
		}
	}
}

func TestConfig(t *testing.T) {
	f := demoFlags{replicas: 4, nodes: 3, duration: defaultFor}
	c, err := f.config()
	if err != nil || c.Replicas != 4 || c.Nodes != 3 || c.For != defaultForMany {
		t.Errorf("got %+v, %v, want 4 replicas on 3 nodes for %v", c, err, defaultForMany)
	}
	f.durationGiven = true
	if c, err := f.config(); err != nil || c.For != defaultFor {
		t.Errorf("got %v, %v, want the %v that were asked for", c.For, err, defaultFor)
	}
	f = demoFlags{replicas: 1, nodes: 1, redis: "a:1,b:2", redisGiven: true}
	if c, err := f.config(); err != nil || !slices.Equal(c.Servers, []string{"a:1", "b:2"}) || c.For != f.duration {
		t.Errorf("got %+v, %v, want the servers a:1 and b:2", c, err)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"", "--help", "demo --help"} {
		var out, errOut bytes.Buffer
		status := run(t.Context(), strings.Fields(args), &out, &errOut)
		if status != 0 || errOut.Len() > 0 || !strings.Contains(out.String(), "redlatch demo") || strings.Contains(out.String(), demoReplica) {
			t.Errorf("%s: got status %d, %q and\n%s", args, status, &errOut, &out)
		}
	}
}

func TestDemoCommand(t *testing.T) {
	for _, args := range []string{"demo --for 3s", "demo --for 3s --nodes 3 --replicas 2"} {
		var out, errOut bytes.Buffer
		status := run(t.Context(), strings.Fields(args), &out, &errOut)
		if status != 0 || errOut.Len() > 0 || !strings.Contains(out.String(), "overlaps: 0") {
			t.Errorf("%s: got status %d, %q and\n%s", args, status, &errOut, &out)
		}
	}
}

func TestServerThatIsNotThereIsFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so that nobody is asked
	var out, errOut bytes.Buffer
	status := run(ctx, []string{"demo", "--redis", "localhost:6379"}, &out, &errOut)
	if want := "redlatch: cannot use the server localhost:6379: "; status != statusFailure || !strings.HasPrefix(errOut.String(), want) {
		t.Errorf("got status %d and %q, want %d and %q", status, &errOut, statusFailure, want)
	}
}

// interrupter sends a signal as soon as a turn is taken.
type interrupter struct {
	bytes.Buffer
	process *os.Process
}

func (i *interrupter) Write(p []byte) (int, error) {
	n, err := i.Buffer.Write(p)
	if i.process != nil && strings.Contains(i.String(), " acquired ") {
		i.process.Signal(os.Interrupt)
		i.process = nil
	}
	return n, err
}

func TestInterrupt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can be interrupted")
	}
	cmd := exec.Command(os.Args[0], "demo", "--for", time.Hour.String())
	cmd.Env = append(os.Environ(), asCommand+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := &interrupter{process: cmd.Process}
	io.Copy(struct{ io.Writer }{out}, stdout) // by Write, not by bytes.Buffer's ReadFrom
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 || errOut.Len() > 0 {
		t.Errorf("got %v and %q, want exit status 130 and nothing", err, &errOut)
	}
	if !strings.Contains(out.String(), "overlaps: 0") {
		t.Errorf("got\n%s\nwant a summary", out)
	}
}
