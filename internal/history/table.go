package history

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// An Event is something that happened, to be shown in the column of whom it happened to.
type Event struct {
	At     time.Duration
	Column string
	Text   string
}

// gap is between two columns, and widest is the width of the widest.
const (
	gap    = "  "
	widest = 48
)

// Table writes the events, a line each and in order of time, with a column for each
// of the given names. Those of other columns are left out, and so is what is longer than a
// column is wide, except in the last.
func Table(w io.Writer, columns []string, events []Event) error {
	events = slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return !slices.Contains(columns, e.Column) })
	slices.SortStableFunc(events, func(a, b Event) int { return int(a.At - b.At) })
	header := append([]string{"time"}, columns...)
	width := make([]int, len(header))
	for i, h := range header {
		width[i] = utf8.RuneCountInString(h)
	}
	rows := [][]string{header}
	for _, e := range events {
		row := make([]string, len(header))
		row[0] = e.At.Round(time.Microsecond).String()
		row[1+slices.Index(columns, e.Column)] = e.Text
		for i := range row[:len(row)-1] {
			row[i] = cut(row[i])
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s%s", width[i], cell, gap)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// cut shortens a text to the width of the widest column.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= widest {
		return text
	}
	return string([]rune(text)[:widest-1]) + "…"
}
