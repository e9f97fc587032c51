// Package redis is the interface between the lock and a Redis client library. Its
// types are redsync's own: a pool made for the one serves the other.
package redis

import "github.com/go-redsync/redsync/v4/redis"

type (
	// A Pool hands out connections. The packages below this one make pools that
	// are, besides, nodes of package pool of redlatch, and are used as such.
	Pool = redis.Pool

	// A Conn is a connection to a server.
	Conn = redis.Conn

	// A Script is a Lua script: its text, the SHA-1 of that in hexadecimal, and
	// how many of its arguments are keys.
	Script = redis.Script
)

// NewScript returns a Script. If keyCount is negative the number of keys is the
// first of the arguments that Conn.Eval is given.
func NewScript(keyCount int, src, hash string) *Script { return redis.NewScript(keyCount, src, hash) }
