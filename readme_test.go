package redlatch_test

import (
	"os"
	"strings"
	"testing"
)

// The README's example is Example, which is compiled.
func TestReadmeExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	shown, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("README.md has no Go code")
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ = strings.Cut(string(source), "func Example() {\n")
	body, _, found := strings.Cut(rest, "\n}\n")
	if !found {
		t.Fatal("example_test.go has no Example")
	}
	if compiled := strings.ReplaceAll("\n"+body+"\n", "\n\t", "\n")[1:]; shown != compiled {
		t.Errorf("README.md shows\n%s\nand Example is\n%s", shown, compiled)
	}
}
