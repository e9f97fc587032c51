package measure

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// The metrics of a program.
const (
	Modules = "modules" // besides its own, that are built into it
	SizeKB  = "binary KB"
)

// SizeCase is the case of the programs.
const SizeCase = "a program that locks once"

// programs is where the program is that uses each.
var programs = []struct{ who, dir string }{
	{peer.Raw, "redigo"},
	{peer.Redlatch, "redlatch"},
	{peer.Redsync, "redsync"},
	{peer.Redislock, "redislock"},
	{peer.Rueidislock, "rueidislock"},
}

// size: section 7.
func size(ctx context.Context, b *Bench) error {
	for _, p := range programs {
		modules, err := b.modules(ctx, "./internal/programs/"+p.dir)
		if err != nil {
			return err
		}
		binary := filepath.Join(b.Scratch, p.dir)
		if _, err := b.run(ctx, "build", "-o", binary, "./internal/programs/"+p.dir); err != nil {
			return err
		}
		info, err := os.Stat(binary)
		if err != nil {
			return err
		}
		c := b.Results.Cell(result.Key{Section: Size, Case: SizeCase, Who: p.who})
		c.Add(result.Metrics{Modules: float64(len(modules)), SizeKB: float64(info.Size()) / 1024})
		c.Note("%s", strings.Join(modules, ", "))
		b.Say("  %s", p.dir)
	}
	return nil
}

// modules returns those that packages of are built into the program at path.
func (b *Bench) modules(ctx context.Context, path string) ([]string, error) {
	out, err := b.run(ctx, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", path)
	if err != nil {
		return nil, err
	}
	set := make(map[string]bool)
	for _, module := range strings.Fields(out) {
		set[module] = true
	}
	return slices.Sorted(maps.Keys(set)), nil
}

// run runs the go command on this module alone.
func (b *Bench) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.Module
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, firstLine(said.String()))
	}
	return string(out), nil
}
