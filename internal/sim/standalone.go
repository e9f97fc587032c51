package sim

import "time"

// A Server is the simulator's server by itself, with a clock that is right: so that it
// can be shown to answer like a real one.
type Server struct {
	server server
	start  time.Time
}

// NewServer returns a server without keys and scripts, with the native commands of Valkey 9
// or without.
func NewServer(native bool) *Server {
	return &Server{
		server: server{
			spec: nodeSpec{rate: 1, native: native}, gone: func(key, time.Duration) {},
			listeners: func(string) int { return 0 }, publish: func(string, string, time.Duration) int { return 0 },
		},
		start: time.Now(),
	}
}

// Do serves a command of package pool about one of the Locks, and returns what a
// [pool.Commander] would.
func (s *Server) Do(args ...any) (any, error) { return s.server.do(time.Since(s.start), args) }

// Flush forgets the scripts.
func (s *Server) Flush() { s.server.scripts = [6]bool{} }

// Locks returns the names of the locks that there are in a world.
func Locks() [2]string { return lockNames }
