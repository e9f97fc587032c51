package chart

import (
	"bytes"
	"os"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// save writes the plot as SVG, of a size in points, with room right of its axes.
func save(p *plot.Plot, path string, width, height float64, room vg.Length) error {
	canvas := vgsvg.New(vg.Length(width), vg.Length(height))
	all := draw.New(canvas)
	all.SetColor(p.BackgroundColor)
	all.Fill(all.Rectangle.Path())
	p.Draw(draw.Crop(all, vg.Points(10), -room, vg.Points(8), -vg.Points(8)))
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	// Where that font is missing, the next ones have letters of the same width.
	text := strings.ReplaceAll(svg.String(), "font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;")
	return os.WriteFile(path, []byte(text), 0o644)
}
