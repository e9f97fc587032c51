package sim

import (
	"testing"

	"github.com/redlatch/redlatch/quorum"
)

// The judge's rule agrees with package quorum's, whoever votes and who does not.
func TestNaiveQuorum(t *testing.T) {
	const nodes = 5
	all := quorum.First(nodes)
	for a := quorum.Set(1); a <= all; a++ {
		for b := quorum.Set(1); b <= all; b += 3 {
			for yes := quorum.Set(0); yes <= all; yes++ {
				votes := quorum.Votes{Yes: yes, No: all &^ yes}
				if got, want := (naive{a}).won(yes), quorum.Majority(a).Judge(votes) == quorum.Won; got != want {
					t.Fatalf("%v of %v: got %v, want %v", yes, a, got, want)
				}
				joint := quorum.Joint{quorum.Majority(a), quorum.Majority(b)}
				if got, want := (naive{a, b}).won(yes), joint.Judge(votes) == quorum.Won; got != want {
					t.Fatalf("%v of %v and %v: got %v, want %v", yes, a, b, got, want)
				}
			}
		}
	}
}
