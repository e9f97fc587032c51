package demo

import (
	"strings"
	"testing"
	"time"
)

// drawn returns lines as text without styles, the space at their ends removed.
func drawn(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(paint(false).text(l, 0), " ") + "\n")
	}
	return b.String()
}

// threeTurns are turns of two replicas; the third waits in vain.
var threeTurns = []event{
	{kind: waiting, at: 0, replica: 1},
	{kind: waiting, at: 0, replica: 2},
	{kind: entered, at: 20 * ms, replica: 1},
	{kind: waiting, at: 40 * ms, replica: 3},
	{kind: left, at: 70 * ms, replica: 1},
	{kind: entered, at: 70 * ms, replica: 2},
	{kind: waiting, at: 90 * ms, replica: 1},
	{kind: left, at: 120 * ms, replica: 2},
	{kind: entered, at: 134 * ms, replica: 1},
	{kind: left, at: 144 * ms, replica: 1}, // the shortest there is
}

func timelineOf(replicas, nodes int, events []event) *timeline {
	t := newTimeline(replicas, nodes)
	for _, e := range events {
		t.add(e)
	}
	return t
}

func TestTimeline(t *testing.T) {
	tests := []struct {
		name            string
		replicas, nodes int
		events          []event
		from, now       time.Duration
		cells           int
		want            string
	}{{
		name: "turns", replicas: 3, events: threeTurns, now: time.Second, cells: 12,
		want: `
replica 1  ·██▌··▐
replica 2  ···▐██
replica 3    ··········
           ╵0s
`,
	}, {
		name: "no further than now", replicas: 3, events: threeTurns[:7], now: 95 * ms, cells: 12,
		want: `
replica 1  ·██▌·
replica 2  ···▐▌
replica 3    ···
           ╵0s
`,
	}, {
		name: "from the middle on", replicas: 3, events: threeTurns, from: 80 * ms, now: time.Second, cells: 30,
		want: `
replica 1  ··▐
replica 2  ██
replica 3  ······························
                                ╵0.5s
`,
	}, {
		name: "overlap", replicas: 2, now: time.Second, cells: 8,
		events: []event{
			{kind: entered, at: 20 * ms, replica: 1},
			{kind: entered, at: 61 * ms, replica: 2},
			{kind: left, at: 62 * ms, replica: 1}, // shorter than what a cell shows of turns
			{kind: left, at: 120 * ms, replica: 2},
		},
		want: `
replica 1   ██╳
replica 2     ╳██
           ╵0s
`,
	}, {
		name: "a server away", replicas: 1, nodes: 3, now: 1300 * ms, cells: 66,
		events: []event{
			{kind: nodeDown, at: 200 * ms, node: 1},
			{kind: nodeUp, at: 900 * ms, node: 1},
		},
		want: `
replica 1
servers    ━━━━━━━━━━ server 1 stopped, 2 of 3 left ╌╌╌╌ server 1 is back ━━
           ╵0s                      ╵0.5s                    ╵1s
`,
	}, {
		name: "a server away since the last band", replicas: 1, nodes: 3, from: 400 * ms, now: 600 * ms, cells: 20,
		events: []event{{kind: nodeDown, at: 200 * ms, node: 1}},
		want: `
replica 1
servers    ╌╌╌╌╌╌╌╌╌╌
                ╵0.5s
`,
	}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			band := timelineOf(test.replicas, test.nodes, test.events).band(test.from, test.cells, test.now)
			if got, want := drawn(band), test.want[1:]; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// Whatever the turns are: if they do not overlap no two blocks are above each
// other, and none is missing.
func TestTimelineShowsEveryTurnByItself(t *testing.T) {
	tl := newTimeline(2, 1)
	const turns = 40
	at := time.Duration(0)
	for i := range turns {
		replica := i%2 + 1
		tl.add(event{kind: entered, at: at, replica: replica})
		at += minWork + time.Duration(i)*ms/3
		tl.add(event{kind: left, at: at, replica: replica})
	}
	blocks := map[rune]int{'▌': 2, '▐': 1, '█': 3} // as sets of halves
	cells := int(at/perCell) + 1
	rows := [2][]rune{}
	for i := range rows {
		rows[i] = []rune(paint(false).text(tl.row(i, 0, cells, at), 0))[labelWidth:]
	}
	shown, last := 0, 0
	for c := range cells {
		for half := 2; half > 0; half-- {
			who := 0
			for i, row := range rows {
				if blocks[row[c]]&half != 0 {
					who |= i + 1
				}
			}
			if who == 3 {
				t.Fatalf("two blocks are above each other in column %d", c)
			}
			if who != 0 && who != last {
				shown++
			}
			last = who
		}
	}
	if shown != turns {
		t.Errorf("got %d turns in the drawing, want %d", shown, turns)
	}
}

func TestStylesNameTheReplica(t *testing.T) {
	got := paint(true).text(timelineOf(1, 1, []event{{kind: waiting, replica: 1}, {kind: entered, at: 20 * ms, replica: 1}}).row(0, 0, 3, 50*ms), 0)
	if want := "replica 1  \x1b[2m·\x1b[0m\x1b[32m█▌\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
