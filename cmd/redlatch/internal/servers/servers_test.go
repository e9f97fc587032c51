package servers

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/redlatch/redlatch"
)

func TestParse(t *testing.T) {
	tests := []struct {
		list string
		want []string
		err  string
	}{
		{"localhost:6379", []string{"localhost:6379"}, ""},
		{"10.0.0.1:1, 10.0.0.2:65535,[::1]:6379", []string{"10.0.0.1:1", "10.0.0.2:65535", "[::1]:6379"}, ""},
		{"localhost", nil, `"localhost" is not host:port, such as localhost:6379`},
		{"", nil, `"" is not host:port, such as localhost:6379`},
		{":6379", nil, `":6379" is not host:port, such as localhost:6379`},
		{"a:1,,b:2", nil, `"" is not host:port, such as localhost:6379`},
		{"a:0", nil, `"a:0" is not host:port, such as localhost:6379`},
		{"a:65536", nil, `"a:65536" is not host:port, such as localhost:6379`},
		{"a:redis", nil, `"a:redis" is not host:port, such as localhost:6379`},
		{"redis://a:1", nil, `"redis://a:1" is not host:port, such as localhost:6379`},
		{"a:1,b:1, a:1", nil, "a:1 is given twice, but a server has one vote"},
	}
	for _, test := range tests {
		got, err := Parse(test.list)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !slices.Equal(got, test.want) || text != test.err {
			t.Errorf("Parse(%q): got %q, %q, want %q, %q", test.list, got, text, test.want, test.err)
		}
	}
}

func TestCheckNamesEveryServerThatCannotBeUsed(t *testing.T) {
	well, gone, locked := miniredis.RunT(t), miniredis.RunT(t), miniredis.RunT(t)
	addrs := []string{well.Addr(), gone.Addr(), locked.Addr()}
	gone.Close()
	locked.RequireAuth("secret")
	if err := Check(context.Background(), addrs[:1]); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	err := Check(context.Background(), addrs)
	if err == nil {
		t.Fatal("got nil, want an error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], addrs[1]+": ") || !strings.Contains(lines[1], addrs[2]+": NOAUTH") {
		t.Errorf("got %q, want a line for each of %q", lines, addrs[1:])
	}
}

func TestPoolsAreTheServers(t *testing.T) {
	a, b := miniredis.RunT(t), miniredis.RunT(t)
	pools, done := Pools([]string{a.Addr(), b.Addr()})
	defer done()
	mutex := redlatch.New(pools...).NewMutex("lock")
	if err := mutex.Lock(); err != nil {
		t.Fatal(err)
	}
	if !a.Exists("lock") || !b.Exists("lock") { // a majority of two is both
		t.Error("got a lock that is not on both servers")
	}
	if ok, err := mutex.Unlock(); !ok || err != nil {
		t.Errorf("got %v, %v, want true, nil", ok, err)
	}
}
