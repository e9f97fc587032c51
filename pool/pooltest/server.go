package pooltest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// A Server speaks just enough of Redis's protocol for a driver to be tested
// without a real server: the requests of package pool, and the greetings of the
// usual client libraries. Its keys are a [memory.Node]'s.
type Server struct {
	addr string
	node *memory.Node

	mu     sync.Mutex
	loaded map[string]string // hash to name, of scripts that were sent in full; guarded by mu
	counts map[string]int    // commands, by name; guarded by mu
	conns  map[net.Conn]bool // guarded by mu
}

// NewServer starts a server on a free port of 127.0.0.1. It stops when the test
// ends.
func NewServer(t testing.TB) *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		addr:   listener.Addr().String(),
		node:   memory.New(),
		loaded: make(map[string]string),
		counts: make(map[string]int),
		conns:  make(map[net.Conn]bool),
	}
	t.Cleanup(func() {
		listener.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.conns {
			conn.Close()
		}
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			go s.serve(conn)
		}
	}()
	return s
}

func (s *Server) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, conn)
	}()
	r := bufio.NewReader(conn)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, s.reply(args)); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	length := func(prefix byte) (int, error) {
		line, err := r.ReadString('\n')
		if err != nil || line[0] != prefix {
			return 0, fmt.Errorf("malformed: %q, %w", line, err)
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	n, err := length('*')
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := length('$')
		if err != nil {
			return nil, err
		}
		bytes := make([]byte, size+2)
		if _, err := io.ReadFull(r, bytes); err != nil {
			return nil, err
		}
		args[i] = string(bytes[:size])
	}
	return args, nil
}

// Addr returns where it listens, as host:port.
func (s *Server) Addr() string { return s.addr }

// Count returns how often a command was received, by its name in upper case.
func (s *Server) Count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[command]
}

func (s *Server) reply(args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	args[0] = strings.ToUpper(args[0])
	s.counts[args[0]]++
	switch args[0] {
	case "PING":
		return "+PONG\r\n"
	case "HELLO":
		return hello(args)
	case "CLIENT":
		return "+OK\r\n"
	case "COMMAND":
		if len(args) == 1 {
			return "*0\r\n" // it has no table of them
		}
	case "SET":
		return s.set(args)
	case "EVAL":
		for name, script := range pool.Scripts() {
			if args[1] == script.Text {
				s.loaded[script.Hash], args[1] = name, script.Hash
			}
		}
		fallthrough
	case "EVALSHA":
		return s.script(s.loaded[args[1]], args[3:])
	}
	return "-ERR unknown command\r\n"
}

// hello greets who says which version of the protocol it wants.
func hello(args []string) string {
	begin := "*6\r\n"
	proto := "2"
	if len(args) > 1 && args[1] == "3" {
		begin, proto = "%3\r\n", "3"
	}
	return begin + "+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+proto\r\n:" + proto + "\r\n"
}

// set takes its options in any order, and times to live in either unit.
func (s *Server) set(args []string) string {
	req := pool.Request{Op: pool.Acquire, Name: args[1], Value: args[2]}
	for i, arg := range args {
		switch unit := strings.ToUpper(arg); {
		case i < 3 || i+1 == len(args):
		case unit == "PX":
			n, _ := strconv.Atoi(args[i+1])
			req.Expiry = time.Duration(n) * time.Millisecond
		case unit == "EX":
			n, _ := strconv.Atoi(args[i+1])
			req.Expiry = time.Duration(n) * time.Second
		}
	}
	if req.Expiry <= 0 {
		return "-ERR invalid expire time in 'set' command\r\n"
	}
	if s.ask(req).State == pool.Yes {
		return "+OK\r\n"
	}
	return "$-1\r\n"
}

func (s *Server) ask(req pool.Request) pool.Answer {
	a, err := s.node.Ask(context.Background(), req)
	if err != nil {
		panic(err)
	}
	return a
}

func (s *Server) script(name string, args []string) string {
	req := pool.Request{Name: args[0], Value: args[1]}
	if len(args) > 2 {
		ms, _ := strconv.Atoi(args[2])
		req.Expiry = time.Duration(ms) * time.Millisecond
	}
	switch name {
	case "acquire":
		req.Op, req.Explain = pool.Acquire, true
		a := s.ask(req)
		if a.State == pool.Yes {
			return "*2\r\n:1\r\n:0\r\n"
		}
		if s.node.Keys()[req.Name] == req.Value {
			return fmt.Sprintf("*2\r\n:2\r\n:%d\r\n", a.TTL.Milliseconds())
		}
		return fmt.Sprintf("*2\r\n:0\r\n:%d\r\n", a.TTL.Milliseconds())
	case "extend", "release":
		req.Op = map[string]pool.Op{"extend": pool.Extend, "release": pool.Release}[name]
		return fmt.Sprintf(":%d\r\n", number(s.ask(req).State))
	case "look":
		req.Op = pool.Look
		a := s.ask(req)
		return fmt.Sprintf("*2\r\n:%d\r\n:%d\r\n", number(a.State), a.TTL.Milliseconds())
	}
	return "-NOSCRIPT No matching script. Please use EVAL.\r\n"
}

func number(s pool.State) int {
	return map[pool.State]int{pool.Yes: 1, pool.Other: 0, pool.Absent: -1}[s]
}
