// Package servers starts real Redis and Valkey servers in containers, and does
// to them what happens to servers: they are paused, killed, started again, and
// cut off from the network.
//
// An [Engine] keeps at most [Max] containers of an image, for as long as the
// program runs; they are emptied for each test. All of them are gone when it
// ends, however it ends: [Engine.Close] removes them, the process that
// [Engine.Guard] starts does so if Close is not reached, and the engine itself
// stops them when their lifetime is over.
package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ory/dockertest/v3"
	dc "github.com/ory/dockertest/v3/docker"
)

// ErrNoEngine is matched by the error of Find if nothing listens where a Docker
// engine listens by default, and no other place was named.
var ErrNoEngine = errors.New("no Docker engine")

const (
	// Every container is labelled with the run it belongs to, and with when it
	// has outlived it, in Unix seconds.
	runLabel      = "redlatch.integration.run"
	deadlineLabel = "redlatch.integration.deadline"

	pingTimeout = 10 * time.Second
	pullTimeout = 5 * time.Minute
)

// An Engine is a Docker engine, and the containers that this run has on it. It
// may be used by several goroutines at once.
type Engine struct {
	docker   *dockertest.Pool
	run      string
	lifetime time.Duration

	mu     sync.Mutex
	groups map[string]*Group // by image; guarded by mu
	used   int               // how many containers have been started; guarded by mu
}

// Find returns the Docker engine that DOCKER_HOST names, or else the one that
// listens in the default place. Its containers are stopped after lifetime at
// the latest. What earlier runs have left behind is removed.
//
// Its error matches [ErrNoEngine] if there is none. An engine that is there, or
// was named, and does not answer well is another error.
func Find(lifetime time.Duration) (*Engine, error) {
	docker, err := dockertest.NewPool("")
	if err != nil {
		return nil, fmt.Errorf("the Docker engine cannot be used: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	if err := docker.Client.PingWithContext(ctx); err != nil {
		where := docker.Client.Endpoint()
		if !named() && (errors.Is(err, dc.ErrConnectionRefused) || errors.Is(err, syscall.ENOENT)) {
			return nil, fmt.Errorf("%w at %s", ErrNoEngine, where)
		}
		return nil, fmt.Errorf("the Docker engine at %s does not work: %w", where, err)
	}
	e := &Engine{
		docker:   docker,
		run:      strings.ToLower(rand.Text()[:12]),
		lifetime: lifetime,
		groups:   make(map[string]*Group),
	}
	return e, e.sweep()
}

// named reports whether the environment says where the engine is.
func named() bool {
	for _, name := range []string{"DOCKER_HOST", "DOCKER_URL", "DOCKER_MACHINE_NAME"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}

// Need makes sure that the engine has the images, pulling those that it lacks.
// The error names the first that is missing and cannot be pulled.
func (e *Engine) Need(images ...string) error {
	for _, image := range images {
		_, err := e.docker.Client.InspectImage(image)
		if errors.Is(err, dc.ErrNoSuchImage) {
			err = e.pull(image)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) pull(image string) error {
	ctx, cancel := context.WithTimeout(context.Background(), pullTimeout)
	defer cancel()
	repository, tag := split(image)
	err := e.docker.Client.PullImage(dc.PullImageOptions{Repository: repository, Tag: tag, Context: ctx}, dc.AuthConfiguration{})
	if err != nil {
		return fmt.Errorf("the image %s is missing and cannot be pulled: run `make images` (%s)", image, oneLine(err))
	}
	return nil
}

// split cuts an image's name into repository and tag.
func split(image string) (repository, tag string) {
	i := strings.LastIndexByte(image, ':')
	return image[:i], image[i+1:]
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Lease returns the servers of an image for the test t alone. It blocks until no
// other test has them, and gives them back, in good health, when t ends. A test
// that has them must not lease them again.
func (e *Engine) Lease(t TB, image string) *Group {
	t.Helper()
	e.mu.Lock()
	g := e.groups[image]
	if g == nil {
		g = &Group{engine: e, image: image}
		e.groups[image] = g
	}
	e.mu.Unlock()

	g.lease.Lock()
	t.Cleanup(func() {
		defer g.lease.Unlock()
		g.heal()
	})
	return g
}

// Close removes every container of this run. It returns how many there have
// been, and how many are left all the same.
func (e *Engine) Close() (used, left int, err error) {
	err = e.purge(e.run)
	mine, listErr := e.list(runLabel + "=" + e.run)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.used, len(mine), errors.Join(err, listErr)
}

// list returns the containers with the label, also those that do not run.
func (e *Engine) list(label string) ([]dc.APIContainers, error) {
	containers, err := e.docker.Client.ListContainers(dc.ListContainersOptions{
		All:     true,
		Filters: map[string][]string{"label": {label}},
	})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	return containers, nil
}

// purge removes the containers of a run, all at once.
func (e *Engine) purge(run string) error {
	containers, err := e.list(runLabel + "=" + run)
	if err != nil {
		return err
	}
	errs := make([]error, len(containers))
	var group sync.WaitGroup
	for i, c := range containers {
		group.Go(func() { errs[i] = e.remove(c.ID) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// sweep removes what runs that are over have left behind.
func (e *Engine) sweep() error {
	containers, err := e.list(deadlineLabel)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range containers {
		deadline, err := strconv.ParseInt(c.Labels[deadlineLabel], 10, 64)
		if err != nil || time.Now().Unix() > deadline {
			errs = append(errs, e.remove(c.ID))
		}
	}
	return errors.Join(errs...)
}

// remove removes a container, whatever its state, and its volumes. One that is
// not there is no error.
func (e *Engine) remove(idOrName string) error {
	err := e.docker.Client.RemoveContainer(dc.RemoveContainerOptions{ID: idOrName, Force: true, RemoveVolumes: true})
	var gone *dc.NoSuchContainer
	if err != nil && !errors.As(err, &gone) {
		return fmt.Errorf("removing container %s: %w", idOrName, err)
	}
	return nil
}
