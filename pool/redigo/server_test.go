package redigo_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// A server speaks just enough of Redis's protocol for the requests of package
// pool. Its keys are a memory.Node's; it knows the project's scripts by heart.
type server struct {
	addr string
	node *memory.Node

	mu     sync.Mutex
	loaded map[string]string // hash to name, of scripts that were sent in full; guarded by mu
	counts map[string]int    // commands, by name; guarded by mu
	conns  map[net.Conn]bool // guarded by mu
}

func newServer(t testing.TB) *server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
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

func (s *server) serve(conn net.Conn) {
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

// count returns how often a command was received.
func (s *server) count(command string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[command]
}

func (s *server) reply(args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[args[0]]++
	switch args[0] {
	case "PING":
		return "+PONG\r\n"
	case "SET":
		ms, _ := strconv.Atoi(args[5])
		a := s.ask(pool.Request{Op: pool.Acquire, Name: args[1], Value: args[2], Expiry: time.Duration(ms) * time.Millisecond})
		if a.State == pool.Yes {
			return "+OK\r\n"
		}
		return "$-1\r\n"
	case "EVAL":
		sum := sha1.Sum([]byte(args[1]))
		hash := hex.EncodeToString(sum[:])
		for _, name := range []string{"acquire", "extend", "release", "look"} {
			text, err := os.ReadFile("../scripts/" + name + ".lua")
			if err == nil && args[1] == string(text) {
				s.loaded[hash] = name
			}
		}
		args[1] = hash
		fallthrough
	case "EVALSHA":
		return s.script(s.loaded[args[1]], args[3:])
	}
	return "-ERR unknown command\r\n"
}

func (s *server) ask(req pool.Request) pool.Answer {
	a, err := s.node.Ask(context.Background(), req)
	if err != nil {
		panic(err)
	}
	return a
}

func (s *server) script(name string, args []string) string {
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
