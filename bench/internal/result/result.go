// Package result is what was measured, and how it is compared: every ratio is taken
// within one run, and the median of those stands for it.
package result

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/redlatch/redlatch/bench/internal/stats"
)

// A Key names what was measured: by which section, in which case, of whom.
type Key struct{ Section, Case, Who string }

// Metrics are figures by name. A name ends in its unit, where it has one.
type Metrics map[string]float64

// A Cell is all that was measured of one Key.
type Cell struct {
	Key
	Runs    []Metrics            // in the order of the rounds, each of which has one run of every Key
	Samples map[string][]float64 // of all runs together
	Notes   []string             // what a reader has to know of it
	Stalls  int                  // runs without figures: it stood still
}

// A Set is what a benchmark has measured. It is used by one goroutine.
type Set struct {
	cells map[Key]*Cell
	order []Key
}

// NewSet returns an empty Set.
func NewSet() *Set { return &Set{cells: make(map[Key]*Cell)} }

// Cell returns what was measured of k: a new Cell if nothing was yet.
func (s *Set) Cell(k Key) *Cell {
	c := s.cells[k]
	if c == nil {
		c = &Cell{Key: k, Samples: make(map[string][]float64)}
		s.cells[k] = c
		s.order = append(s.order, k)
	}
	return c
}

// Find returns what was measured of k, or nil.
func (s *Set) Find(k Key) *Cell { return s.cells[k] }

// Keys returns all keys, in the order in which they were measured first.
func (s *Set) Keys() []Key { return s.order }

// Add adds a run.
func (c *Cell) Add(m Metrics) { c.Runs = append(c.Runs, m) }

// Pool adds samples of a run to those of the others.
func (c *Cell) Pool(metric string, samples []float64) {
	c.Samples[metric] = append(c.Samples[metric], samples...)
}

// Note adds a note, if it does not have it.
func (c *Cell) Note(format string, args ...any) {
	note := fmt.Sprintf(format, args...)
	for _, have := range c.Notes {
		if have == note {
			return
		}
	}
	c.Notes = append(c.Notes, note)
}

// Median returns the median of a metric over the runs that have it; of none, or of a
// nil Cell, NaN.
func (c *Cell) Median(metric string) float64 { return stats.Median(c.values(metric)) }

// Max returns the greatest value of a metric, likewise.
func (c *Cell) Max(metric string) float64 { return stats.Quantile(c.values(metric), 1) }

func (c *Cell) values(metric string) []float64 {
	if c == nil {
		return nil
	}
	var values []float64
	for _, run := range c.Runs {
		if v, ok := run[metric]; ok && !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return values
}

// Quantile returns a quantile of a metric's samples; of none, or of a nil Cell, NaN.
func (c *Cell) Quantile(metric string, q float64) float64 {
	if c == nil {
		return math.NaN()
	}
	return stats.Quantile(c.Samples[metric], q)
}

// Ratio returns the median, over the runs, of a metric for each one of the same metric
// that base has in the same run; of none, or of a nil Cell, NaN.
func (c *Cell) Ratio(metric string, base *Cell) float64 {
	if c == nil || base == nil {
		return math.NaN()
	}
	var ratios []float64
	for i, run := range c.Runs {
		if i >= len(base.Runs) {
			break
		}
		a, ok1 := run[metric]
		b, ok2 := base.Runs[i][metric]
		if ok1 && ok2 && b > 0 && !math.IsNaN(a) {
			ratios = append(ratios, a/b)
		}
	}
	return stats.Median(ratios)
}

// WriteCSV writes every figure of every run, and quantiles of the pooled samples.
func (s *Set) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{"section", "case", "who", "run", "metric", "value"})
	for _, k := range s.order {
		c := s.cells[k]
		for i, run := range c.Runs {
			for _, metric := range sorted(run) {
				out.Write([]string{k.Section, k.Case, k.Who, strconv.Itoa(i + 1), metric, number(run[metric])})
			}
		}
		for _, metric := range sorted(c.Samples) {
			for _, q := range []float64{0.5, 0.9, 0.99, 1} {
				name := fmt.Sprintf("%s p%g of %d", metric, 100*q, len(c.Samples[metric]))
				out.Write([]string{k.Section, k.Case, k.Who, "all", name, number(c.Quantile(metric, q))})
			}
		}
	}
	out.Flush()
	return out.Error()
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
