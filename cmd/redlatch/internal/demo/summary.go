package demo

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A summary is what there is to say when all is over.
type summary struct {
	seats    []seat
	overlaps int
	lasted   time.Duration
}

// verdict returns what must not have happened, or nil. That nobody had a turn is
// no wonder if the demo was cut short.
func (s summary) verdict(cut bool) error {
	var errs []error
	if s.overlaps > 0 {
		errs = append(errs, fmt.Errorf("the lock was held by two replicas at once, %s", times(s.overlaps)))
	}
	for i, seat := range s.seats {
		if seat.trouble != "" {
			errs = append(errs, fmt.Errorf("replica %d: %s", i+1, seat.trouble))
		}
	}
	if len(s.waits()) == 0 && !cut {
		errs = append(errs, s.nobody())
	}
	return errors.Join(errs...)
}

// nobody returns why nobody had a turn, as far as a replica has said.
func (s summary) nobody() error {
	for i, seat := range s.seats {
		if seat.why != "" {
			return fmt.Errorf("nobody ever got the lock; replica %d says: %s", i+1, seat.why)
		}
	}
	return errors.New("nobody ever got the lock")
}

// print writes the summary to out.
func (s summary) print(out io.Writer, p paint) {
	all := s.waits()
	var most int
	var vain time.Duration
	for _, seat := range s.seats {
		most, vain = max(most, len(seat.waits)), max(vain, seat.vain)
	}
	rows := []line{{{dim, fmt.Sprintf(columns, "", "turns", "share", "median wait", "longest")}}}
	for i, seat := range s.seats {
		row := numbers(fmt.Sprintf("replica %d", i+1), seat.waits, seat.vain, len(all))
		rows = append(rows, append(row, piece{styleOf(i + 1), "  " + bar(len(seat.waits), most)}))
	}
	rows = append(rows, numbers("total", all, vain, len(all)), nil, s.conclusion(len(all)))
	for _, row := range rows {
		fmt.Fprintln(out, strings.TrimRight(p.text(row, 0), " "))
	}
}

func (s summary) conclusion(total int) line {
	count, comment, style := fmt.Sprintf("overlaps: %d", s.overlaps), "never two inside at once", good
	if s.overlaps > 0 {
		comment, style = "the lock did not keep them apart", bad
	}
	l := line{{style, count}, {plain, fmt.Sprintf("   %s in %.1fs, %s", plural(total, "turn"), s.lasted.Seconds(), comment)}}
	lost := 0
	for _, seat := range s.seats {
		lost += seat.lost
	}
	if lost > 0 {
		l = append(l, piece{bad, fmt.Sprintf("; %s expired during a turn", plural(lost, "lock"))})
	}
	return l
}

// waits returns the waits of all, in no order.
func (s summary) waits() []time.Duration {
	var all []time.Duration
	for _, seat := range s.seats {
		all = append(all, seat.waits...)
	}
	return all
}

// columns is the format of the table's rows.
const columns = "%-10s %5s %6s %12s %9s"

// numbers returns a row of the table. A wait in vain is no turn's, but it may
// have been the longest.
func numbers(name string, waits []time.Duration, vain time.Duration, total int) line {
	share, median, longest := "-", "-", "-"
	if total > 0 {
		share = fmt.Sprintf("%d%%", (100*len(waits)+total/2)/total)
	}
	if len(waits) > 0 {
		sorted := slices.Sorted(slices.Values(waits))
		median = milliseconds(sorted[len(sorted)/2])
	}
	if len(waits) > 0 || vain > 0 {
		longest = milliseconds(slices.Max(append([]time.Duration{vain}, waits...)))
	}
	return line{{plain, fmt.Sprintf(columns, name, strconv.Itoa(len(waits)), share, median, longest)}}
}

// bar draws n as a part of most, with the precision of an eighth of a column.
func bar(n, most int) string {
	const full = 10
	eighths := (full*8*n + most/2) / max(1, most)
	return strings.Repeat("█", eighths/8) + [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}[eighths%8]
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
