package peer

import (
	"context"

	"github.com/gomodule/redigo/redis"
)

// A Batcher locks and unlocks many names at once.
type Batcher interface {
	// Pairs locks every name, and then unlocks every name.
	Pairs(names []string) error
}

// batchPeer is redigo alone, which sends what it has to one server on one connection in
// one write, and then reads the replies.
type batchPeer struct {
	*rawPeer
	conn redis.Conn
}

func openRawBatches(c Config) (Peer, error) {
	p, err := openRaw(c)
	if err != nil {
		return nil, err
	}
	raw := p.(*rawPeer)
	return &batchPeer{raw, raw.pools[0].Get()}, nil
}

// Pairs implements [Batcher].
func (p *batchPeer) Pairs(names []string) error {
	err := p.all(names, "OK", func(name string) error {
		return p.conn.Send("SET", name, rawValue, "NX", "PX", rawExpiry)
	})
	if err != nil {
		return err
	}
	return p.all(names, int64(1), func(name string) error {
		return p.conn.Send("EVALSHA", rawRelease.Hash(), 1, name, rawValue)
	})
}

// all has send send a command for each name, and returns nil if each reply is yes.
func (p *batchPeer) all(names []string, yes any, send func(string) error) error {
	for _, name := range names {
		if err := send(name); err != nil {
			return err
		}
	}
	if err := p.conn.Flush(); err != nil {
		return err
	}
	for range names {
		reply, err := p.conn.Receive()
		if err = expect(yes, reply, err); err != nil {
			return err
		}
	}
	return nil
}

// Close implements [Peer].
func (p *batchPeer) Close() {
	p.conn.Close()
	p.rawPeer.Close()
}

var _ Batcher = (*batchPeer)(nil)

// Ping implements [Peer], on the connection of the batches.
func (p *batchPeer) Ping(context.Context) error {
	_, err := p.conn.Do("PING")
	return err
}
