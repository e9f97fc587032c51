package sim

import (
	"maps"
	"strings"
	"testing"
)

func TestParts(t *testing.T) {
	for _, text := range []string{"", "0", "0-3", "2,4-5,9"} {
		parts, err := parseParts(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := formatParts(parts, 10); got != text {
			t.Errorf("%q is read and written as %q", text, got)
		}
	}
	for _, text := range []string{"a", "1-", "-1", "1-b"} {
		if parts, err := parseParts(text); err == nil {
			t.Errorf("%q is read as %v, want an error", text, parts)
		}
	}
}

// broken returns a scenario in which the rules are broken: its servers' clocks run three
// times as fast as they should, and nobody has told the judge.
func broken(t *testing.T) *scenario {
	for seed := uint64(1); seed < 100; seed++ {
		s := generate(seed)
		for i := range s.nodes {
			s.nodes[i].rate *= 3
		}
		if rule, _ := breaks(t, s); rule == ruleExclusion {
			return s
		}
	}
	t.Fatal("no seed breaks a rule although the clocks are wrong")
	return nil
}

// What is left of a scenario that fails still does, and nothing of it can be left out.
func TestShrink(t *testing.T) {
	s := broken(t)
	drop := shrink(t, s)
	if rule, _ := breaks(t, s.without(drop)); rule != ruleExclusion {
		t.Fatalf("without %v it breaks the rule %q, want %q", formatParts(drop, s.parts), rule, ruleExclusion)
	}
	for p := range s.parts {
		if drop[p] {
			continue
		}
		more := maps.Clone(drop)
		more[p] = true
		if rule, _ := breaks(t, s.without(more)); rule == ruleExclusion {
			t.Errorf("part %d could have been left out, too", p)
		}
	}
}

// A failure is told with what leads to it, and how to see it again.
func TestTell(t *testing.T) {
	s := broken(t)
	var b strings.Builder
	tell(t, &b, s.without(shrink(t, s)))
	for _, want := range []string{ruleExclusion, "client 0", "node 0", "acquire", "VIOLATION"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, b.String())
		}
	}
}
