package peer

import (
	"context"
	"errors"

	"github.com/gomodule/redigo/redis"
)

// rawExpiry is the expiry of the raw limits' locks, in milliseconds, as they send it.
const rawExpiry = 8000

// rawValue is the owner of all their locks: they show what the commands take, and are
// no lock.
const rawValue = "AAAAAAAAAAAAAAAAAAAAAA=="

const (
	rawReleaseText = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) else return 0 end`
	rawExtendText  = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("PEXPIRE", KEYS[1], ARGV[2]) else return 0 end`
)

var (
	rawRelease = redis.NewScript(1, rawReleaseText)
	rawExtend  = redis.NewScript(1, rawExtendText)
)

var errTaken = errors.New("taken")

// rawPeer is redigo alone: each call sends one command to every server, and then reads
// every reply.
type rawPeer struct{ pools []*redis.Pool }

func openRaw(c Config) (Peer, error) {
	p := &rawPeer{redigoPools(c)}
	for _, pool := range p.pools {
		conn := pool.Get()
		defer conn.Close()
		for _, script := range []*redis.Script{rawRelease, rawExtend} {
			if err := script.Load(conn); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// Lock implements [Peer]. It has one try.
func (p *rawPeer) Lock(_ context.Context, name string) (Lock, error) {
	if err := p.do("OK", "SET", name, rawValue, "NX", "PX", rawExpiry); err != nil {
		return nil, err
	}
	return &rawLock{p, name}, nil
}

// do sends a command to every server, and returns nil if each replies yes.
func (p *rawPeer) do(yes any, command string, args ...any) error {
	if len(p.pools) == 1 {
		conn := p.pools[0].Get()
		defer conn.Close()
		reply, err := conn.Do(command, args...)
		return expect(yes, reply, err)
	}
	conns := make([]redis.Conn, len(p.pools))
	for i, pool := range p.pools {
		conns[i] = pool.Get()
		defer conns[i].Close()
		if err := errors.Join(conns[i].Send(command, args...), conns[i].Flush()); err != nil {
			return err
		}
	}
	for _, conn := range conns {
		reply, err := conn.Receive()
		if err = expect(yes, reply, err); err != nil {
			return err
		}
	}
	return nil
}

// expect returns err, or an error if the reply is not yes.
func expect(yes, reply any, err error) error {
	if err == nil && reply != yes {
		err = errTaken
	}
	return err
}

// Ping implements [Peer].
func (p *rawPeer) Ping(context.Context) error { return pingRedigo(p.pools[0]) }

// Close implements [Peer].
func (p *rawPeer) Close() { closeAll(p.pools) }

type rawLock struct {
	peer *rawPeer
	name string
}

// Unlock implements [Lock].
func (l *rawLock) Unlock(context.Context) error {
	return l.peer.do(int64(1), "EVALSHA", rawRelease.Hash(), 1, l.name, rawValue)
}

// Extend implements [Lock].
func (l *rawLock) Extend(context.Context) error {
	return l.peer.do(int64(1), "EVALSHA", rawExtend.Hash(), 1, l.name, rawValue, rawExpiry)
}
