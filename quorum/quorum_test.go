package quorum

import (
	"reflect"
	"slices"
	"testing"
)

// naive is the second implementation: it plays out every way in which the
// nodes that have not voted could vote, and counts on its fingers.
type naive struct{ halves [][]int }

func newNaive(halves ...Set) naive {
	var n naive
	for _, half := range halves {
		n.halves = append(n.halves, half.Nodes())
	}
	return n
}

func (n naive) Judge(v Votes) Verdict {
	var yes [MaxNodes]bool
	var open []int
	for _, half := range n.halves {
		for _, node := range half {
			yes[node] = v.Yes.Has(node)
			if !v.Yes.Has(node) && !v.No.Has(node) && !slices.Contains(open, node) {
				open = append(open, node)
			}
		}
	}
	canWin, canLose := false, false
	for future := range 1 << len(open) {
		for bit, node := range open {
			yes[node] = future&(1<<bit) != 0
		}
		if n.wins(&yes) {
			canWin = true
		} else {
			canLose = true
		}
	}
	switch {
	case canWin && canLose:
		return Pending
	case canWin:
		return Won
	}
	return Lost
}

func (n naive) wins(yes *[MaxNodes]bool) bool {
	for _, half := range n.halves {
		inFavour, against := 0, 0
		for _, node := range half {
			if yes[node] {
				inFavour++
			} else {
				against++
			}
		}
		if inFavour <= against {
			return false
		}
	}
	return true
}

// ballots calls f with every way in which the nodes of all can have voted yes,
// no, or not yet.
func ballots(all Set, f func(Votes)) {
	for yes := all; ; yes = (yes - 1) & all {
		rest := all &^ yes
		for no := rest; ; no = (no - 1) & rest {
			f(Votes{Yes: yes, No: no})
			if no == 0 {
				break
			}
		}
		if yes == 0 {
			break
		}
	}
}

// winners returns every set of nodes within all that wins rule.
func winners(rule Rule, all Set) []Set {
	var sets []Set
	for yes := all; ; yes = (yes - 1) & all {
		if rule.Judge(Votes{Yes: yes}) == Won {
			sets = append(sets, yes)
		}
		if yes == 0 {
			return sets
		}
	}
}

// pairs calls f with every two configurations of up to 5 nodes each, as far as
// they differ: by their sizes and by how many nodes they share.
func pairs(f func(a, b Majority)) {
	for sizeA := range 6 {
		for sizeB := range 6 {
			for shared := range min(sizeA, sizeB) + 1 {
				f(Majority(First(sizeA)), Majority(First(sizeB)<<(sizeA-shared)))
			}
		}
	}
}

func TestMajorityAgainstNaive(t *testing.T) {
	for size := range 6 {
		m := Majority(First(size))
		ballots(First(size), func(v Votes) {
			if got, want := m.Judge(v), newNaive(Set(m)).Judge(v); got != want {
				t.Errorf("Majority(%v).Judge(%v) = %v, want %v", Set(m), v, got, want)
			}
		})
	}
}

func TestJointAgainstNaive(t *testing.T) {
	patterns := 0
	pairs(func(a, b Majority) {
		j := Joint{a, b}
		n := newNaive(Set(a), Set(b))
		ballots(Set(a)|Set(b), func(v Votes) {
			patterns++
			if got, want := j.Judge(v), n.Judge(v); got != want {
				t.Fatalf("Joint{%v, %v}.Judge(%v) = %v, want %v", Set(a), Set(b), v, got, want)
			}
		})
	})
	t.Logf("%d patterns of votes", patterns)
}

