package redigo

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// echoes is a server that answers ECHO with its argument and FAIL with an error of
// this text, and closes the connection on QUIT.
type echoes struct {
	addr string

	mu      sync.Mutex
	wake    *sync.Cond
	hanging bool // it reads, and answers nothing; guarded by mu
	count   int  // commands read; guarded by mu
	serving int  // connections; guarded by mu
}

func newEchoes(t *testing.T) *echoes {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echoes{addr: listener.Addr().String()}
	e.wake = sync.NewCond(&e.mu)
	t.Cleanup(func() {
		e.thaw()
		listener.Close()
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.serving++
			e.mu.Unlock()
			go e.serve(conn)
		}
	}()
	return e
}

func (e *echoes) hang() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hanging = true
}

func (e *echoes) thaw() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hanging = false
	e.wake.Broadcast()
}

func (e *echoes) heard() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count
}

func (e *echoes) goroutines() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return 2 * e.serving
}

// serve reads on while it hangs, so that what was sent is counted, and answers all of
// it later.
func (e *echoes) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		e.mu.Lock()
		defer e.mu.Unlock()
		e.serving--
	}()
	r := bufio.NewReader(conn)
	unanswered := make(chan [2]string, 1000) // more than any test sends on a connection
	defer close(unanswered)
	go func() {
		for words := range unanswered {
			e.mu.Lock()
			for e.hanging {
				e.wake.Wait()
			}
			e.mu.Unlock()
			switch words[0] {
			case "ECHO":
				fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(words[1]), words[1])
			case "FAIL":
				fmt.Fprintf(conn, "-ERR %s\r\n", words[1])
			case "QUIT":
				conn.Close()
			}
		}
	}()
	for {
		words, err := readPair(r)
		if err != nil {
			return
		}
		e.mu.Lock()
		e.count++
		e.mu.Unlock()
		unanswered <- words
	}
}

// readPair reads a command and its one argument.
func readPair(r *bufio.Reader) (words [2]string, err error) {
	if _, err := r.ReadString('\n'); err != nil {
		return words, err
	}
	for i := range words {
		line, err := r.ReadString('\n')
		if err != nil {
			return words, err
		}
		var size int
		fmt.Sscanf(line, "$%d", &size)
		word := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(r, word); err != nil {
			return words, err
		}
		words[i] = strings.TrimSuffix(string(word), "\r\n")
	}
	return words, nil
}
