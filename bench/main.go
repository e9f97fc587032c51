// Command bench measures redlatch beside other locks on Redis, and beside what the
// commands alone take. See --help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/redlatch/redlatch/bench/internal/child"
	"github.com/redlatch/redlatch/bench/internal/measure"
	"github.com/redlatch/redlatch/bench/internal/report"
	"github.com/redlatch/redlatch/bench/internal/result"
	"github.com/redlatch/redlatch/integration/servers"
)

// lifetime is how long a server is to live at most, whatever becomes of this process.
const lifetime = time.Hour

// settings are what the flags say.
type settings struct {
	quick  bool
	only   string
	out    string
	image  string
	module string
	seed   uint64
}

func main() {
	// The guard's argument is its own: see servers.Engine.Guard.
	if os.Getenv(child.Variable) == "guard" {
		exitIf(servers.KeepGuard(os.Args[1]))
		os.Exit(0)
	}
	child.Play(measure.Roles())
	s, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	exitIf(bench(ctx, s))
}

func exitIf(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// parse reads the flags. Its error has been written to w.
func parse(args []string, w io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(w)
	flags.BoolVar(&s.quick, "quick", false, "fewer runs, and shorter ones: under two minutes instead of under twelve")
	flags.StringVar(&s.only, "only", "", "measure only these `sections`, with commas between them")
	flags.StringVar(&s.out, "out", "../docs/bench", "the `directory` that results are written to")
	flags.StringVar(&s.image, "image", "redis:7.0", "the `image` of the servers")
	flags.StringVar(&s.module, "module", ".", "the `directory` of bench's own source, for what is built")
	flags.Uint64Var(&s.seed, "seed", 0, "what the order is shuffled by; 0 is another one each time")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	err := check(&s, flags.Args())
	if err != nil {
		fmt.Fprintln(w, "bench:", err)
	}
	return s, err
}

func usage(flags *flag.FlagSet) {
	w := flags.Output()
	fmt.Fprint(w, `bench measures redlatch beside redsync, redislock, rueidislock and the commands alone,
all in one run and in shuffled order, on servers that it starts in Docker containers
and removes at its end. It writes results.md, raw.csv and plots.

  go run . [flags]

`)
	flags.PrintDefaults()
	fmt.Fprintln(w, "\nSections:")
	for _, s := range measure.Sections() {
		fmt.Fprintf(w, "  %-12s %s\n", s.Name, s.About)
	}
}

// check completes the settings, and says what is wrong with them.
func check(s *settings, rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("%q is no flag; --help lists them", rest[0])
	}
	var known []string
	for _, section := range measure.Sections() {
		known = append(known, section.Name)
	}
	for _, name := range s.sections() {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no section %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	if s.seed == 0 {
		s.seed = rand.Uint64N(1_000_000) + 1 // short enough to be typed
	}
	return nil
}

// sections returns those that were asked for; none if all are to be measured.
func (s settings) sections() []string {
	if s.only == "" {
		return nil
	}
	return strings.Split(s.only, ",")
}

// bench measures, and writes the results. Whatever happens, the servers are removed.
func bench(ctx context.Context, s settings) (err error) {
	began := time.Now()
	engine, err := servers.Find(lifetime)
	if err != nil {
		return err
	}
	if err := engine.Need(s.image); err != nil {
		return err
	}
	stopGuard, err := engine.Guard(child.Variable + "=guard")
	if err != nil {
		return err
	}
	defer func() {
		_, left, closeErr := engine.Close()
		if left > 0 {
			closeErr = errors.Join(closeErr, fmt.Errorf("%d containers are left", left))
		}
		err = errors.Join(err, closeErr, stopGuard())
	}()
	scratch, err := os.MkdirTemp("", "redlatch-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	b, err := prepare(s, engine, scratch)
	if err != nil {
		return err
	}
	if err := measureAll(ctx, b, s); err != nil {
		return err
	}
	version, err := b.Version()
	if err != nil {
		return err
	}
	about := report.About{Server: version, Quick: s.quick, Seed: s.seed, Took: time.Since(began)}
	if err := report.Write(s.out, b.Results, about); err != nil {
		return err
	}
	b.Say("%s: results.md, raw.csv and plots, after %v", s.out, time.Since(began).Round(time.Second))
	return nil
}

// prepare starts the servers.
func prepare(s settings, engine *servers.Engine, scratch string) (*measure.Bench, error) {
	sockets := filepath.Join(scratch, "sockets")
	if err := os.Mkdir(sockets, 0o777); err != nil {
		return nil, err
	}
	// The servers' user is another one than ours, whatever the mask is.
	if err := errors.Join(os.Chmod(scratch, 0o755), os.Chmod(sockets, 0o777)); err != nil {
		return nil, err
	}
	b := &measure.Bench{
		Sockets: sockets, Scratch: scratch, Module: s.module, Quick: s.quick,
		Rand: rand.New(rand.NewPCG(s.seed, 0)), Results: result.NewSet(),
		Say: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) },
	}
	for range measure.Nodes {
		server, err := engine.StartLocal(s.image, sockets)
		if err != nil {
			return nil, err
		}
		b.Servers = append(b.Servers, server)
	}
	return b, nil
}

// measureAll measures the sections that were asked for.
func measureAll(ctx context.Context, b *measure.Bench, s settings) error {
	b.Say("the order is shuffled by -seed %d", s.seed)
	for _, section := range measure.Sections() {
		if only := s.sections(); only != nil && !slices.Contains(only, section.Name) {
			continue
		}
		b.Say("%s: %s", section.Name, section.About)
		if err := section.Run(ctx, b); err != nil {
			return err
		}
	}
	return nil
}
