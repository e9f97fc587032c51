package chart

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestApart(t *testing.T) {
	for _, test := range []struct{ at, want []float64 }{
		{[]float64{0, 10, 30}, []float64{0, 10, 30}},
		{[]float64{0, 4}, []float64{-3, 7}},
		{[]float64{5, 5, 5}, []float64{-5, 5, 15}},
	} {
		got := apart(test.at, 10)
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: got %v, want %v", test.at, got, test.want)
		}
		for i := 1; i < len(got); i++ {
			if got[i]-got[i-1] < 10-1e-9 {
				t.Errorf("%v: got %v, of which two are too close", test.at, got)
			}
		}
	}
}

func TestWrite(t *testing.T) {
	nan := math.NaN()
	lines := Lines{
		Title: "lines", Ticks: []float64{2, 64}, Label: Duration,
		Series: []Series{
			{Name: "one", Color: ink, X: []float64{2, 64}, Y: []float64{100, 2000}},
			{Name: "partly", Color: ink, X: []float64{2, 64}, Y: []float64{50, nan}},
			{Name: "nothing", Color: ink, X: []float64{2, 64}, Y: []float64{nan, nan}},
		},
	}
	bars := Bars{Title: "bars", Log: true, Min: 1, Max: 100, Label: Duration, Bars: []Bar{
		{Name: "shut", Value: 10, Text: "10", Color: ink, Mark: 20},
		{Name: "open", Value: 1000, Text: "more", Color: ink, Open: true, Gap: true},
		{Name: "none", Value: nan, Color: ink},
	}}
	for _, test := range []struct {
		name  string
		write func(string) error
		want  []string
	}{
		{"lines", lines.Write, []string{"one", "partly", "1 ms"}},
		{"bars", bars.Write, []string{"shut", "open", "none", "more"}},
	} {
		path := filepath.Join(t.TempDir(), test.name+".svg")
		if err := test.write(path); err != nil {
			t.Fatal(err)
		}
		svg, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range append(test.want, test.name, "<svg", "</svg>") {
			if !strings.Contains(string(svg), want) {
				t.Errorf("%s: it does not have %q", test.name, want)
			}
		}
	}
}
