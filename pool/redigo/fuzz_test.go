package redigo_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/pooltest"
	"github.com/redlatch/redlatch/pool/redigo"
)

// Names and values are bytes: the key on the server is the name, byte for byte, and
// no other name or value will do.
func FuzzNames(f *testing.F) {
	f.Add("name", "value", "another name", "another value", false, false)
	f.Add("", "\x00", "\x00", "\x00\x00", true, false)
	f.Add("{tag}", "v", "{tag}rest", "V", false, true)
	f.Add("\xff\xfe", "\x80", "\xff", "\x81", true, true)
	f.Add("$5\r\nhello\r\n", "*1\r\n$4\r\nPING\r\n", "$5\r\nhello", "+OK\r\n", false, true)
	f.Add("n", "", "m", "v", false, false)
	f.Add("n", "1", "N", "01", false, false)
	f.Add(strings.Repeat("long ", 2000), "v", strings.Repeat("long ", 2000)+"!", strings.Repeat("v", 2000), false, true)

	s := pooltest.NewServer(f)
	node := opened(f, kinds["Dial"](s.Addr()))
	server, err := net.Dial("tcp", s.Addr())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { server.Close() })
	replies := bufio.NewReader(server)

	f.Fuzz(func(t *testing.T, name, value, otherName, otherValue string, cancelable, explain bool) {
		ctx := context.Background()
		if cancelable { // which redigo sends in another way
			var cancel context.CancelFunc
			ctx, cancel = context.WithCancel(ctx)
			defer cancel()
		}
		want := func(state pool.State, op pool.Op, name, value string) {
			t.Helper()
			req := pool.Request{Op: op, Name: name, Value: value, Expiry: time.Hour, Timeout: 30 * time.Second, Explain: explain}
			a, err := node.Ask(ctx, req)
			switch {
			case value == "" && !errors.Is(err, pool.ErrNotSent):
				t.Fatalf("%v %q by no value: got %v, %v, want ErrNotSent", op, name, a, err)
			case value != "" && (err != nil || a.State != state):
				t.Fatalf("%v %q by %q: got %v, %v, want %v", op, name, value, a, err, state)
			}
		}
		holds := func(state int, name, value string) { // without a driver
			t.Helper()
			look := []string{"EVAL", pool.Scripts()["look"].Text, "1", name, value}
			command := fmt.Sprintf("*%d\r\n", len(look))
			for _, word := range look {
				command += fmt.Sprintf("$%d\r\n", len(word)) + word + "\r\n"
			}
			var got string
			if _, err := io.WriteString(server, command); err != nil {
				t.Fatal(err)
			}
			for range 3 { // it is a state and a time to live
				line, err := replies.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				got += line
			}
			if !strings.HasPrefix(got, fmt.Sprintf("*2\r\n:%d\r\n", state)) {
				t.Fatalf("does the key %q hold %q? The server says %q, want %d", name, value, got, state)
			}
		}

		defer func() { // the server is everybody's
			for _, left := range []string{name, otherName} {
				node.Ask(ctx, pool.Request{Op: pool.Release, Name: left, Value: value, Timeout: 30 * time.Second})
			}
		}()

		want(pool.Yes, pool.Acquire, name, value)
		want(pool.Other, pool.Acquire, name, value)
		if value == "" {
			return
		}
		holds(1, name, value)
		if otherName != name {
			holds(-1, otherName, value)
			want(pool.Absent, pool.Look, otherName, value)
			want(pool.Yes, pool.Acquire, otherName, value)
			want(pool.Yes, pool.Release, otherName, value)
		}
		if otherValue != value {
			for _, op := range []pool.Op{pool.Acquire, pool.Look, pool.Extend, pool.Release} {
				want(pool.Other, op, name, otherValue)
			}
		}
		want(pool.Yes, pool.Look, name, value)
		want(pool.Yes, pool.Extend, name, value)
		holds(1, name, value)
		want(pool.Yes, pool.Release, name, value)
		holds(-1, name, value)
	})
}

