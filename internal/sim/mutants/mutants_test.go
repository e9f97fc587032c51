package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every mutant is an edit of the code as it is.
func TestEditsApply(t *testing.T) {
	const root = "../../.."
	names := make(map[string]bool)
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("there are two mutants %q", m.name)
		}
		names[m.name] = true
		if _, err := m.overlay(root, t.TempDir()); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	if len(mutants) < 15 {
		t.Errorf("there are %d mutants", len(mutants))
	}
}

// docs/correctness.md lists them all.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/correctness.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if row := "\n| " + m.name + " | " + m.what + " |"; !strings.Contains(string(text), row) {
			t.Errorf("there is no row for %q: %s", m.name, m.what)
		}
	}
}

// What the compiler is told to read differs from the file in the edit alone.
func TestOverlay(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.go"), []byte("one two three"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := mutant{edits: []edit{{"a.go", "one", "1"}, {"a.go", "three", "3"}}}
	overlay, err := m.overlay(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(overlay)
	if err != nil {
		t.Fatal(err)
	}
	edited := filepath.Join(dir, "a.go")
	if !strings.Contains(string(text), edited) || !strings.Contains(string(text), filepath.Join(root, "a.go")) {
		t.Errorf("the overlay is %s", text)
	}
	if got, err := os.ReadFile(edited); string(got) != "1 two 3" || err != nil {
		t.Errorf("the file is %q, %v", got, err)
	}
	for _, bad := range []mutant{{edits: []edit{{"a.go", "four", ""}}}, {edits: []edit{{"a.go", "t", ""}}}, {edits: []edit{{"b.go", "one", ""}}}} {
		if _, err := bad.overlay(root, dir); err == nil {
			t.Errorf("%v applies", bad.edits)
		}
	}
}
