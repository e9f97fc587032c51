package result

import (
	"math"
	"strings"
	"testing"
)

func TestRatioIsTakenWithinARun(t *testing.T) {
	s := NewSet()
	raw, lock := s.Cell(Key{"s", "c", "raw"}), s.Cell(Key{"s", "c", "lock"})
	for _, run := range [][2]float64{{10, 11}, {100, 110}, {50, 60}} { // the machine was slow at times
		raw.Add(Metrics{"us": run[0]})
		lock.Add(Metrics{"us": run[1]})
	}
	if got := lock.Ratio("us", raw); got != 1.1 {
		t.Errorf("got %v, want 1.1", got)
	}
	if got := lock.Median("us"); got != 60 {
		t.Errorf("median: got %v, want 60", got)
	}
	raw.Runs = raw.Runs[:1]
	if got := lock.Ratio("us", raw); got != 1.1 {
		t.Errorf("with one run to compare: got %v, want 1.1", got)
	}
	if got := lock.Ratio("ms", raw); !math.IsNaN(got) {
		t.Errorf("of what was not measured: got %v, want NaN", got)
	}
	if got := s.Find(Key{}).Median("us"); !math.IsNaN(got) {
		t.Errorf("of who was not measured: got %v, want NaN", got)
	}
}

func TestWriteCSV(t *testing.T) {
	s := NewSet()
	c := s.Cell(Key{"s", "2, idle", "who"})
	c.Add(Metrics{"us": 1.5, "allocs": 9})
	c.Pool("wait", []float64{1, 2})
	var got strings.Builder
	if err := s.WriteCSV(&got); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"section,case,who,run,metric,value\n",
		"s,\"2, idle\",who,1,allocs,9\ns,\"2, idle\",who,1,us,1.5\n",
		"s,\"2, idle\",who,all,wait p50 of 2,1\n",
		"s,\"2, idle\",who,all,wait p99 of 2,2\n",
	} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("got\n%s\nwhich does not have\n%s", &got, want)
		}
	}
}
