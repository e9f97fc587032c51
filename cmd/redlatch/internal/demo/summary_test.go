package demo

import (
	"strings"
	"testing"
	"time"
)

func seatOf(waits ...time.Duration) seat { return seat{waits: waits} }

func TestSummary(t *testing.T) {
	unlucky := seatOf(5 * ms)
	unlucky.vain, unlucky.lost = 900*ms, 1
	tests := []struct {
		name string
		summary
		want, verdict string
	}{{
		name: "well",
		summary: summary{lasted: 5 * time.Second, seats: []seat{
			seatOf(30*ms, 10*ms, 20*ms), seatOf(100 * ms), {},
		}},
		want: `
           turns  share  median wait   longest
replica 1      3    75%        20 ms     30 ms  ██████████
replica 2      1    25%       100 ms    100 ms  ███▍
replica 3      0     0%            -         -
total          4   100%        30 ms    100 ms

overlaps: 0   4 turns in 5.0s, never two inside at once
`,
	}, {
		name:    "overlaps and a lost lock",
		summary: summary{lasted: time.Second, overlaps: 2, seats: []seat{seatOf(10 * ms), unlucky}},
		want: `
           turns  share  median wait   longest
replica 1      1    50%        10 ms     10 ms  ██████████
replica 2      1    50%         5 ms    900 ms  ██████████
total          2   100%        10 ms    900 ms

overlaps: 2   2 turns in 1.0s, the lock did not keep them apart; 1 lock expired during a turn
`,
		verdict: "the lock was held by two replicas at once, 2 times",
	}, {
		name:    "a replica that failed",
		summary: summary{seats: []seat{seatOf(10 * ms), {trouble: "it died"}}},
		verdict: "replica 2: it died",
	}, {
		name:    "nobody",
		summary: summary{seats: []seat{{}, {why: "no route"}}},
		want: `
           turns  share  median wait   longest
replica 1      0      -            -         -
replica 2      0      -            -         -
total          0      -            -         -

overlaps: 0   0 turns in 0.0s, never two inside at once
`,
		verdict: "nobody ever got the lock; replica 2 says: no route",
	}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			test.print(&b, false)
			if got := "\n" + b.String(); test.want != "" && got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			got := ""
			if err := test.summary.verdict(false); err != nil {
				got = err.Error()
			}
			if got != test.verdict {
				t.Errorf("got verdict %q, want %q", got, test.verdict)
			}
		})
	}
}

func TestNobodyHadTurnBeforeInterrupt(t *testing.T) {
	if err := (summary{seats: []seat{{}}}).verdict(true); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
