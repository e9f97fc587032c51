package servers

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Max is how many servers a [Group] has at most.
const Max = 5

// durable is the place of the server that keeps its data over a kill: the last,
// so that only a test that asks for it, or for all, meets it.
const durable = Max - 1

// TB is what this package uses of a testing.TB.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
}

// A Group is the servers of one image. They are started when they are first
// asked for. The test that has leased it uses it from one goroutine.
type Group struct {
	engine  *Engine
	image   string
	lease   sync.Mutex   // held for as long as a test has the group
	servers [Max]*Server // nil where none was started yet; guarded by lease
}

// Image returns the image's name.
func (g *Group) Image() string { return g.image }

// Nodes returns n servers, in good health, without any key, script, statistics
// or settings of an earlier test. Of five the last is durable.
func (g *Group) Nodes(t TB, n int) []*Server {
	t.Helper()
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return g.take(t, places)
}

// NodesAndDurable returns n servers like [Group.Nodes], of which the last keeps
// its data when it is killed and started again.
func (g *Group) NodesAndDurable(t TB, n int) []*Server {
	t.Helper()
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	places[n-1] = durable
	return g.take(t, places)
}

// take returns the servers at the given places.
func (g *Group) take(t TB, places []int) []*Server {
	t.Helper()
	servers := make([]*Server, len(places))
	errs := make([]error, len(places))
	var group sync.WaitGroup
	for i, place := range places {
		group.Go(func() {
			servers[i], errs[i] = g.ready(g.servers[place], place == durable)
			g.servers[place] = servers[i]
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(fmt.Errorf("servers of %s: %w", g.image, err))
	}
	return slices.Clone(servers)
}

// ready returns s as good as new, or a new server in its place.
func (g *Group) ready(s *Server, durable bool) (*Server, error) {
	if s != nil {
		if s.heal() == nil && s.reset() == nil {
			return s, nil
		}
		if err := g.engine.remove(s.id()); err != nil {
			return s, err
		}
	}
	s, err := g.engine.start(g.image, durable)
	if err != nil {
		return nil, err
	}
	return s, s.reset() // of what it was asked while it started
}

// heal undoes what the test has done to the servers. One that does not come
// back is replaced when it is needed next.
func (g *Group) heal() {
	var group sync.WaitGroup
	for _, s := range g.servers {
		if s != nil {
			group.Go(func() { s.heal() })
		}
	}
	group.Wait()
}
