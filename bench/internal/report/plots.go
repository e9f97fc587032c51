package report

import (
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/redlatch/redlatch/bench/internal/chart"
	"github.com/redlatch/redlatch/bench/internal/measure"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// colours of the peers; those that are not here are grey.
var colours = map[string]color.Color{
	peer.Redlatch:        color.RGBA{0x0b, 0x5f, 0xb0, 0xff},
	peer.RedlatchGoRedis: color.RGBA{0x0b, 0x5f, 0xb0, 0xff},
	peer.RedlatchRueidis: color.RGBA{0x4f, 0x9f, 0xe0, 0xff},
	peer.RedlatchLocal:   color.RGBA{0x0b, 0x5f, 0xb0, 0xff},
	peer.Redsync:         color.RGBA{0xc0, 0x39, 0x2b, 0xff},
	peer.RedsyncEager:    color.RGBA{0xe6, 0x7e, 0x22, 0xff},
	peer.RedsyncGoRedis:  color.RGBA{0xc0, 0x39, 0x2b, 0xff},
	peer.RedsyncRueidis:  color.RGBA{0xc0, 0x39, 0x2b, 0xff},
	peer.Redislock:       color.RGBA{0x27, 0x8e, 0x4c, 0xff},
	peer.Rueidislock:     color.RGBA{0x7d, 0x3c, 0x98, 0xff},
}

func colour(who string) color.Color {
	if c, ok := colours[who]; ok {
		return c
	}
	return color.RGBA{0x88, 0x88, 0x88, 0xff}
}

// writePlots draws what was measured.
func writePlots(dir string, s set) error {
	plots := []func(string, set) error{uncontendedPlot, handoffPlot, waitsPlot, commandsPlot, hungPlot}
	for _, plot := range plots {
		if err := plot(dir, s); err != nil {
			return err
		}
	}
	return nil
}

// processes is the numbers of processes in the section on contention.
var processes = []float64{2, 4, 16, 64}

// overProcesses draws a figure over the number of processes.
func overProcesses(s set, lines chart.Lines, path string, value func(*result.Cell) float64) error {
	_, whos := casesOf(s, measure.Handoff)
	if len(whos) == 0 {
		return nil
	}
	lines.X, lines.Ticks = "processes that contend for one lock", processes
	for _, who := range whos {
		series := chart.Series{Name: who, Color: colour(who), Bold: who == peer.Redlatch, X: processes}
		for _, n := range processes {
			series.Y = append(series.Y, value(s.cell(measure.Handoff, measure.HandoffCase(int(n)), who)))
		}
		lines.Series = append(lines.Series, series)
	}
	return lines.Write(path)
}

func handoffPlot(dir string, s set) error {
	lines := chart.Lines{Title: "How long a released lock lies idle while others wait for it (median)", Label: chart.Duration}
	return overProcesses(s, lines, filepath.Join(dir, "handoff.svg"), func(c *result.Cell) float64 { return c.Median(measure.HandoffUS) })
}

func waitsPlot(dir string, s set) error {
	lines := chart.Lines{Title: "How long the unluckiest process waits for its turn (1 ms of work each)", Label: chart.Duration}
	return overProcesses(s, lines, filepath.Join(dir, "waits.svg"), func(c *result.Cell) float64 { return 1e3 * c.Median(measure.LongestMS) })
}

func commandsPlot(dir string, s set) error {
	lines := chart.Lines{Title: "Commands that clients send for each acquisition", Label: chart.Plain}
	return overProcesses(s, lines, filepath.Join(dir, "commands.svg"), func(c *result.Cell) float64 { return c.Median(measure.ClientCmds) })
}

func uncontendedPlot(dir string, s set) error {
	_, whos := casesOf(s, measure.Uncontended)
	if len(whos) == 0 {
		return nil
	}
	bars := chart.Bars{Title: "Lock + Unlock that nobody contends for: time of a pair", X: "µs, over a Unix socket; the line is redigo alone", Room: 150}
	cell := func(who string) *result.Cell { return s.cell(measure.Uncontended, oneServer, who) }
	slices.SortStableFunc(whos, func(a, b string) int {
		if cell(a).Median(measure.TimeUS) < cell(b).Median(measure.TimeUS) {
			return -1
		}
		return 1
	})
	for _, who := range whos {
		c := cell(who)
		v := c.Median(measure.TimeUS)
		bars.Max = math.Max(bars.Max, 1.05*v)
		bars.Bars = append(bars.Bars, chart.Bar{
			Name: who, Value: v, Color: colour(who), Bold: ours(who), Mark: cell(peer.Raw).Median(measure.TimeUS),
			Text: fmt.Sprintf("%s, %s allocations", chart.Duration(v), figure(math.Round(c.Median(measure.Allocs)))),
		})
	}
	return bars.Write(filepath.Join(dir, "uncontended.svg"))
}

// The span of the plot on a hung node, in microseconds.
const hungMin, hungMax = 10, 1e7

func hungPlot(dir string, s set) error {
	_, whos := casesOf(s, measure.Hung)
	if len(whos) == 0 {
		return nil
	}
	bars := chart.Bars{
		Title: "N = 3 with one node hung: how long a call takes", X: "the line on a bar is the same call with all nodes well",
		Log: true, Min: hungMin, Max: hungMax, Label: chart.Duration, Room: 100,
	}
	for _, who := range whos {
		c := s.cell(measure.Hung, measure.MastersCase(3), who)
		for i, call := range measure.Calls {
			v := c.Median(measure.HungUS(call))
			bar := chart.Bar{
				Name: strings.TrimSpace(who + "  " + call), Value: v, Text: duration(v), Color: colour(who), Bold: ours(who),
				Mark: c.Median(measure.WellUS(call)), Gap: i == 0,
			}
			if over := c.Median(measure.OverMS(call)); over > 0 {
				bar.Value, bar.Open, bar.Text = 1e3*over, true, "not back after "+duration(1e3*over)
			}
			bars.Bars = append(bars.Bars, bar)
		}
	}
	return bars.Write(filepath.Join(dir, "hung.svg"))
}
