// This program uses redigo alone: what the others are compared with.
package main

import "github.com/gomodule/redigo/redis"

func main() {
	server := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", "127.0.0.1:6379") }}
	conn := server.Get()
	defer conn.Close()
	if _, err := conn.Do("SET", "name", "value", "NX", "PX", 8000); err != nil {
		panic(err)
	}
}
