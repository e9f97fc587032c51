// This program uses redlatch with redigo.
package main

import (
	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool/redigo"
)

func main() {
	server := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", "127.0.0.1:6379") }}
	m := redlatch.New(redigo.NewPool(server)).NewMutex("name")
	if err := m.Lock(); err != nil {
		panic(err)
	}
	m.Unlock()
}
