package servers

import (
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/ory/dockertest/v3"
	dc "github.com/ory/dockertest/v3/docker"
)

// StartLocal starts a server of the image for measurements: on this machine's own
// network, so that nothing stands between it and a client, and on the Unix socket
// that [Socket] names in dir, which must be absolute and which the server's user must
// be able to write to. It returns when the server answers. The engine must run on this
// machine's own system. The server is removed with all others by [Engine.Close], but not
// emptied by anyone.
func (e *Engine) StartLocal(image, dir string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	inside := "/sockets/" + filepath.Base(Socket(dir, port))
	resource, err := e.launch(image, &dockertest.RunOptions{
		Cmd: []string{
			"--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", port,
			"--unixsocket", inside, "--unixsocketperm", "777",
		},
	}, func(config *dc.HostConfig) {
		config.NetworkMode = "host"
		config.Binds = []string{dir + ":/sockets"}
	})
	if err != nil {
		return nil, err
	}
	s := &Server{engine: e, resource: resource, port: port}
	s.expire()
	return s, s.await()
}

// Confine has the server run on the given cores alone, as in "0" or "0-1"; on any if
// that is "".
func (s *Server) Confine(cores string) error {
	if cores == "" {
		cores = fmt.Sprintf("0-%d", runtime.NumCPU()-1)
	}
	if err := s.engine.docker.Client.UpdateContainer(s.id(), dc.UpdateContainerOptions{CpusetCpus: cores}); err != nil {
		return fmt.Errorf("confining a server to cores: %w", err)
	}
	return nil
}

// Socket returns the path of the Unix socket, in dir, of the server on the port.
func Socket(dir, port string) string { return filepath.Join(dir, port+".sock") }
