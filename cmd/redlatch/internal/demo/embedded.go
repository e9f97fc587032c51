package demo

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// embedded is a server inside this process that speaks Redis's protocol, on a
// free port of 127.0.0.1.
type embedded struct {
	server *miniredis.Miniredis
	addr   string // the same for its whole life
}

// startEmbedded starts n servers.
func startEmbedded(n int) ([]*embedded, error) {
	var nodes []*embedded
	for range n {
		server := miniredis.NewMiniRedis()
		server.ClockTTL(true) // without it keys would stay for ever
		if err := server.StartAddr("127.0.0.1:0"); err != nil {
			closeAll(nodes)
			return nil, fmt.Errorf("cannot start a server on 127.0.0.1: %w", err)
		}
		nodes = append(nodes, &embedded{server, server.Addr()})
	}
	return nodes, nil
}

// stop breaks all connections and refuses new ones. The data stays, and goes on
// to expire.
func (e *embedded) stop() { e.server.Close() }

// restart takes connections again, on the same port.
func (e *embedded) restart() error { return e.server.StartAddr(e.addr) }

func closeAll(nodes []*embedded) {
	for _, e := range nodes {
		e.stop()
	}
}
