package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

const (
	// A proxy that was stopped must get its port again: these the system gives to no
	// client. They are not those of the servers.
	minPort, maxPort = 12000, 19000

	attempts = 100 // to find a free one
)

func init() { zerolog.SetGlobalLevel(zerolog.Disabled) } // some of toxiproxy's parts log to the global logger

// A way is a proxy between one client and one server.
type way struct {
	proxy *toxiproxy.Proxy
	addr  string // where it listens, also after accept: the proxy writes its own anew then
}

// newWay returns a way to the server at the given address.
func newWay(server string) (*way, error) {
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()) // which does not listen
	var err error
	for range attempts {
		listen := net.JoinHostPort("127.0.0.1", strconv.Itoa(minPort+rand.IntN(maxPort-minPort)))
		p := toxiproxy.NewProxy(api, listen, listen, server)
		if err = p.Start(); err == nil {
			return &way{p, listen}, nil
		}
	}
	return nil, fmt.Errorf("no port for a proxy: %w", err)
}

// refuse closes all connections and accepts no new ones, until accept.
func (w *way) refuse() error { w.proxy.Stop(); return nil }
func (w *way) accept() error { return w.proxy.Start() }

// A toxic is what a way does to what it carries, in one direction.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Attributes map[string]any `json:"attributes"`
}

func (w *way) add(t toxic) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = w.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	return err
}

func (w *way) remove(t toxic) error { return w.proxy.Toxics.RemoveToxic(context.Background(), t.Name) }

// both returns toxics of one type in both directions.
func both(kind string, attributes map[string]any) []toxic {
	return []toxic{requests(kind, attributes), replies(kind, attributes)}
}

func requests(kind string, attributes map[string]any) toxic {
	return toxic{"requests", kind, "upstream", attributes}
}

func replies(kind string, attributes map[string]any) toxic {
	return toxic{"replies", kind, "downstream", attributes}
}

// randomToxics returns what a network does at random, and the name for it.
func randomToxics(r *rand.Rand) (kind string, toxics []toxic) {
	ms := func(from, to time.Duration) int64 { return between(r, from, to).Milliseconds() }
	switch r.IntN(8) {
	case 0: // until it is over; connections end with it
		return "silence", both("timeout", map[string]any{"timeout": 0})
	case 1:
		return "lost requests", []toxic{requests("timeout", map[string]any{"timeout": 0})}
	case 2: // the server has done it, and nobody is told
		return "lost replies", []toxic{replies("timeout", map[string]any{"timeout": 0})}
	case 3: // 5 to 400 ms there, and as much back
		latency := ms(5*time.Millisecond, 200*time.Millisecond)
		return "latency", both("latency", map[string]any{"latency": latency, "jitter": latency})
	case 4: // a command takes a tenth of a second or two
		return "bandwidth", both("bandwidth", map[string]any{"rate": 1})
	case 5:
		return "reset", both("reset_peer", map[string]any{"timeout": ms(0, 100*time.Millisecond)})
	case 6: // breaks off, often within a reply
		return "truncation", []toxic{replies("limit_data", map[string]any{"bytes": 1 + r.IntN(100)})}
	default:
		return "slices", both("slicer", map[string]any{"average_size": 4, "size_variation": 2, "delay": 200})
	}
}
