// Package chart draws what was measured: lines over a number that grows, and bars.
package chart

import (
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	ink  = color.RGBA{0x22, 0x22, 0x22, 0xff}
	pale = color.RGBA{0xdd, 0xdd, 0xdd, 0xff}
)

const (
	titleSize = 15
	textSize  = 12
)

// sans returns the font of everything.
func sans(size font.Length, bold bool) font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = 2 // as golang.org/x/image/font has it
	}
	return f
}

// style returns the style of a text at an anchor.
func style(c color.Color, bold bool, x, y float64) draw.TextStyle {
	return draw.TextStyle{
		Color: c, Font: sans(textSize, bold), Handler: plot.DefaultTextHandler,
		XAlign: text.XAlignment(x), YAlign: text.YAlignment(y),
	}
}

// newPlot returns a plot with a title, in this package's style.
func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font = sans(titleSize, true)
	p.Title.TextStyle.Color = ink
	p.Title.Padding = vg.Points(10)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = sans(textSize, false)
		axis.Tick.Label.Font = sans(textSize, false)
		axis.Tick.Label.Color = ink
		axis.Color = ink
		axis.Label.Padding = vg.Points(4)
	}
	return p
}

// decades are ticks at the powers of ten, labelled by label and so many spaces.
type decades struct {
	label  func(float64) string
	spaces int
}

// Ticks implements [plot.Ticker].
func (d decades) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < low*0.999 || v > high*1.001 {
				continue
			}
			tick := plot.Tick{Value: v}
			if m == 1 {
				tick.Label = spaced(d.label(v), d.spaces)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// Plain returns a number without an exponent.
func Plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// Duration returns microseconds as a short duration.
func Duration(us float64) string {
	switch {
	case us >= 1e6:
		return short(us/1e6) + " s"
	case us >= 1e3:
		return short(us/1e3) + " ms"
	}
	return short(us) + " µs"
}

// short returns a number with two digits that count.
func short(v float64) string {
	if v >= 10 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

// spaced adds room to a text that ends at an axis: where no font of the width that it
// was laid out by is at hand, it is wider.
func spaced(text string, spaces int) string { return text + strings.Repeat(" ", spaces) }
