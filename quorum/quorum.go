// Package quorum decides when the votes of a set of nodes are enough.
//
// It is pure logic: no clock, no goroutine, no context and no error. Two laws
// hold for every [Rule] of this package and are proven by enumeration in its
// tests:
//
//   - Any two winning sets of votes of one rule share a node. Any winning set
//     of Joint{a, b} shares a node with every winning set of a, and with every
//     winning set of b.
//   - A verdict that is not Pending never changes as further votes are cast.
package quorum

import (
	"math/bits"
	"strconv"
	"strings"
)

// MaxNodes is the largest number of nodes a [Set] can name.
const MaxNodes = 64

// A Verdict is what votes amount to. Its zero value is no verdict.
type Verdict uint8

const (
	// Pending means that further votes may still decide either way.
	Pending Verdict = 1 + iota
	// Won means that the yes votes are enough, whatever the others say.
	Won
	// Lost means that the yes votes can no longer become enough.
	Lost
)

// String returns the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Pending:
		return "pending"
	case Won:
		return "won"
	case Lost:
		return "lost"
	}
	return "no verdict"
}

// A Set is a set of nodes, each named by its index, 0 to [MaxNodes]-1.
type Set uint64

// First returns the set of the nodes 0 to n-1.
func First(n int) Set {
	if n >= MaxNodes {
		return ^Set(0)
	}
	return Set(1)<<n - 1
}

// With returns s and node i.
func (s Set) With(i int) Set { return s | 1<<i }

// Has reports whether node i is in s.
func (s Set) Has(i int) bool { return s&(1<<i) != 0 }

// Len returns the number of nodes in s.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// Nodes returns the indices of the nodes in s, ascending.
func (s Set) Nodes() []int {
	nodes := make([]int, 0, s.Len())
	for rest := s; rest != 0; rest &= rest - 1 {
		nodes = append(nodes, bits.TrailingZeros64(uint64(rest)))
	}
	return nodes
}

// String returns the indices in braces: "{0 2 5}".
func (s Set) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, n := range s.Nodes() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.Itoa(n))
	}
	b.WriteByte('}')
	return b.String()
}

// Votes are the votes cast in one round. A node of which no vote can be
// expected any more counts as a no: it will not help to win.
type Votes struct{ Yes, No Set }

// Cast records the vote of node i. A node votes once: what it says after its
// first vote changes nothing, which is why a verdict can be final.
func (v *Votes) Cast(i int, yes bool) {
	switch {
	case v.Yes.Has(i) || v.No.Has(i):
	case yes:
		v.Yes = v.Yes.With(i)
	default:
		v.No = v.No.With(i)
	}
}

// A Rule judges votes. The votes of nodes that a rule does not know do not
// count.
type Rule interface{ Judge(Votes) Verdict }

// Majority is won by more than half of its nodes. The empty majority is lost:
// nobody can win it, so that no two can.
type Majority Set

var _ Rule = Majority(0)

// Judge implements [Rule].
func (m Majority) Judge(v Votes) Verdict {
	nodes := Set(m)
	enough := nodes.Len()/2 + 1
	switch {
	case (nodes & v.Yes).Len() >= enough:
		return Won
	case (nodes &^ v.No).Len() < enough:
		return Lost
	}
	return Pending
}

// Joint is won by a majority of both its halves. It is the bridge between two
// configurations: whoever wins it shares a node with every winner of either.
type Joint [2]Majority

var _ Rule = Joint{}

// Judge implements [Rule].
func (j Joint) Judge(v Votes) Verdict {
	a, b := j[0].Judge(v), j[1].Judge(v)
	switch {
	case a == b:
		return a
	case a == Lost || b == Lost:
		return Lost
	}
	return Pending // one half is won, the other is not yet decided
}
