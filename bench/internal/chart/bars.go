package chart

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Bar is a row of a chart of bars.
type Bar struct {
	Name  string // left of the bar
	Value float64
	Text  string // right of it
	Color color.Color
	Bold  bool
	Open  bool    // the value is at least that: the bar ends in an arrow
	Mark  float64 // where a line crosses the bar; 0 is none
	Gap   bool    // a space above
}

// Bars is a chart of bars from the left, the first on top.
type Bars struct {
	Title, X string
	Log      bool
	Min, Max float64 // of the axis
	Label    func(float64) string
	Room     vg.Length // right of the axis, for the texts
	Bars     []Bar
}

// The sizes of a row, in points.
const (
	rowHeight = 20
	barHeight = 13
	gapHeight = 10
)

// Write writes the chart as SVG.
func (b Bars) Write(path string) error {
	p := newPlot(b.Title)
	p.X.Label.Text = b.X
	p.Y.LineStyle.Color = ink
	p.Y.Tick.Length = 0
	if b.Log {
		p.X.Scale = plot.LogScale{}
		p.X.Tick.Marker = decades{b.Label, 0}
	}
	var ticks plot.ConstantTicks
	rows := make([]float64, len(b.Bars)) // the middle of each, from the bottom
	height := 0.0
	for i := len(b.Bars) - 1; i >= 0; i-- {
		rows[i] = height + rowHeight/2
		ticks = append(ticks, plot.Tick{Value: rows[i], Label: spaced(b.Bars[i].Name, 6)})
		height += rowHeight
		if b.Bars[i].Gap {
			height += gapHeight
		}
	}
	p.Y.Tick.Marker = ticks
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = pale, nil
	p.Add(grid, rowsOf{b, rows})
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = b.Min, b.Max, 0, height
	return save(p, path, 720, height+90, b.Room)
}

// rowsOf draws the bars.
type rowsOf struct {
	Bars
	middle []float64
}

// Plot implements [plot.Plotter].
func (r rowsOf) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	for i, bar := range r.Bars.Bars {
		if math.IsNaN(bar.Value) {
			continue
		}
		y := trY(r.middle[i])
		left, right := trX(r.Min), trX(min(max(bar.Value, r.Min), r.Max))
		low, high := y-vg.Points(barHeight/2), y+vg.Points(barHeight/2)
		outline := []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}}
		end := right
		if bar.Open {
			end += vg.Points(barHeight / 2)
			outline = append(outline[:2:2], vg.Point{X: end, Y: y}, outline[2], outline[3])
		}
		c.FillPolygon(bar.Color, outline)
		if bar.Mark > 0 {
			x := trX(bar.Mark)
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: vg.Points(2)}, x, low-vg.Points(2), x, high+vg.Points(2))
			end = max(end, x)
		}
		c.FillText(style(ink, bar.Bold, 0, -0.35), vg.Point{X: end + vg.Points(6), Y: y}, bar.Text)
	}
}
