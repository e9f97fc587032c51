package main

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	s, err := parse([]string{"-quick", "-only", "handoff,size", "-seed", "7"}, io.Discard)
	if err != nil || !s.quick || s.seed != 7 || len(s.sections()) != 2 {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err := parse(nil, io.Discard); err != nil || s.seed == 0 || s.sections() != nil {
		t.Errorf("without flags: got %+v, %v, want a seed and all sections", s, err)
	}
	for _, args := range [][]string{{"-only", "nothing"}, {"quick"}, {"-unknown"}} {
		var said strings.Builder
		if _, err := parse(args, &said); err == nil || said.Len() == 0 {
			t.Errorf("%q: got %v and said %q, want an error and a reason", args, err, &said)
		}
	}
}

func TestHelp(t *testing.T) {
	var said strings.Builder
	if _, err := parse([]string{"--help"}, &said); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v, want ErrHelp", err)
	}
	for _, want := range []string{"-quick", "-only", "Sections:", "handoff", "takeover"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the help does not tell of %q:\n%s", want, &said)
		}
	}
}
