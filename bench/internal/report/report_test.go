package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redlatch/redlatch/bench/internal/measure"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// measured is what a benchmark of two sections might have measured.
func measured() *result.Set {
	s := result.NewSet()
	for who, us := range map[string]float64{peer.Raw: 50, peer.Redlatch: 52, peer.Redsync: 70} {
		c := s.Cell(result.Key{Section: measure.Uncontended, Case: oneServer, Who: who})
		c.Add(result.Metrics{measure.TimeUS: us, measure.CPUUS: us / 2, measure.Allocs: 13, measure.Bytes: 300})
		c.Pool(measure.PairNS, []float64{1000 * us})
	}
	for _, who := range []string{peer.Redlatch, peer.Redsync} {
		c := s.Cell(result.Key{Section: measure.Hung, Case: measure.MastersCase(3), Who: who})
		m := result.Metrics{}
		for _, call := range measure.Calls {
			m[measure.WellUS(call)] = 100
			if who == peer.Redsync {
				m[measure.OverMS(call)] = 2000
				continue
			}
			m[measure.HungUS(call)], m[measure.HungRatio(call)] = 120, 1.2
		}
		c.Add(m)
	}
	s.Find(result.Key{Section: measure.Hung, Case: measure.MastersCase(3), Who: peer.Redsync}).Stalls = 1
	return s
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := Write(dir, measured(), About{Server: "Redis 7", Quick: true, Seed: 5}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "results.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"quick run", "Redis 7", "seed 5",
		"7 of 8 targets are met",
		"| uncontended | time, for each of raw redigo's: at most 1.05 | 1.04 | yes |",
		"| uncontended | allocations: at most 12 | 13 | **no** |",
		"| hung | N = 3: Unlock with one hung, for each with all well: at most 1.50 | 1.20 | yes |",
		"| **redlatch** | 52 µs | 1.04 | 52 µs | 26 µs | 1.04 | 13 | 300 |",
		"| redsync | 100 µs | > 2 s | – |",
		"redsync: 1 of 1 runs stood still and were left out.",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("results.md does not have %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "## Contention") {
		t.Error("results.md has a chapter on what was not measured")
	}
	for _, name := range []string{"raw.csv", "uncontended.svg", "hung.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "handoff.svg")); err == nil {
		t.Error("there is a plot of what was not measured")
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.954: "0.95", 12: "12", 12.34: "12.3", 123.4: "123", 12345: "12,345", 1000003: "1,000,003"} {
		if got := figure(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}