// Any two winning sets share a node, within a rule and across the bridge.
func TestWinningSetsIntersect(t *testing.T) {
	meet := func(one, other Rule, all Set) {
		for _, x := range winners(one, all) {
			for _, y := range winners(other, all) {
				if x&y == 0 {
					t.Fatalf("%v wins %v and %v wins %v, and they share no node", x, one, y, other)
				}
			}
		}
	}
	pairs(func(a, b Majority) {
		all := Set(a) | Set(b)
		j := Joint{a, b}
		meet(a, a, all)
		meet(j, j, all)
		meet(j, a, all)
		meet(j, b, all)
	})
}

// A verdict that is not Pending stays, whoever votes next and whatever he says.
func TestVerdictIsFinal(t *testing.T) {
	pairs(func(a, b Majority) {
		all := Set(a) | Set(b)
		for _, rule := range []Rule{a, Joint{a, b}} {
			ballots(all, func(v Votes) {
				verdict := rule.Judge(v)
				if verdict == Pending {
					return
				}
				for _, i := range First(10).Nodes() {
					for _, yes := range []bool{true, false} {
						later := v
						later.Cast(i, yes)
						if got := rule.Judge(later); got != verdict {
							t.Fatalf("%v: %v was %v, and became %v with node %d's %v", rule, v, verdict, got, i, yes)
						}
					}
				}
			})
		}
	})
}

// Every pattern of votes that is complete is decided.
func TestCompleteVotesDecide(t *testing.T) {
	pairs(func(a, b Majority) {
		all := Set(a) | Set(b)
		for yes := all; ; yes = (yes - 1) & all {
			if got := (Joint{a, b}).Judge(Votes{Yes: yes, No: all &^ yes}); got != Won && got != Lost {
				t.Fatalf("Joint{%v, %v} with yes from %v of all: %v", Set(a), Set(b), yes, got)
			}
			if yes == 0 {
				break
			}
		}
	})
}

func TestStrangersDoNotCount(t *testing.T) {
	m := Majority(First(3))
	if got := m.Judge(Votes{Yes: First(10) &^ First(2)}); got != Pending {
		t.Errorf("one of its nodes and seven strangers said yes: %v, want pending", got)
	}
}

func TestLargestMajority(t *testing.T) {
	m := Majority(First(MaxNodes))
	if got := m.Judge(Votes{Yes: First(32)}); got != Pending {
		t.Errorf("32 of 64: %v, want pending", got)
	}
	if got := m.Judge(Votes{Yes: First(33)}); got != Won {
		t.Errorf("33 of 64: %v, want won", got)
	}
	if got := m.Judge(Votes{No: First(32)}); got != Lost {
		t.Errorf("32 of 64 against: %v, want lost", got)
	}
}

func TestZeroVerdictIsNone(t *testing.T) {
	var v Verdict
	if v == Pending || v == Won || v == Lost {
		t.Errorf("the zero Verdict is %v", v)
	}
}

func TestCastKeepsTheFirstVote(t *testing.T) {
	var v Votes
	v.Cast(2, false)
	v.Cast(2, true)
	v.Cast(4, true)
	v.Cast(4, false)
	if want := (Votes{Yes: 1 << 4, No: 1 << 2}); v != want {
		t.Errorf("got %v, want %v", v, want)
	}
}

func TestSet(t *testing.T) {
	s := Set(0).With(0).With(5).With(63)
	if !s.Has(63) || s.Has(1) || s.Len() != 3 {
		t.Errorf("%b", s)
	}
	if got, want := s.Nodes(), []int{0, 5, 63}; !reflect.DeepEqual(got, want) {
		t.Errorf("Nodes() = %v, want %v", got, want)
	}
	if got, want := s.String(), "{0 5 63}"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestJudgeDoesNotAllocate(t *testing.T) {
	var rules = []Rule{Majority(First(5)), Joint{Majority(First(3)), Majority(First(5))}}
	for _, rule := range rules {
		v := Votes{Yes: First(2)}
		if n := testing.AllocsPerRun(100, func() { rule.Judge(v) }); n != 0 {
			t.Errorf("%T.Judge allocates %v times", rule, n)
		}
	}
}
