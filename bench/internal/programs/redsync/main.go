// This program uses redsync with redigo.
package main

import (
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/redigo"
	"github.com/gomodule/redigo/redis"
)

func main() {
	server := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", "127.0.0.1:6379") }}
	m := redsync.New(redigo.NewPool(server)).NewMutex("name")
	if err := m.Lock(); err != nil {
		panic(err)
	}
	m.Unlock()
}
