// Package report writes what was measured: results.md, the raw figures, and plots.
package report

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/redlatch/redlatch/bench/internal/result"
)

// An About is what a reader has to know besides the figures.
type About struct {
	Server string
	Quick  bool
	Seed   uint64
	Took   time.Duration
}

// Write writes everything to the directory, which it makes if there is none. Plots and
// chapters of sections that were not measured are left out.
func Write(dir string, results *result.Set, about About) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeRaw(filepath.Join(dir, "raw.csv"), results); err != nil {
		return err
	}
	s := set{results}
	if err := os.WriteFile(filepath.Join(dir, "results.md"), []byte(markdown(s, about)), 0o644); err != nil {
		return err
	}
	return writePlots(dir, s)
}

func writeRaw(path string, results *result.Set) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := results.WriteCSV(f); err != nil {
		return err
	}
	return f.Close()
}

// markdown returns results.md.
func markdown(s set, about About) string {
	var b strings.Builder
	b.WriteString("# What was measured\n\n")
	b.WriteString("`make bench` writes this file, the plots and [every figure of every run](raw.csv).\n" +
		"All libraries run side by side, in an order that is shuffled each time. A figure is the median of the runs, a p99\n" +
		"is of the samples of all runs, and a ratio is taken within each run. Compare ratios: times depend on the machine.\n\n")
	if about.Quick {
		b.WriteString("**This was a quick run: fewer and shorter runs than a figure needs that is to be quoted.**\n\n")
	}
	fmt.Fprintf(&b, "Measured on %s/%s with %d cores, %s, %s, server and clients on one machine, in %v; shuffled by seed %d.\n%s\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), about.Server, about.Took.Round(time.Second), about.Seed, versions())
	if table := targetTable(s); table != "" {
		b.WriteString("## Targets\n\n" + table)
	}
	for _, ch := range chapters() {
		ch.write(&b, s)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// compared is the modules whose versions matter.
var compared = []string{
	"github.com/bsm/redislock", "github.com/go-redsync/redsync/v4", "github.com/gomodule/redigo",
	"github.com/redis/go-redis/v9", "github.com/redis/rueidis",
}

// versions returns a sentence of the versions of what was compared.
func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var parts []string
	for _, module := range info.Deps {
		if slices.Contains(compared, module.Path) {
			parts = append(parts, strings.TrimPrefix(module.Path, "github.com/")+" "+module.Version)
		}
	}
	return "With " + strings.Join(parts, ", ") + " (rueidislock is a part of rueidis)."
}
