package servers

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/ory/dockertest/v3"
	dc "github.com/ory/dockertest/v3/docker"
)

const (
	startAttempts = 10
	startTimeout  = 30 * time.Second
	pollInterval  = 10 * time.Millisecond
	adminTimeout  = 5 * time.Second

	// Ports are chosen below those that the system gives to clients: else one
	// of them could take a server's port while the server is down.
	minPort, maxPort = 20000, 32000

	network = "bridge" // that every container is in by default
)

// A Server is one server in its container. Its methods may be called by one
// goroutine at a time.
type Server struct {
	engine   *Engine
	resource *dockertest.Resource
	port     string

	// What was done to it.
	paused, down, cut bool
}

// start starts a server of the image, and returns when it answers.
func (e *Engine) start(image string, durable bool) (*Server, error) {
	var err error
	for range startAttempts {
		var s *Server
		if s, err = e.create(image, durable); err == nil {
			return s, s.await()
		}
		if !portTaken(err) {
			break
		}
	}
	return nil, err
}

// create creates and starts the container. If that fails nothing of it is left.
func (e *Engine) create(image string, durable bool) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	options := []string{"--save", "", "--appendonly", "no"}
	if durable {
		options = []string{"--save", "", "--appendonly", "yes", "--appendfsync", "always"}
	}
	resource, err := e.launch(image, &dockertest.RunOptions{
		Cmd:          options,
		PortBindings: map[dc.Port][]dc.PortBinding{"6379/tcp": {{HostIP: "127.0.0.1", HostPort: port}}},
	}, nil)
	if err != nil {
		return nil, err
	}
	s := &Server{engine: e, resource: resource, port: port}
	s.expire()
	return s, nil
}

// launch creates and starts a container of the image as the options and host say, and
// makes it known as this run's.
func (e *Engine) launch(image string, options *dockertest.RunOptions, host func(*dc.HostConfig)) (*dockertest.Resource, error) {
	e.mu.Lock()
	e.used++
	options.Name = fmt.Sprintf("redlatch-%s-%d", e.run, e.used)
	e.mu.Unlock()
	options.Repository, options.Tag = split(image)
	options.Labels = map[string]string{
		runLabel:      e.run,
		deadlineLabel: strconv.FormatInt(time.Now().Add(e.lifetime).Unix(), 10),
	}
	resource, err := e.docker.RunWithOptions(options, func(config *dc.HostConfig) {
		config.PublishAllPorts = false // a random port would change whenever it is started again
		config.AutoRemove = false      // it is killed and started again
		config.RestartPolicy = dc.NeverRestart()
		if host != nil {
			host(config)
		}
	})
	if err != nil {
		e.mu.Lock()
		e.used--
		e.mu.Unlock()
		e.remove(options.Name)
		return nil, fmt.Errorf("starting a container: %w", err)
	}
	return resource, nil
}

// freePort returns a port of this machine that nobody listens on just now.
func freePort() (string, error) {
	var err error
	for range 100 {
		port := strconv.Itoa(minPort + rand.IntN(maxPort-minPort))
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			return port, l.Close()
		}
	}
	return "", fmt.Errorf("no free port: %w", err)
}

func portTaken(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "port is already allocated") ||
		strings.Contains(err.Error(), "address already in use"))
}

// expire makes the engine stop the container when its lifetime is over, even if
// this process is gone. It does not outlast the container's end.
func (s *Server) expire() {
	s.resource.Expire(uint(s.engine.lifetime / time.Second)) // it has no error to return
}

// await waits until the server answers.
func (s *Server) await() error {
	deadline := time.Now().Add(startTimeout)
	for {
		_, err := s.Do("PING")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer: %w", s.Addr(), err)
		}
		time.Sleep(pollInterval) // there is nothing to be told by
	}
}

func (s *Server) id() string { return s.resource.Container.ID }

// Addr returns the address on which the server can be reached. It stays the
// same whatever is done to the server.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// Do sends one command on a connection of its own and returns the reply, as
// redigo does. It takes a few seconds at most.
func (s *Server) Do(command string, args ...any) (any, error) {
	conn, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

func (s *Server) dial() (redis.Conn, error) {
	return redis.Dial("tcp", s.Addr(), redis.DialConnectTimeout(adminTimeout),
		redis.DialReadTimeout(adminTimeout), redis.DialWriteTimeout(adminTimeout))
}

// reset makes the server forget everything.
func (s *Server) reset() error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, command := range [][]string{
		{"FLUSHALL"},
		{"SCRIPT", "FLUSH"},
		{"CONFIG", "SET", "timeout", "0"},
		{"CONFIG", "RESETSTAT"},
	} {
		if _, err := conn.Do(command[0], redis.Args{}.AddFlat(command[1:])...); err != nil {
			return err
		}
	}
	return nil
}

// heal undoes what was done to the server.
func (s *Server) heal() error {
	if s.paused {
		if err := s.Unpause(); err != nil {
			return err
		}
	}
	if s.cut {
		if err := s.Connect(); err != nil {
			return err
		}
	}
	if s.down {
		return s.Start()
	}
	return nil
}

// Pause stops the server's process: connections to it succeed, and commands are
// not answered.
func (s *Server) Pause() error {
	s.paused = true
	return s.engine.docker.Client.PauseContainer(s.id())
}

// Unpause lets it go on, and returns when it answers.
func (s *Server) Unpause() error {
	if err := s.engine.docker.Client.UnpauseContainer(s.id()); err != nil {
		return err
	}
	s.paused = false
	return s.await()
}

// Kill kills the server's process: connections are refused. What it knew is
// lost, unless it is durable.
func (s *Server) Kill() error {
	s.down = true
	return s.engine.docker.Client.KillContainer(dc.KillContainerOptions{ID: s.id(), Signal: dc.SIGKILL})
}

// Start starts a killed server again, and returns when it answers.
func (s *Server) Start() error {
	if err := s.engine.docker.Client.StartContainer(s.id(), nil); err != nil {
		return err
	}
	s.expire()
	s.down = false
	return s.await()
}

// Disconnect cuts the server off from the network: connections end, or are
// refused. It keeps its data.
func (s *Server) Disconnect() error {
	s.cut = true
	return s.engine.docker.Client.DisconnectNetwork(network, dc.NetworkConnectionOptions{Container: s.id()})
}

// Connect undoes Disconnect, and returns when the server answers.
func (s *Server) Connect() error {
	if err := s.engine.docker.Client.ConnectNetwork(network, dc.NetworkConnectionOptions{Container: s.id()}); err != nil {
		return err
	}
	s.cut = false
	return s.await()
}
