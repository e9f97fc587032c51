package measure

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/pool"
)

// seen is what the server's MONITOR has shown.
type seen struct {
	client, inside float64 // commands a second: those of clients, and those that scripts called
	lines          []line  // of clients
	over           time.Duration
}

// A line is one command of a client.
type line struct {
	command string // in upper case
	first   string // its first argument
}

var monitored = regexp.MustCompile(`^[\d.]+ \[\d+ (\S+)\] "([^"]*)"(?: "([^"]*)")?`)

// monitor watches the first server for so long.
func (b *Bench) monitor(over time.Duration) (seen, error) {
	conn, err := redis.Dial("tcp", b.Servers[0].Addr())
	if err != nil {
		return seen{}, err
	}
	defer conn.Close()
	if _, err := conn.Do("MONITOR"); err != nil {
		return seen{}, err
	}
	m := seen{over: over}
	inside := 0
	for end := time.Now().Add(over); ; {
		left := time.Until(end)
		if left <= 0 {
			break
		}
		text, err := redis.String(redis.ReceiveWithTimeout(conn, left))
		if timeout := net.Error(nil); errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
			break
		}
		if err != nil {
			return seen{}, err
		}
		parts := monitored.FindStringSubmatch(text)
		switch {
		case parts == nil:
			return seen{}, fmt.Errorf("MONITOR said %.80q", text)
		case parts[1] == "lua":
			inside++
		default:
			m.lines = append(m.lines, line{strings.ToUpper(parts[2]), parts[3]})
		}
	}
	m.client, m.inside = float64(len(m.lines))/over.Seconds(), float64(inside)/over.Seconds()
	return m, nil
}

// rate returns how many commands a second are such.
func (m seen) rate(such func(line) bool) float64 {
	n := 0
	for _, l := range m.lines {
		if such(l) {
			n++
		}
	}
	return float64(n) / m.over.Seconds()
}

// commands returns what there was a second, by command.
func (m seen) commands() string {
	count := make(map[string]int)
	for _, l := range m.lines {
		count[l.command]++
	}
	var parts []string
	for command, n := range count {
		parts = append(parts, fmt.Sprintf("%s %.0f", command, float64(n)/m.over.Seconds()))
	}
	if parts == nil {
		return "nothing"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ") + " /s"
}

// releases returns what tells a peer's releases, or nil if that is not known.
func releases(who string) func(line) bool {
	switch who {
	case peer.Redlatch, peer.RedlatchRueidis, peer.RedlatchGoRedis:
		hashes := make(map[string]bool)
		for name, script := range pool.Scripts() {
			if strings.Contains(name, "release") {
				hashes[script.Hash] = true
			}
		}
		return func(l line) bool {
			return l.command == "DELIFEQ" || l.command == "DELEX" || l.command == "EVALSHA" && hashes[l.first]
		}
	case peer.Redsync, peer.RedsyncGoRedis, peer.RedsyncRueidis, peer.RedsyncEager:
		return func(l line) bool { return l.command == "EVALSHA" } // a try is a SET
	}
	return nil
}
