package demo

import (
	"fmt"
	"strings"
	"time"
)

const (
	// perCell is the time that one column of the drawing stands for. Its two
	// halves show who is inside at one instant each, 10 ms apart: a turn, which
	// takes no less, is always seen, and two blocks above each other are never
	// but two turns at once.
	perCell = 20 * time.Millisecond

	// perTick is the distance of the times on the axis: whole cells.
	perTick = 500 * time.Millisecond

	labelWidth = len("replica 26 ")
)

// A timeline is the turns as they are drawn: a row for each replica, and one for
// the servers if there are several of our own.
type timeline struct {
	holds, waits []spans // of each replica
	overlaps     spans
	inside       int // replicas that hold the lock now
	turns, clash int // how many there were
	nodes        int
	marks        []mark
}

// A mark is a node's stop or start.
type mark struct {
	at   time.Duration
	down int // nodes that are down from then on
	text string
}

func newTimeline(replicas, nodes int) *timeline {
	return &timeline{holds: make([]spans, replicas), waits: make([]spans, replicas), nodes: nodes}
}

// add enters an event.
func (t *timeline) add(e event) {
	i := e.replica - 1
	switch e.kind {
	case waiting:
		t.waits[i].open(e.at)
	case entered:
		t.turns++
		t.waits[i].close(e.at)
		t.holds[i].open(e.at)
		if t.inside++; t.inside == 2 {
			t.overlaps.open(e.at)
		}
	case overlapped:
		t.clash++
	case left, lost, ended:
		t.waits[i].close(e.at)
		if t.holds[i].close(e.at) {
			if t.inside--; t.inside == 1 {
				t.overlaps.close(e.at)
			}
		}
	case nodeDown:
		t.marks = append(t.marks, mark{e.at, 1, fmt.Sprintf(" server %d stopped, %d of %d left ", e.node, t.nodes-1, t.nodes)})
	case nodeUp:
		t.marks = append(t.marks, mark{e.at, 0, fmt.Sprintf(" server %d is back ", e.node)})
	}
}

// height returns how many lines a band has.
func (t *timeline) height() int {
	if t.nodes > 1 {
		return len(t.holds) + 2
	}
	return len(t.holds) + 1
}

// band draws the cells from the given time on, as far as now. It is height lines,
// the axis last.
func (t *timeline) band(from time.Duration, cells int, now time.Duration) []line {
	var band []line
	for i := range t.holds {
		band = append(band, t.row(i, from, cells, now))
	}
	if t.nodes > 1 {
		band = append(band, t.servers(from, cells, now))
	}
	return append(band, axis(from, cells, now))
}

func label(text string) piece { return piece{plain, fmt.Sprintf("%-*s", labelWidth, text)} }

// row draws the turns of one replica.
func (t *timeline) row(i int, from time.Duration, cells int, now time.Duration) line {
	l := line{label(fmt.Sprintf("replica %d", i+1))}
	for c := range cells {
		start := from + time.Duration(c)*perCell
		l = l.with(t.cell(i, start, now))
	}
	return l
}

func (t *timeline) cell(i int, start, now time.Duration) (style, rune) {
	end := start + perCell
	if t.overlaps.touch(start, min(end, now)) && t.holds[i].touch(start, min(end, now)) {
		return bad, '╳' // not left to the two instants: none may be missed
	}
	halves := 0
	if at := start + perCell/4; at < now && t.holds[i].at(at) {
		halves |= 2
	}
	if at := end - perCell/4; at < now && t.holds[i].at(at) {
		halves |= 1
	}
	switch middle := start + perCell/2; {
	case halves > 0:
		return styleOf(i + 1), [...]rune{1: '▐', 2: '▌', 3: '█'}[halves]
	case middle < now && t.waits[i].at(middle):
		return dim, '·'
	}
	return plain, ' '
}

// servers draws how many nodes there are.
func (t *timeline) servers(from time.Duration, cells int, now time.Duration) line {
	row := []rune(strings.Repeat(" ", cells))
	for c := range row {
		if start := from + time.Duration(c)*perCell; start < now {
			row[c] = [...]rune{'━', '╌'}[t.down(start+perCell)]
		}
	}
	for _, m := range t.marks {
		if c := int((m.at - from) / perCell); m.at >= from && c < cells {
			write(row, min(c, cells-len(m.text)), m.text)
		}
	}
	l := line{label("servers")}
	for _, r := range row {
		style := bold
		if r == '━' || r == '╌' {
			style = dim
		}
		l = l.with(style, r)
	}
	return l
}

// down returns how many nodes are down just before the given time.
func (t *timeline) down(before time.Duration) int {
	down := 0
	for _, m := range t.marks {
		if m.at < before {
			down = m.down
		}
	}
	return down
}

// axis draws the times below the cells that are filled.
func axis(from time.Duration, cells int, now time.Duration) line {
	row := []rune(strings.Repeat(" ", cells))
	tick := (from + perTick - 1).Truncate(perTick) // the first that is not before
	for ; tick <= now && tick < from+time.Duration(cells)*perCell; tick += perTick {
		text := fmt.Sprintf("╵%gs", tick.Seconds())
		if c := int((tick - from) / perCell); c+len([]rune(text)) <= cells {
			write(row, c, text)
		}
	}
	return line{label(""), {dim, string(row)}}
}

// write writes text over row, from column c on.
func write(row []rune, c int, text string) {
	if c >= 0 {
		copy(row[c:], []rune(text))
	}
}

// with returns l with one more rune.
func (l line) with(s style, r rune) line {
	if last := len(l) - 1; l[last].style == s {
		l[last].text += string(r)
		return l
	}
	return append(l, piece{s, string(r)})
}
