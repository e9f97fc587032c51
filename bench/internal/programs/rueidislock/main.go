// This program uses rueidislock, whose client is rueidis.
package main

import (
	"context"

	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"
)

func main() {
	locks, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption: rueidis.ClientOption{InitAddress: []string{"127.0.0.1:6379"}},
		KeyMajority:  1,
	})
	if err != nil {
		panic(err)
	}
	_, cancel, err := locks.WithContext(context.Background(), "name")
	if err != nil {
		panic(err)
	}
	cancel()
}
