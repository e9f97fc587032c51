package pooltest

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
	"testing"
)

// own is by what the goroutines of a test are told from those of others that run beside it:
// a label that they have from whoever started them.
const own = "pooltest"

// label labels the goroutine, and those that it will start, as the test's own.
func label(t *testing.T) {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(own, t.Name())))
}

// goroutines returns how many goroutines are the test's own, which it has labelled.
func goroutines(t *testing.T) int {
	t.Helper()
	var profile strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		t.Fatal(err)
	}
	sum, n := 0, 0
	for line := range strings.Lines(profile.String()) { // first how many, and then their labels
		if number, _, found := strings.Cut(line, " @ "); found {
			n, _ = strconv.Atoi(number)
		} else if strings.HasPrefix(line, "# labels:") && strings.Contains(line, fmt.Sprintf("%q:%q", own, t.Name())) {
			sum += n
		}
	}
	if sum == 0 {
		t.Fatalf("not even this goroutine is labelled: %s", profile.String())
	}
	return sum
}
