// Mutants shows that the simulator finds bugs: it builds the lock with each of a list
// of bugs, and has the simulator look for it. It fails if one is not found within as
// many seeds as the list allows.
//
// The bugs are edits of the source, which the compiler is told to read in place of the
// files (go build -overlay). Nothing in the tree is changed.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	log := flag.Bool("v", false, "show what the simulator says of each")
	only := flag.String("run", "", "only those whose name matches the regular expression")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./internal/sim/mutants [-v] [-run REGEXP]\n\nLets the simulator look for each of a list of bugs.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*only, *log); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string, verbose bool) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/redlatch/redlatch").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%-22s %8s %8s  %s\n", "mutant", "seed", "of", "found by")
	var left []string
	for _, m := range mutants {
		if !match.MatchString(m.name) {
			continue
		}
		begun := time.Now()
		seed, rule, output, err := m.hunt(strings.TrimSpace(string(root)), dir)
		if verbose {
			fmt.Printf("%s\n", output)
		}
		switch {
		case err != nil:
			left = append(left, m.name)
			fmt.Printf("%-22s %v\n", m.name, err)
		case seed == "":
			left = append(left, m.name)
			fmt.Printf("%-22s %8s %8d  NOT FOUND: %s\n", m.name, "-", m.limit, m.what)
		default:
			fmt.Printf("%-22s %8s %8d  %-18s (%.1f s)  %s\n", m.name, seed, m.limit, rule, time.Since(begun).Seconds(), m.what)
		}
	}
	if left != nil {
		return fmt.Errorf("%d of %d were not found: %s", len(left), len(mutants), strings.Join(left, ", "))
	}
	return nil
}

// verdict is what the simulator says of a seed that breaks a rule.
var verdict = regexp.MustCompile(`seed (\d+): ([^:\n]+)`)

// hunt builds the mutant and returns the seed by which the simulator finds it, and the
// rule that it breaks; no seed if it does not.
func (m *mutant) hunt(root, dir string) (seed, rule, output string, err error) {
	overlay, err := m.overlay(root, dir)
	if err != nil {
		return "", "", "", err
	}
	program := filepath.Join(dir, "sim.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", program, "./internal/sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", "", fmt.Errorf("it does not compile: %s", out)
	}
	sim := exec.Command(program, "-test.run=^TestSim$", "-sim.brief", "-sim.for=0", fmt.Sprintf("-sim.seeds=%d", m.limit))
	sim.Dir = root
	out, err := sim.CombinedOutput()
	var exit *exec.ExitError
	switch found := verdict.FindSubmatch(out); {
	case err == nil:
		return "", "", string(out), nil
	case !errors.As(err, &exit):
		return "", "", "", err
	case found == nil:
		return "", "", "", fmt.Errorf("the simulator has failed without naming a seed:\n%s", out)
	default:
		return string(found[1]), string(found[2]), string(out), nil
	}
}

// overlay writes the edited files, and what tells the compiler of them.
func (m *mutant) overlay(root, dir string) (string, error) {
	replace := make(map[string]string)
	text := make(map[string]string)
	for _, e := range m.edits {
		if text[e.file] == "" {
			source, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return "", err
			}
			text[e.file] = string(source)
		}
		if n := strings.Count(text[e.file], e.old); n != 1 {
			return "", fmt.Errorf("%s has %d times what is to be replaced; bring the mutant up to date: %q", e.file, n, e.old)
		}
		text[e.file] = strings.Replace(text[e.file], e.old, e.new, 1)
	}
	for file, source := range text {
		edited := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(edited, []byte(source), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = edited
	}
	overlay := filepath.Join(dir, "overlay.json")
	text2, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, text2, 0o600)
}
