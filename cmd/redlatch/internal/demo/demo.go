// Package demo is the demonstration of the lock: processes take turns under it,
// somebody who does not trust the lock watches them, and it is drawn.
package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"github.com/redlatch/redlatch/cmd/redlatch/internal/servers"
)

// A Config says what to show.
type Config struct {
	Replicas int
	For      time.Duration
	Nodes    int      // servers to start; of three or more one is stopped for a while
	Servers  []string // running servers, host:port, to use in place of those

	// Replica returns the command that calls [Replica] in a process of its own.
	Replica func(number int, servers []string, lock string) (*exec.Cmd, error)

	Out io.Writer // the turns and the summary: drawn if it is a terminal, else printed
	Err io.Writer // what replicas write to their stderr

	script *script // nil: as For says
}

// A script is when things happen, each once.
type script struct {
	down, up <-chan time.Time // stop one server, start it again
	end      <-chan time.Time
}

// lockName is the lock's name on servers of our own. On others' it is longer.
const lockName = "redlatch-demo"

// frame is how often what is shown is brought up to date.
const frame = 40 * time.Millisecond

// Run shows what c says. It returns when all is over and the summary is printed:
// after c.For, or soon after ctx has ended. No process is left then, and no lock
// is held; of those that died holding one, it is left to expire.
//
// The error says what must not have happened: an overlap, a replica that failed,
// or that none had a turn. If there is no such thing it is the cause of ctx's end.
func Run(ctx context.Context, c Config) error {
	p := &performance{Config: c, addrs: c.Servers, lock: lockName, done: make(chan struct{})}
	if err := p.open(ctx); err != nil {
		return err
	}
	defer closeAll(p.embedded)

	v := newView(c.Out, c.Err, p.intro(), c.Replicas, len(p.embedded))
	p.stage = newStage(c.Replicas)
	err := p.start()
	p.watch(ctx, v)
	v.close()
	if err != nil {
		return err
	}
	s := p.stage.summary()
	s.print(c.Out, paintFor(c.Out))
	if err := s.verdict(ctx.Err() != nil); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// performance is one Run.
type performance struct {
	Config
	addrs    []string    // of all nodes
	embedded []*embedded // nil if the nodes are others' servers
	lock     string
	stage    *stage
	children []*child
	done     chan struct{} // closed when the last replica has ended
}

// open makes sure that there are servers.
func (p *performance) open(ctx context.Context) error {
	if len(p.addrs) > 0 {
		// Others may be running a demo there, too.
		p.lock = fmt.Sprintf("%s-%.6s", lockName, rand.Text())
		if err := servers.Check(ctx, p.addrs); err != nil {
			return fmt.Errorf("%w\n--redis wants host:port of a running Redis or Valkey server, or several with commas between them", err)
		}
		return nil
	}
	nodes, err := startEmbedded(p.Nodes)
	for _, e := range nodes {
		p.addrs = append(p.addrs, e.addr)
	}
	p.embedded = nodes
	return err
}

// start starts the replicas. When all that it has started have ended p.done is
// closed. If one cannot be started it tells the others to stop.
func (p *performance) start() error {
	var all sync.WaitGroup
	defer func() {
		go func() {
			all.Wait()
			close(p.done)
		}()
	}()
	for i := range p.Replicas {
		number := i + 1
		c, err := p.startOne(number)
		if err != nil {
			p.stop()
			return fmt.Errorf("cannot start replica %d: %w", number, err)
		}
		p.children = append(p.children, c)
		all.Go(func() {
			err := c.attend(func(m message) bool { return p.stage.hear(number, m) })
			p.stage.gone(number, err)
		})
	}
	return nil
}

func (p *performance) startOne(number int) (*child, error) {
	cmd, err := p.Replica(number, p.addrs, p.lock)
	if err != nil {
		return nil, err
	}
	return startChild(cmd, func(line string) { p.stage.said(number, line) })
}

// stop tells all replicas to end.
func (p *performance) stop() {
	for _, c := range p.children {
		c.stop()
	}
}

// watch shows what happens, and makes happen what the script says, until the
// last replica has ended.
func (p *performance) watch(ctx context.Context, v view) {
	ticker := time.NewTicker(frame)
	defer ticker.Stop()
	when, over := p.scriptOf(), ctx.Done()
	for {
		select {
		case <-ticker.C:
		case <-when.down:
			p.nodeDown()
		case <-when.up:
			p.nodeUp()
		case <-when.end:
			p.stop()
		case <-over:
			over = nil // once is enough
			p.stop()
		case <-p.done:
			v.update(p.stage.take())
			return
		}
		v.update(p.stage.take())
	}
}

// scriptOf returns the script: the first node of three or more stops half-way,
// and is back when another half of the rest is over.
func (p *performance) scriptOf() *script {
	if p.script != nil {
		return p.script
	}
	s := &script{end: time.After(p.For)}
	if p.losesNode() {
		s.down, s.up = time.After(p.For/2), time.After(p.For*3/4)
	}
	return s
}

// losesNode reports whether a node is stopped: a majority of two is both.
func (p *performance) losesNode() bool { return len(p.embedded) > 2 }

func (p *performance) nodeDown() {
	p.embedded[0].stop()
	p.stage.note(nodeDown, 1, fmt.Sprintf("server 1 (%s) stopped: %d of %d are left", p.addrs[0], len(p.addrs)-1, len(p.addrs)))
}

func (p *performance) nodeUp() {
	if err := p.embedded[0].restart(); err != nil {
		p.stage.note(noted, 1, fmt.Sprintf("server 1 (%s) cannot be started again: %v", p.addrs[0], err))
		return
	}
	p.stage.note(nodeUp, 1, fmt.Sprintf("server 1 (%s) started again, with its data", p.addrs[0]))
}
