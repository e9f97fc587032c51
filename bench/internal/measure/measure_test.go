package measure

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/redlatch/redlatch/bench/internal/result"
	"github.com/redlatch/redlatch/bench/internal/stats"
)

const ms = time.Millisecond

func TestJudgeMergesProcesses(t *testing.T) {
	c := contest{goroutines: []int{1, 1}, work: 8 * ms}
	all := contendResult{
		Turns: []stats.Turn{
			{Who: 0, Call: 0, Got: 1 * ms, Release: 9 * ms}, {Who: 0, Call: 10 * ms, Got: 20 * ms, Release: 28 * ms},
			{Who: 1, Call: 2 * ms, Got: 11 * ms, Release: 19 * ms},
		},
		Pings:    []float64{1e6, 1e6, 5e6},
		Commands: 6,
	}
	cell := new(result.Cell)
	cell.Samples = make(map[string][]float64)
	c.judge(schedule{Measure: 0, End: 30 * ms}, all, 12, cell)
	for metric, want := range map[string]float64{
		HandoffUS: 1500, PingUS: 1000, HandoffRT: 1.5, ClientCmds: 2, ServerCmds: 4,
		TurnsPS: 100, Least: 1, Most: 2, Fair: 0.5, LongestMS: 10, LongestFS: 1, Overlaps: 0, AgainShare: 0,
	} {
		if got := cell.Median(metric); got != want {
			t.Errorf("%s: got %v, want %v", metric, got, want)
		}
	}
	if len(cell.Notes) != 0 {
		t.Errorf("got notes %q, want none", cell.Notes)
	}
}

func TestWithin(t *testing.T) {
	failure := errors.New("no")
	got := within(time.Hour, 4, func(i int) error {
		if i%2 == 1 {
			return failure
		}
		return nil
	})
	if len(got.Took) != 2 || got.Failed != 2 || got.Why != "no" || got.Over != 0 {
		t.Errorf("got %+v, want 2 that succeeded and 2 that did not", got)
	}

	hang := make(chan bool)
	defer close(hang)
	got = within(ms, 4, func(i int) error {
		if i == 1 {
			<-hang
		}
		return nil
	})
	if len(got.Took) > 1 || got.Over == 0 && len(got.Took) == 1 {
		t.Errorf("with one that hangs: got %+v, want it given up", got)
	}
}

func TestMonitored(t *testing.T) {
	for text, want := range map[string][3]string{
		`1700000000.123456 [0 127.0.0.1:4242] "SET" "a name" "v"`: {"127.0.0.1:4242", "SET", "a name"},
		`1700000000.123456 [0 lua] "get" "k"`:                     {"lua", "get", "k"},
		`1700000000.123456 [0 127.0.0.1:4242] "PING"`:             {"127.0.0.1:4242", "PING", ""},
	} {
		got := monitored.FindStringSubmatch(text)
		if got == nil || [3]string(got[1:]) != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "last")
	if err := createShared(path); err != nil {
		t.Fatal(err)
	}
	one, err1 := openShared(path)
	other, err2 := openShared(path)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	one.set(3)
	if got := other.last.Load(); got != 4 {
		t.Errorf("the other reads %d, want 4", got)
	}
	other.set(0)
	one.rest(3) // returns, since another has been there
}

func TestField(t *testing.T) {
	text := "# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n"
	if got := field(text, "redis_version"); got != "7.0.15" {
		t.Errorf("got %q, want 7.0.15", got)
	}
	if got := field(text, "valkey_version"); got != "" {
		t.Errorf("of what is missing: got %q", got)
	}
}
