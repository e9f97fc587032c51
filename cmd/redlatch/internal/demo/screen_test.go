package demo

import (
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// terminalModel is as much of a terminal as the screen makes use of. Text that
// is too wide, and sequences that it does not know, are errors.
type terminalModel struct {
	t             *testing.T
	width, height int
	lines         [][]rune // all there ever were; the last height of them are on the screen
	row, column   int      // row counts from the first of all lines
	cursor        bool
}

func newTerminalModel(t *testing.T, width, height int) *terminalModel {
	return &terminalModel{t: t, width: width, height: height, lines: make([][]rune, 1), cursor: true}
}

var sequence = regexp.MustCompile(`^\x1b\[(\??[0-9]*)([A-Za-z])`)

func (m *terminalModel) Write(p []byte) (int, error) {
	for text := string(p); text != ""; {
		if s := sequence.FindStringSubmatch(text); s != nil {
			m.control(s[1], s[2])
			text = text[len(s[0]):]
			continue
		}
		r := []rune(text)[0]
		text = text[len(string(r)):]
		switch r {
		case '\n':
			m.row, m.column = m.row+1, 0
			if m.row == len(m.lines) {
				m.lines = append(m.lines, nil)
			}
		case '\r':
			m.column = 0
		default:
			m.put(r)
		}
	}
	return len(p), nil
}

func (m *terminalModel) put(r rune) {
	if m.column >= m.width-1 {
		m.t.Errorf("column %d of %d is written to", m.column, m.width)
	}
	line := m.lines[m.row]
	for len(line) <= m.column {
		line = append(line, ' ')
	}
	line[m.column] = r
	m.lines[m.row] = line
	m.column++
}

func (m *terminalModel) top() int { return max(0, len(m.lines)-m.height) }

func (m *terminalModel) control(arg, command string) {
	switch command {
	case "A":
		n, _ := strconv.Atoi(arg)
		if m.row -= max(1, n); m.row < m.top() {
			m.t.Errorf("the cursor leaves the screen")
		}
	case "H":
		m.row, m.column = m.top(), 0
	case "K":
		m.lines[m.row] = m.lines[m.row][:min(m.column, len(m.lines[m.row]))]
	case "J":
		if arg == "2" {
			m.lines = append(m.lines[:m.top()], make([][]rune, m.height)...)
			return
		}
		m.control("", "K")
		for i := m.row + 1; i < len(m.lines); i++ {
			m.lines[i] = nil
		}
	case "h", "l":
		m.cursor = command == "h"
	default:
		m.t.Errorf("unknown sequence %q %q", arg, command)
	}
}

// text returns all lines, without the empty ones at the end.
func (m *terminalModel) text() string {
	var b strings.Builder
	for _, line := range m.lines {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (m *terminalModel) size() (width, height int) { return m.width, m.height }

// play shows threeTurns, by a frame each 7 ms up to the given time.
func play(s *screen, from, to time.Duration) {
	rest := threeTurns
	for now := from; now <= to; now += 7 * ms {
		n := 0
		for n < len(rest) && rest[n].at <= now {
			n++
		}
		if from > 0 {
			n = 0
		}
		s.update(rest[:n], now)
		rest = rest[n:]
	}
}

var intro = []line{{{bold, "intro"}}}

func TestScreenDrawsBandAfterBand(t *testing.T) {
	m := newTerminalModel(t, labelWidth+1+10, 24)
	s := newScreen(m, io.Discard, m.size, false, intro, newTimeline(3, 1))
	play(s, 0, 250*ms)
	want := `intro
         █ has the lo

replica 1  ·██▌··▐
replica 2  ···▐██
replica 3    ········
           ╵0s
replica 1
replica 2
replica 3  ··

0.2s       3 turns
`
	if got := m.text(); got != want || m.cursor {
		t.Errorf("got cursor %v and\n%s\nwant false and\n%s", m.cursor, got, want)
	}
	s.close()
	want = strings.TrimRight(strings.TrimSuffix(want, "0.2s       3 turns\n"), "\n") + "\n"
	if got := m.text(); got != want || !m.cursor {
		t.Errorf("closed, got cursor %v and\n%s\nwant true and\n%s", m.cursor, got, want)
	}
}

func TestScreenDrawsAnewWhenResized(t *testing.T) {
	m := newTerminalModel(t, labelWidth+1+10, 24)
	s := newScreen(m, io.Discard, m.size, false, intro, newTimeline(3, 1))
	play(s, 0, 250*ms)
	m.width = labelWidth + 1 + 12
	s.update(nil, 250*ms)
	want := `intro
         █ has the lock

replica 1  ·██▌··▐
replica 2  ···▐██
replica 3    ··········
           ╵0s
replica 1
replica 2
replica 3

0.2s       3 turns   0
`
	if got := m.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestScreenWithoutRoomShowsFewerRows(t *testing.T) {
	m := newTerminalModel(t, 60, 8)
	s := newScreen(m, io.Discard, m.size, false, intro, newTimeline(26, 1))
	for now := time.Duration(0); now < 3*time.Second; now += 30 * ms {
		s.update(nil, now)
	}
	want := `replica 1
replica 2
replica 3
replica 4
(22 more rows in a higher window)

3.0s       0 turns   0 overlaps
`
	if got := m.text(); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at its end\n%s", got, want)
	}
}

func TestScreenWritesTroubleAboveTheBand(t *testing.T) {
	m, stderr := newTerminalModel(t, 80, 24), new(strings.Builder)
	s := newScreen(m, stderr, m.size, false, nil, newTimeline(2, 1))
	s.update([]event{{kind: entered, at: 1 * ms, replica: 1}}, 20*ms)
	s.update([]event{
		{kind: said, at: 30 * ms, replica: 2, text: "panic: oh"},
		{kind: failed, at: 31 * ms, replica: 2, text: "it died"},
	}, 40*ms)
	want := `         █ has the lock   · waits for it   ╳ two at once

  0.031s  replica 2: it died
replica 1  ██
replica 2
           ╵0s
0.0s       1 turn   0 overlaps
`
	if got := m.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := stderr.String(), "  0.030s  replica 2: panic: oh\n"; got != want {
		t.Errorf("got %q on stderr, want %q", got, want)
	}
}
