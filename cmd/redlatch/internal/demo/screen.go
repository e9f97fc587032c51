package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Sequences that terminals understand.
const (
	hideCursor = "\x1b[?25l" // close undoes it
	showCursor = "\x1b[?25h"
	clearAll   = "\x1b[H\x1b[2J"
	clearBelow = "\x1b[J"
	clearLine  = "\x1b[K" // from the cursor to its end
)

const minCells = 10

// screen is the view that draws on a terminal, as one writes music: a band of
// rows fills from left to right, and when it is full it stays, and the next one
// is begun below. Only the last one is redrawn. A terminal that was resized is
// cleared, and as many bands as fit are drawn anew.
type screen struct {
	out, errOut   io.Writer
	size          func() (width, height int)
	paint         paint
	intro         []line
	timeline      *timeline
	width, height int
	last          int // the number of the band that is not full yet
	drawn         int // how many lines of it are on the screen, above the cursor
}

// sizeOf returns what tells the size of f; of one that will not tell, a usual one.
func sizeOf(f *os.File) func() (width, height int) {
	return func() (int, int) {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
		return 80, 24
	}
}

func newScreen(out, errOut io.Writer, size func() (int, int), p paint, intro []line, t *timeline) *screen {
	legend := line{{dim, "         "}, {bold, "█"}, {dim, " has the lock   · waits for it   "}, {bad, "╳"}, {dim, " two at once"}}
	s := &screen{out: out, errOut: errOut, size: size, paint: p, timeline: t,
		intro: append(intro, legend, nil)}
	s.width, s.height = size()
	fmt.Fprint(out, hideCursor+s.lines(s.intro))
	return s
}

// update implements view.
func (s *screen) update(events []event, now time.Duration) {
	for _, e := range events {
		s.timeline.add(e)
		s.tell(e)
	}
	fmt.Fprint(s.out, s.frame(now))
}

// close implements view. The last band stays as it is, without the line of
// numbers below.
func (s *screen) close() {
	below := ""
	if s.drawn > 0 {
		below = "\r\x1b[A" + clearBelow + "\n"
	}
	fmt.Fprint(s.out, below+showCursor)
}

// tell writes out, above the band that is being drawn, what a drawing cannot say.
func (s *screen) tell(e event) {
	out, style := s.out, bad
	switch e.kind {
	case overlapped, lost, failed:
	case unsure, noted:
		style = plain
	case said:
		out, style = s.errOut, plain
	default:
		return
	}
	fmt.Fprint(s.out, s.up()+clearBelow)
	fmt.Fprintln(out, s.paint.text(line{{dim, seconds(e.at) + "  "}, {style, e.String()}}, 0))
}

// frame returns what brings the screen up to date.
func (s *screen) frame(now time.Duration) string {
	var b strings.Builder
	if w, h := s.size(); w != s.width || h != s.height {
		s.width, s.height, s.drawn = w, h, 0
		s.last = max(0, s.at(now)-s.fitting()+1)
		b.WriteString(clearAll + s.lines(s.intro))
	}
	b.WriteString(s.up())
	for ; s.last < s.at(now); s.last++ {
		b.WriteString(s.lines(s.band(now)))
	}
	current := append(s.band(now), s.numbers(now))
	b.WriteString(s.lines(current) + clearBelow)
	s.drawn = len(current)
	return b.String()
}

// up returns what moves the cursor to where the band that is redrawn begins.
func (s *screen) up() string {
	if s.drawn == 0 {
		return ""
	}
	n := s.drawn
	s.drawn = 0
	return fmt.Sprintf("\r\x1b[%dA", n) // \r: what is typed, such as ^C, is echoed
}

// lines returns lines as they are written over what the screen shows. None is as
// wide as the screen, where terminals disagree about what comes next.
func (s *screen) lines(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(s.paint.text(l, s.width-1) + clearLine + "\n")
	}
	return b.String()
}

// band returns the last band, with as many of its rows as the screen has room for.
func (s *screen) band(now time.Duration) []line {
	band := s.timeline.band(time.Duration(s.last)*s.perBand(), s.cells(), now)
	room := max(2, s.height-2) // there are the numbers below it, and the cursor
	if len(band) <= room {
		return band
	}
	axis, shown := band[len(band)-1], room-2
	more := line{{dim, fmt.Sprintf("(%d more rows in a higher window)", len(band)-1-shown)}}
	return append(band[:shown:shown], more, axis)
}

// numbers returns the line below the last band.
func (s *screen) numbers(now time.Duration) line {
	t := s.timeline
	clashes := piece{good, plural(t.clash, "overlap")}
	if t.clash > 0 {
		clashes.style = bad
	}
	return line{label(fmt.Sprintf("%.1fs", now.Seconds())), {bold, plural(t.turns, "turn")}, {dim, "   "}, clashes}
}

func (s *screen) cells() int { return max(minCells, s.width-1-labelWidth) }

func (s *screen) perBand() time.Duration { return time.Duration(s.cells()) * perCell }

// at returns the number of the band that the given time is in.
func (s *screen) at(t time.Duration) int { return int(t / s.perBand()) }

// fitting returns how many bands the screen has room for below the intro.
func (s *screen) fitting() int {
	return max(1, (s.height-len(s.intro)-2)/s.timeline.height())
}