// Whatever bytes a server sends, nothing panics or goes on for ever, and a yes is one
// of the server's.
func FuzzReplies(f *testing.F) {
	for _, seed := range [][2]string{
		{"+OK\r\n", ""}, {"$-1\r\n", ""}, {"", "+OK\r\n"}, {"$2\r\nOK\r\n", ""}, {"-WRONGTYPE no\r\n", ""}, {"-\r\n", ""},
		{"*2\r\n*-1\r\n*-1\r\n:1\r\n", ""}, {"*2\r\n*1\r\n$7\r\ndelifeq\r\n$-1\r\n+OK\r\n:1\r\n", ""},
		{"*2\r\n$-1\r\n*1\r\n$5\r\ndelex\r\n:0\r\n*2\r\n:-1\r\n:0\r\n", ""},
		{"*2\r\n:1\r\n:3600000\r\n", ""}, {"-NOSCRIPT none\r\n*2\r\n:0\r\n:-1\r\n", ""}, {"*2\r\n:1\r\n:9223372036854775807\r\n", ""},
		{"", "$-1\r\n*2\r\n:1\r\n:3600000\r\n"}, {"", "*2\r\n:2\r\n:3600000\r\n"}, {"*2\r\n-ERR in a reply\r\n:1\r\n", ""},
		{":", ":1"}, {"$3\r\nabcd", "%1\r\n+a\r\n:1\r\n"}, {"*1\r\n*1\r\n*1\r\n*0\r\n", "\r\n"},
	} {
		for op := range uint8(4) {
			f.Add([]byte(seed[0]), []byte(seed[1]), op, true)
		}
		f.Add([]byte(seed[0]), []byte(seed[1]), uint8(0), false)
	}
	huge := regexp.MustCompile(`[*$]0*[1-9]\d{4}`) // redigo takes as much memory as it is told to
	yes := regexp.MustCompile(`OK\r\n|:0*[12]\r\n`)
	f.Fuzz(func(t *testing.T, first, second []byte, op uint8, explain bool) {
		if huge.Match(first) || huge.Match(second) {
			t.Skip()
		}
		said := [][]byte{first, second} // on one connection after the other
		dials := 0
		p := &redis.Pool{MaxIdle: 1, Dial: func() (redis.Conn, error) {
			if dials == 100 { // so that it ends, and is found to have gone on
				return nil, errors.New("nobody listens")
			}
			c := &heard{in: strings.NewReader("")}
			if dials < len(said) {
				c.in = bytes.NewReader(said[dials])
			}
			dials++
			return redis.NewConn(c, 0, 0), nil
		}}
		defer p.Close()
		req := pool.Request{Op: pool.Acquire + pool.Op(op%4), Name: "n", Value: "v", Expiry: time.Hour, Explain: explain}
		a, err := redigo.NewPool(p).Ask(context.Background(), req)
		switch most := 1 + 6*(1+p.MaxIdle+1); {
		case dials > most:
			t.Errorf("%d connections were made, want at most %d", dials, most)
		case err != nil && (a.State != 0 || a.TTL != 0), err == nil && a.State == 0:
			t.Errorf("got %v, %v", a, err)
		case a.State == pool.Yes && !yes.Match(first) && !yes.Match(second):
			t.Errorf("got yes, which nobody said")
		case a.TTL < 0 && a.TTL != pool.NoExpiry:
			t.Errorf("got the time to live %v", a.TTL)
		}
	})
}

// heard is a connection on which everything has arrived already; what is sent is
// dropped.
type heard struct {
	net.Conn
	in io.Reader
}

func (h *heard) Read(b []byte) (int, error)       { return h.in.Read(b) }
func (h *heard) Write(b []byte) (int, error)      { return len(b), nil }
func (h *heard) SetReadDeadline(time.Time) error  { return nil }
func (h *heard) SetWriteDeadline(time.Time) error { return nil }
func (h *heard) Close() error                     { return nil }
