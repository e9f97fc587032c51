package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redlatch/redlatch/internal/history"
)

// A seed is the same world each time.
func TestReplaysExactly(t *testing.T) {
	for seed := uint64(1); seed <= 150; seed++ {
		one, two := told(t, seed), told(t, seed)
		for i := range one {
			if i >= len(two) || one[i] != two[i] {
				t.Fatalf("seed %d differs in line %d of %d:\n%s\n\nthe second time:\n%s", seed, i, len(one),
					strings.Join(one[max(0, i-8):min(len(one), i+5)], "\n"), strings.Join(two[max(0, i-8):min(len(two), i+5)], "\n"))
			}
		}
	}
}

// told returns the history of a seed, line by line, in an order of its own for what happens
// at once.
func told(t *testing.T, seed uint64) []string {
	var log []history.Event
	o := play(t, generate(seed), &log)
	lines := o.violations
	for _, e := range log {
		lines = append(lines, fmt.Sprintf("%15d %s %s", e.At, e.Column, e.Text))
	}
	slices.Sort(lines)
	return lines
}
