package stats

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(test.values)
		if got := Median(test.values); got != test.want {
			t.Errorf("%v: got %v, want %v", test.values, got, test.want)
		}
		if !slices.Equal(before, test.values) {
			t.Errorf("%v was changed to %v", before, test.values)
		}
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("of nothing: got %v, want NaN", got)
	}
}

func TestQuantile(t *testing.T) {
	var hundred []float64
	for i := range 100 {
		hundred = append(hundred, float64(100-i))
	}
	for _, test := range []struct {
		values  []float64
		q, want float64
	}{
		{hundred, 0.99, 99},
		{hundred, 0.5, 50},
		{hundred, 1, 100},
		{hundred, 0, 1},
		{[]float64{3, 1, 2}, 0.99, 3},
	} {
		if got := Quantile(test.values, test.q); got != test.want {
			t.Errorf("%v of %d values: got %v, want %v", test.q, len(test.values), got, test.want)
		}
	}
	if got := Quantile(nil, 0.99); !math.IsNaN(got) {
		t.Errorf("of nothing: got %v, want NaN", got)
	}
}

func TestFairness(t *testing.T) {
	if got := Fairness([]int{239, 240, 240}); got != 239.0/240 {
		t.Errorf("got %v, want %v", got, 239.0/240)
	}
	if got := Fairness([]int{0, 801}); got != 0 {
		t.Errorf("with one starved: got %v, want 0", got)
	}
	for _, served := range [][]int{nil, {0, 0}} {
		if got := Fairness(served); !math.IsNaN(got) {
			t.Errorf("%v: got %v, want NaN", served, got)
		}
	}
}

const ms = time.Millisecond

func alone(who int) int { return who }

func TestJudgeHandsOver(t *testing.T) {
	turns := []Turn{ // as three processes' logs come: one after the other
		{0, 0 * ms, 1 * ms, 10 * ms},
		{0, 11 * ms, 31 * ms, 40 * ms},
		{1, 2 * ms, 12 * ms, 20 * ms},
		{2, 3 * ms, 21 * ms, 30 * ms},
		{2, 31 * ms, 0, 0}, // it still waits
	}
	c := Judge(turns, 3, 0, 50*ms, alone)
	if want := []float64{2e6, 1e6, 1e6}; !slices.Equal(c.Handoffs, want) {
		t.Errorf("handoffs: got %v, want %v", c.Handoffs, want)
	}
	if want := []int{2, 1, 1}; c.Turns != 4 || !slices.Equal(c.Served, want) {
		t.Errorf("got %d turns, %v, want 4, %v", c.Turns, c.Served, want)
	}
	if c.Longest != 20e6 || len(c.Waits) != 5 {
		t.Errorf("got %d waits, the longest %v, want 5, 2e7", len(c.Waits), c.Longest)
	}
	if want := 20.0 / (2 * 50 / 4.0); c.Share != want { // two others, whose turns take 12.5 ms
		t.Errorf("longest wait for a fair share: got %v, want %v", c.Share, want)
	}
	if c.Again != 0 || c.Overlaps != 0 {
		t.Errorf("got %d again, %d overlaps, want none", c.Again, c.Overlaps)
	}
}

func TestJudgeSpan(t *testing.T) {
	turns := []Turn{
		{0, 0, 1 * ms, 10 * ms},
		{1, 2 * ms, 11 * ms, 20 * ms},
		{0, 12 * ms, 21 * ms, 30 * ms},
		{1, 22 * ms, 31 * ms, 40 * ms},
	}
	c := Judge(turns, 2, 11*ms, 25*ms, alone)
	if want := []int{1, 1}; !slices.Equal(c.Served, want) || len(c.Handoffs) != 2 {
		t.Errorf("got %v and %d handoffs, want %v and 2", c.Served, len(c.Handoffs), want)
	}
	if want := []float64{9e6, 9e6, 3e6}; !slices.Equal(c.Waits, want) {
		t.Errorf("waits: got %v, want %v", c.Waits, want)
	}
}

func TestJudgeNobodyWaits(t *testing.T) {
	turns := []Turn{{0, 0, 1 * ms, 2 * ms}, {1, 5 * ms, 6 * ms, 7 * ms}, {1, 8 * ms, 9 * ms, 10 * ms}}
	if c := Judge(turns, 2, 0, 20*ms, alone); len(c.Handoffs) != 0 || c.Again != 0 {
		t.Errorf("got handoffs %v and %d again, want none", c.Handoffs, c.Again)
	}
}

func TestJudgeStarved(t *testing.T) {
	turns := []Turn{{1, 1 * ms, 0, 0}}
	for at := range time.Duration(5) {
		turns = append(turns, Turn{0, at * 10 * ms, at*10*ms + ms, at*10*ms + 9*ms})
	}
	c := Judge(turns, 2, 0, 50*ms, alone)
	if c.Again != 4 || c.MostRun != 4 {
		t.Errorf("got %d again, %d in a row, want 4 and 4", c.Again, c.MostRun)
	}
	if c.Longest != 49e6 {
		t.Errorf("longest: got %v, want 4.9e7", c.Longest)
	}
	c = Judge(turns, 2, 0, 50*ms, func(int) int { return 0 })
	if c.MostRun != 0 {
		t.Errorf("of one group: got %d in a row, want 0", c.MostRun)
	}
}

func TestJudgeOverlap(t *testing.T) {
	turns := []Turn{{0, 0, 1 * ms, 10 * ms}, {1, 2 * ms, 9 * ms, 20 * ms}}
	if c := Judge(turns, 2, 0, 50*ms, alone); c.Overlaps != 1 || len(c.Handoffs) != 0 {
		t.Errorf("got %d overlaps, handoffs %v, want 1 and none", c.Overlaps, c.Handoffs)
	}
}
