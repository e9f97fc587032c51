package chart

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Series is a line and its name.
type Series struct {
	Name  string
	Color color.Color
	Bold  bool
	X, Y  []float64 // one y for each x; what is not a number is left out
}

// Lines is a chart of lines. Both axes are logarithmic. Each line's name stands at its
// end.
type Lines struct {
	Title, X string    // what y is, the title says
	Ticks    []float64 // of x
	Label    func(y float64) string
	Series   []Series
}

// Write writes the chart as SVG.
func (l Lines) Write(path string) error {
	p := newPlot(l.Title)
	p.X.Label.Text = l.X
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Y.Tick.Marker = decades{l.Label, 2}
	var ticks plot.ConstantTicks
	for _, x := range l.Ticks {
		ticks = append(ticks, plot.Tick{Value: x, Label: Plain(x)})
	}
	p.X.Tick.Marker = ticks
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = nil, pale
	p.Add(grid)

	var names endNames
	for _, s := range l.Series {
		line, points, err := s.line()
		if err != nil {
			return err
		}
		if line == nil {
			continue
		}
		p.Add(line, points)
		last := line.XYs[len(line.XYs)-1]
		names = append(names, endName{s, last.X, last.Y})
	}
	p.Add(names)
	p.X.Min = l.Ticks[0]
	p.X.Max = l.Ticks[len(l.Ticks)-1]
	p.Y.Min = math.Pow(10, math.Floor(math.Log10(p.Y.Min)))
	p.Y.Max = math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))
	return save(p, path, 720, 420, vg.Points(150))
}

// line returns the line and its points, or nothing if there are none.
func (s Series) line() (*plotter.Line, *plotter.Scatter, error) {
	var xys plotter.XYs
	for i, x := range s.X {
		if y := s.Y[i]; y > 0 && !math.IsInf(y, 0) {
			xys = append(xys, plotter.XY{X: x, Y: y})
		}
	}
	if xys == nil {
		return nil, nil, nil
	}
	line, points, err := plotter.NewLinePoints(xys)
	if err != nil {
		return nil, nil, err
	}
	line.Color, points.Color = s.Color, s.Color
	line.Width, points.Radius = vg.Points(1.5), vg.Points(2.5)
	if s.Bold {
		line.Width, points.Radius = vg.Points(3), vg.Points(4)
	}
	points.Shape = draw.CircleGlyph{}
	return line, points, nil
}

// endNames are the names at the ends of lines, moved apart where they would overlap.
type endNames []endName

type endName struct {
	Series
	x, y float64
}

// Plot implements [plot.Plotter].
func (n endNames) Plot(c draw.Canvas, p *plot.Plot) {
	const gap = textSize + 3
	trX, trY := p.Transforms(&c)
	sorted := slices.SortedFunc(slices.Values(n), func(a, b endName) int {
		if a.y < b.y {
			return -1
		}
		return 1
	})
	at := make([]float64, len(sorted))
	for i, s := range sorted {
		at[i] = float64(trY(s.y))
	}
	for i, y := range apart(at, gap) {
		s := sorted[i]
		from := vg.Point{X: trX(s.x) + vg.Points(6), Y: trY(s.y)}
		to := vg.Point{X: from.X + vg.Points(10), Y: vg.Length(y)}
		c.StrokeLine2(draw.LineStyle{Color: s.Color, Width: vg.Points(0.7)}, from.X, from.Y, to.X, to.Y)
		c.FillText(style(s.Color, s.Bold, 0, -0.35), vg.Point{X: to.X + vg.Points(3), Y: to.Y}, s.Name)
	}
}

// apart returns positions, in the order of those given, which ascend, that are no
// closer than gap, and move as little as that takes: whoever is too close makes one
// block with the ones beside, which keeps its middle.
func apart(at []float64, gap float64) []float64 {
	type block struct {
		middle float64
		n      int
	}
	var blocks []block
	for _, y := range at {
		b := block{y, 1}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if b.middle-last.middle >= gap*float64(b.n+last.n)/2 {
				break
			}
			n := b.n + last.n
			b = block{(b.middle*float64(b.n) + last.middle*float64(last.n)) / float64(n), n}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	var moved []float64
	for _, b := range blocks {
		for i := range b.n {
			moved = append(moved, b.middle+gap*(float64(i)-float64(b.n-1)/2))
		}
	}
	return moved
}
