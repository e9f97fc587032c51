package pooltest

import (
	"bufio"
	"context"
	"fmt"
	"math"
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
// without a real server: the requests of package pool, the greetings of the usual
// client libraries, and what it takes to subscribe to a channel. Its keys are a
// [memory.Node]'s.
type Server struct {
	addr string
	node *memory.Node

	mu       sync.Mutex
	loaded   map[string]string     // hash to name, of scripts that were sent in full; guarded by mu
	counts   map[string]int        // commands, by name; guarded by mu
	answers  map[string]string     // instead of the usual ones, by the command's name; guarded by mu
	sessions map[net.Conn]*session // guarded by mu
	lines    map[string][]waiter   // by their keys; guarded by mu
}

func newServer() *Server {
	return &Server{
		node:     memory.New(),
		loaded:   make(map[string]string),
		counts:   make(map[string]int),
		answers:  make(map[string]string),
		sessions: make(map[net.Conn]*session),
		lines:    make(map[string][]waiter),
	}
}

// NewServer starts a server on a free port of 127.0.0.1. It stops when the test
// ends.
func NewServer(t testing.TB) *Server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer()
	s.addr = listener.Addr().String()
	t.Cleanup(func() {
		listener.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.sessions {
			conn.Close()
		}
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(s.open(conn))
		}
	}()
	return s
}

func (s *Server) open(conn net.Conn) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := newSession(conn)
	s.sessions[conn] = c
	return c
}

func (s *Server) serve(c *session) {
	defer func() {
		c.conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, c.conn)
	}()
	r := bufio.NewReader(c.conn)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		if len(args) == 0 {
			continue
		}
		if err := s.answer(c, args); err != nil {
			return
		}
	}
}

// Addr returns where it listens, as host:port.
func (s *Server) Addr() string { return s.addr }

// Count returns how often a command was received, by its name in upper case.
func (s *Server) Count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[command]
}

// Answer makes the server answer a command, by its name in upper case, by nothing but
// reply, which is in the protocol's words: "-NOPERM no permissions", ":0". From an empty
// one on it answers as it usually does.
func (s *Server) Answer(command, reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[command] = reply
}

// fewest is how many words there are at least in a command. A script has one key and
// one argument at least.
var fewest = map[string]int{"SET": 3, "EVAL": 5, "EVALSHA": 5, "SUBSCRIBE": 2, "PUBLISH": 3, "PUBSUB": 3}

// answer writes the reply under the server's lock: what is published to a subscriber
// comes after the reply that it has subscribed.
func (s *Server) answer(c *session, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.write(s.reply(c, args))
}

func (s *Server) reply(c *session, args []string) string {
	args[0] = strings.ToUpper(args[0])
	s.counts[args[0]]++
	if reply := s.answers[args[0]]; reply != "" {
		return reply + "\r\n"
	}
	if len(args) < fewest[args[0]] {
		return fmt.Sprintf("-ERR wrong number of arguments for '%s' command\r\n", strings.ToLower(args[0]))
	}
	if reply, done := s.pubsub(c, args); done {
		return reply
	}
	switch args[0] {
	case "PING":
		return "+PONG\r\n"
	case "HELLO":
		return c.hello(args)
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
func (c *session) hello(args []string) string {
	begin := "*6\r\n"
	proto := "2"
	c.push = "*"
	if len(args) > 1 && args[1] == "3" {
		begin, proto = "%3\r\n", "3"
		c.push = ">"
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
			req.Expiry = duration(args[i+1], time.Millisecond)
		case unit == "EX":
			req.Expiry = duration(args[i+1], time.Second)
		}
	}
	if req.Expiry <= 0 {
		return "-ERR invalid expire time in 'set' command\r\n"
	}
	if err := req.Check(); err != nil { // Redis takes empty values; a node does not
		return fmt.Sprintf("-ERR %v\r\n", err)
	}
	if s.ask(req).State == pool.Yes {
		return "+OK\r\n"
	}
	return "$-1\r\n"
}

// duration returns so many of the unit; of what is no such number, 0.
func duration(number string, unit time.Duration) time.Duration {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > int64(math.MaxInt64/unit) {
		return 0
	}
	return time.Duration(n) * unit
}

func (s *Server) ask(req pool.Request) pool.Answer {
	a, err := s.node.Ask(context.Background(), req)
	if err != nil {
		panic(err)
	}
	return a
}

func (s *Server) script(name string, args []string) string {
	switch name {
	case "wait":
		return s.wait(args)
	case "handover":
		return s.handOver(args)
	}
	op, ok := map[string]pool.Op{"acquire": pool.Acquire, "extend": pool.Extend, "release": pool.Release, "look": pool.Look}[name]
	if !ok {
		return "-NOSCRIPT No matching script. Please use EVAL.\r\n"
	}
	req := pool.Request{Op: op, Name: args[0], Value: args[1], Explain: true}
	if len(args) > 2 {
		req.Expiry = duration(args[2], time.Millisecond)
	}
	if err := req.Check(); err != nil {
		return fmt.Sprintf("-ERR %v\r\n", err)
	}
	a := s.ask(req)
	switch n := number(a.State); {
	case op == pool.Extend, op == pool.Release:
		return fmt.Sprintf(":%d\r\n", n)
	case op == pool.Acquire && a.State == pool.Other && s.node.Keys()[req.Name] == req.Value:
		return fmt.Sprintf("*2\r\n:2\r\n:%d\r\n", a.TTL.Milliseconds())
	default:
		return fmt.Sprintf("*2\r\n:%d\r\n:%d\r\n", n, a.TTL.Milliseconds())
	}
}

func number(s pool.State) int {
	return map[pool.State]int{pool.Yes: 1, pool.Other: 0, pool.Absent: -1}[s]
}
