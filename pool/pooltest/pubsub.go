package pooltest

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// A session is one connection to a [Server].
type session struct {
	conn     net.Conn        // written to under Server.mu
	push     string          // how a message begins: "*", or ">" in the third version of the protocol; guarded by Server.mu
	channels map[string]bool // guarded by Server.mu
}

func newSession(conn net.Conn) *session {
	return &session{conn: conn, push: "*", channels: make(map[string]bool)}
}

func (c *session) write(reply string) error {
	_, err := io.WriteString(c.conn, reply)
	return err
}

// message returns what is told a subscriber.
func (c *session) message(words ...any) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%d\r\n", c.push, len(words))
	for _, word := range words {
		switch word := word.(type) {
		case string:
			b.WriteString(bulk(word))
		case int:
			fmt.Fprintf(&b, ":%d\r\n", word)
		}
	}
	return b.String()
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

// pubsub serves what a client sends to subscribe, and on a connection that has
// subscribed. It reports whether that was it. The caller holds s.mu.
func (s *Server) pubsub(c *session, args []string) (reply string, done bool) {
	subscribed := len(c.channels) > 0 && c.push == "*"
	switch {
	case args[0] == "SUBSCRIBE":
		for _, channel := range args[1:] {
			c.channels[channel] = true
			reply += c.message("subscribe", channel, len(c.channels))
		}
		return reply, true
	case args[0] == "UNSUBSCRIBE":
		return s.unsubscribe(c, args[1:]), true
	case subscribed && args[0] == "PING":
		return c.message("pong", strings.Join(args[1:], "")), true
	case subscribed:
		return "-ERR only SUBSCRIBE, UNSUBSCRIBE and PING are allowed in this context\r\n", true
	case args[0] == "PUBLISH":
		return fmt.Sprintf(":%d\r\n", s.publish(args[1], args[2])), true
	case args[0] == "PUBSUB" && strings.EqualFold(args[1], "NUMSUB"):
		return fmt.Sprintf("*2\r\n%s:%d\r\n", bulk(args[2]), s.listeners(args[2])), true
	}
	return "", false
}

// unsubscribe leaves the given channels, or all of them.
func (s *Server) unsubscribe(c *session, channels []string) (reply string) {
	if len(channels) == 0 {
		for channel := range c.channels {
			channels = append(channels, channel)
		}
	}
	for _, channel := range channels {
		delete(c.channels, channel)
		reply += c.message("unsubscribe", channel, len(c.channels))
	}
	if reply == "" {
		return c.push + "3\r\n" + bulk("unsubscribe") + "$-1\r\n:0\r\n"
	}
	return reply
}

// publish tells whoever listens on a channel, and returns how many do. A subscriber
// that does not read what it is told holds up the server.
func (s *Server) publish(channel, payload string) int {
	n := 0
	for _, c := range s.sessions {
		if c.channels[channel] {
			n++
			c.write(c.message("message", channel, payload))
		}
	}
	return n
}

func (s *Server) listeners(channel string) int {
	n := 0
	for _, c := range s.sessions {
		if c.channels[channel] {
			n++
		}
	}
	return n
}
