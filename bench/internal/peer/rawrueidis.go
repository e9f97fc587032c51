package peer

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// rawRueidisPeer is rueidis alone, on the first server.
type rawRueidisPeer struct{ client rueidis.Client }

func openRawRueidis(c Config) (Peer, error) {
	clients, err := rueidisClients(c)
	if err != nil {
		return nil, err
	}
	client := clients[0]
	load := client.B().ScriptLoad().Script(rawReleaseText).Build()
	return &rawRueidisPeer{client}, client.Do(context.Background(), load).Error()
}

// Lock implements [Peer]. It has one try.
func (p *rawRueidisPeer) Lock(ctx context.Context, name string) (Lock, error) {
	set := p.client.B().Set().Key(name).Value(rawValue).Nx().PxMilliseconds(rawExpiry).Build()
	if err := p.client.Do(ctx, set).Error(); err != nil {
		return nil, err
	}
	return &rawRueidisLock{p, name}, nil
}

// Ping implements [Peer].
func (p *rawRueidisPeer) Ping(ctx context.Context) error { return pingRueidis(ctx, p.client) }

// Close implements [Peer].
func (p *rawRueidisPeer) Close() { p.client.Close() }

type rawRueidisLock struct {
	peer *rawRueidisPeer
	name string
}

// Unlock implements [Lock].
func (l *rawRueidisLock) Unlock(ctx context.Context) error {
	b := l.peer.client.B()
	n, err := l.peer.client.Do(ctx, b.Evalsha().Sha1(rawRelease.Hash()).Numkeys(1).Key(l.name).Arg(rawValue).Build()).AsInt64()
	return expect(int64(1), n, err)
}

// Extend implements [Lock].
func (l *rawRueidisLock) Extend(ctx context.Context) error {
	b := l.peer.client.B()
	n, err := l.peer.client.Do(ctx, b.Eval().Script(rawExtendText).Numkeys(1).Key(l.name).
		Arg(rawValue, strconv.Itoa(rawExpiry)).Build()).AsInt64()
	return expect(int64(1), n, err)
}
