// This program uses redislock, whose client is go-redis.
package main

import (
	"context"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

func main() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	l, err := redislock.New(client).Obtain(ctx, "name", 8*time.Second, nil)
	if err != nil {
		panic(err)
	}
	l.Release(ctx)
}
