package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/redlatch/redlatch/bench/internal/chart"
	"github.com/redlatch/redlatch/bench/internal/measure"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// A column is one of a table.
type column struct {
	title string
	value func(s set, c *result.Cell) string
}

// A chapter is the part of the report on one section.
type chapter struct {
	section string
	title   string
	text    string
	columns []column
}

// write writes the chapter: a table for each case. Of a section that was not measured
// it writes nothing.
func (ch chapter) write(b *strings.Builder, s set) {
	cases, whos := casesOf(s, ch.section)
	if len(cases) == 0 {
		return
	}
	fmt.Fprintf(b, "## %s\n\n%s\n\n", ch.title, ch.text)
	for _, name := range cases {
		if len(cases) > 1 {
			fmt.Fprintf(b, "### %s\n\n", name)
		}
		b.WriteString("| |")
		for _, col := range ch.columns {
			fmt.Fprintf(b, " %s |", col.title)
		}
		b.WriteString("\n|---|" + strings.Repeat("--:|", len(ch.columns)) + "\n")
		for _, who := range whos {
			c := s.cell(ch.section, name, who)
			if c == nil {
				continue
			}
			fmt.Fprintf(b, "| %s |", emphasized(who))
			for _, col := range ch.columns {
				fmt.Fprintf(b, " %s |", col.value(s, c))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
		for _, who := range whos {
			writeNotes(b, s.cell(ch.section, name, who))
		}
	}
}

// writeNotes writes what a reader has to know of a cell.
func writeNotes(b *strings.Builder, c *result.Cell) {
	if c == nil {
		return
	}
	notes := c.Notes
	if c.Section == measure.Waiting { // they are in the table
		notes = nil
	}
	if c.Stalls > 0 {
		notes = append(notes[:len(notes):len(notes)], fmt.Sprintf("%d of %d runs stood still and were left out", c.Stalls, len(c.Runs)))
	}
	if len(notes) > 0 {
		fmt.Fprintf(b, "%s: %s.\n\n", c.Who, strings.Join(notes, "; "))
	}
}

// casesOf returns the cases of a section and who was measured in them, each in the
// order in which it was measured first.
func casesOf(s set, section string) (cases, whos []string) {
	seen := make(map[string]bool)
	add := func(list *[]string, kind, name string) {
		if !seen[kind+name] {
			seen[kind+name] = true
			*list = append(*list, name)
		}
	}
	for _, k := range s.Keys() {
		if k.Section == section {
			add(&cases, "case", k.Case)
			add(&whos, "who", k.Who)
		}
	}
	return cases, whos
}

// emphasized makes a peer that is ours bold.
func emphasized(who string) string {
	if ours(who) {
		return "**" + who + "**"
	}
	return who
}

func ours(who string) bool { return strings.HasPrefix(who, peer.Redlatch) }

// figure returns a number with three digits that count.
func figure(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 0):
		return "∞"
	case math.Abs(v) >= 1000:
		return group(int64(math.Round(v)))
	case v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', -1, 64)
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// group returns n with a comma before every three digits.
func group(n int64) string {
	if n < 0 {
		return "-" + group(-n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", group(n/1000), n%1000)
}

// of is a column of a metric's median.
func of(title, metric string) column {
	return column{title, func(_ set, c *result.Cell) string { return figure(c.Median(metric)) }}
}

// microseconds is of, for a metric in microseconds.
func microseconds(title, metric string) column {
	return column{title, func(_ set, c *result.Cell) string { return duration(c.Median(metric)) }}
}

// p99 is a column of the p99 of samples, of which so many nanoseconds are one.
func p99(title, samples string, ns float64) column {
	return column{title, func(_ set, c *result.Cell) string { return duration(c.Quantile(samples, 0.99) * ns / 1e3) }}
}

// against is a column of the ratio to who.
func against(title, metric, who string) column {
	return column{title, func(s set, c *result.Cell) string {
		return figure(c.Ratio(metric, s.cell(c.Section, c.Case, who)))
	}}
}

func duration(us float64) string {
	if math.IsNaN(us) {
		return "–"
	}
	return chart.Duration(us)
}
