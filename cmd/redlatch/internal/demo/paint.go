package demo

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// A style is how text looks: the parameters of the terminal's SGR sequence.
type style string

const (
	plain style = ""
	bold  style = "1"
	dim   style = "2"
	good  style = "1;32"
	bad   style = "1;31"
)

// styleOf returns the colour of a replica: none is that of bad.
func styleOf(replica int) style {
	colours := [...]style{"32", "33", "34", "35", "36"}
	return colours[(replica-1)%len(colours)]
}

// A line is text in pieces, each in its style.
type line []piece

type piece struct {
	style style
	text  string
}

// paint is whether there are styles: if not, there are only the texts.
type paint bool

// paintFor returns whether what goes to out may have styles: it is a terminal,
// and the user has not set NO_COLOR (see no-color.org).
func paintFor(out io.Writer) paint {
	return paint(terminal(out) != nil && os.Getenv("NO_COLOR") == "")
}

// terminal returns out as the terminal that can be drawn on, or nil.
func terminal(out io.Writer) *os.File {
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		return f
	}
	return nil
}

// text returns l as it is written, cut to width columns if that is not 0.
func (p paint) text(l line, width int) string {
	var b strings.Builder
	column := 0
	for _, piece := range l {
		text := piece.text
		if n := utf8.RuneCountInString(text); width > 0 && column+n > width {
			text = string([]rune(text)[:width-column])
		}
		column += utf8.RuneCountInString(text)
		if text == "" {
			continue
		}
		if !bool(p) || piece.style == plain {
			b.WriteString(text)
			continue
		}
		b.WriteString("\x1b[" + string(piece.style) + "m" + text + "\x1b[0m")
	}
	return b.String()
}
