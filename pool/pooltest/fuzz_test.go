package pooltest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redlatch/redlatch/pool"
)

// Whatever a server is sent, it gives one reply to each command, or closes the
// connection, and is well afterwards.
func FuzzServer(f *testing.F) {
	scripts := pool.Scripts()
	wait := func(args string) string { return "EVALSHA " + scripts["wait"].Hash + " 2 " + args }
	hand := func(args string) string { return "EVALSHA " + scripts["handover"].Hash + " 2 " + args }
	for _, commands := range [][]string{
		{"PING"}, {"ping", "HELLO 3", "HELLO", "CLIENT SETINFO", "COMMAND", "COMMAND INFO DELEX"},
		{"SET k v NX PX 1000", "SET k w NX EX 1", "SET k v PX", "SET k v PX 0", "SET k v PX 9223372036854775807", "SET k", "SET"},
		{"EVALSHA " + scripts["look"].Hash + " 1 k v", "EVALSHA", "EVAL x", "EVAL x 1", "EVAL x 1 k", "EVAL x 1 k v"},
		{"EVALSHA " + scripts["acquire"].Hash + " 1 k v 1000", "EVALSHA " + scripts["acquire"].Hash + " 1 k v 1000"},
		{"EVALSHA " + scripts["extend"].Hash + " 1 k v", "EVALSHA " + scripts["extend"].Hash + " 1 k v -1"},
		{"EVALSHA " + scripts["acquire"].Hash + " 1 k v", "EVALSHA " + scripts["release"].Hash + " 1 k v"},
		{"SET k  PX 1000", ""},
		{"SUBSCRIBE a b", "PING", "PING x", "PUBLISH a x", "UNSUBSCRIBE a", "UNSUBSCRIBE", "UNSUBSCRIBE", "PUBLISH a x"},
		{"HELLO 3", "SUBSCRIBE a", "PING", "PUBLISH a x", "PUBSUB NUMSUB a", "PUBSUB CHANNELS a", "SUBSCRIBE", "PUBLISH a", "PUBSUB"},
		{"SET k v PX 1000", wait("k l w 1000 in 0 9 "), wait("k l w 1000 in 5 9 again"), wait("k l x 1000 in 9 9 listens"), wait("k l w 1000 in 5 9 listens again"),
			"HELLO 3", "SUBSCRIBE in", hand("k l v hand - "), hand("k l w leave in "), hand("k l x hand in  y"), wait("k l v 1000 in 0 9 next")},
		{wait("k l v 0 in 0 9 "), wait("k l v"), hand("k l v"), hand("k l  hand in ")},
	} {
		f.Add([]byte(strings.Join(commands, "\n")), true)
		f.Add([]byte(encode(commands)), false)
	}
	for _, raw := range []string{
		"*0\r\n", "*-1\r\n", "*1\r\n$-1\r\n\r\n", "*1\r\n$-5\r\n", "*1\r\n$4\r\nPINGxx", "*1000000000000\r\n", "*1\r\n$1000000000000\r\n", "*9223372036854775807\r\n",
		"*1\r\n$9223372036854775807\r\n", "*1\r\n$0\r\n\r\n", "PING\r\n", "\r\n", "*", "*1\r\n", "*1\n$4\nPING\r\n", "*+1\r\n$4\r\nPING\r\n", "*2\r\n$1\r\na\r\n:1\r\n",
	} {
		f.Add([]byte(raw), false)
	}
	f.Fuzz(func(t *testing.T, sent []byte, words bool) {
		if words { // a command a line
			sent = []byte(encode(strings.Split(string(sent), "\n")))
		}
		s := newServer()
		for name, script := range pool.Scripts() {
			s.loaded[script.Hash] = name
		}
		c := &wire{in: bytes.NewReader(sent)}
		s.serve(s.open(c))
		if !c.closed {
			t.Error("the connection is open after its end")
		}
		commands, replies := 0, 0
		for _, n := range s.counts {
			commands += n
		}
		for r := bufio.NewReader(&c.out); ; replies++ {
			if _, err := r.Peek(1); err != nil {
				break
			}
			if err := readReply(r); err != nil {
				t.Fatalf("reply %d to %d commands is malformed: %v", replies, commands, err)
			}
		}
		// What has to do with subscriptions is answered for each channel.
		if replies < commands || replies > commands && s.counts["SUBSCRIBE"]+s.counts["UNSUBSCRIBE"] == 0 {
			t.Errorf("%d replies to %d commands", replies, commands)
		}
		well := &wire{in: strings.NewReader("*1\r\n$4\r\nPING\r\n")}
		s.serve(s.open(well))
		if got := well.out.String(); got != "+PONG\r\n" {
			t.Errorf("then it answered a PING by %q", got)
		}
	})
}

// encode returns the bytes of commands, each of words with a space between.
func encode(commands []string) string {
	var b strings.Builder
	for _, command := range commands {
		words := strings.Split(command, " ")
		fmt.Fprintf(&b, "*%d\r\n", len(words))
		for _, word := range words {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
		}
	}
	return b.String()
}

// wire is a connection on which everything has arrived already.
type wire struct {
	net.Conn
	in     io.Reader
	out    bytes.Buffer
	closed bool
}

func (w *wire) Read(b []byte) (int, error)  { return w.in.Read(b) }
func (w *wire) Write(b []byte) (int, error) { return w.out.Write(b) }

func (w *wire) Close() error {
	w.closed = true
	return nil
}

// readReply reads one reply, of those that the server gives.
func readReply(r *bufio.Reader) error {
	line, err := r.ReadString('\n')
	if err != nil || !strings.HasSuffix(line, "\r\n") {
		return fmt.Errorf("%q, %v", line, err)
	}
	kind, rest := line[0], line[1:len(line)-2]
	switch n, err := strconv.Atoi(rest); {
	case kind == '+' || kind == '-':
		return nil
	case err != nil:
		return fmt.Errorf("%q", line)
	case kind == ':' || line == "$-1\r\n":
		return nil
	case kind == '$':
		text := make([]byte, n+2)
		if _, err := io.ReadFull(r, text); err != nil || string(text[n:]) != "\r\n" {
			return fmt.Errorf("%q, %v", text, err)
		}
		return nil
	case kind == '*' || kind == '%' || kind == '>':
		if kind == '%' {
			n *= 2
		}
		for range n {
			if err := readReply(r); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%q", line)
}
