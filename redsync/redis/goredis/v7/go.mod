module github.com/redlatch/redlatch/redsync/redis/goredis/v7

go 1.25.0

require (
	github.com/go-redis/redis/v7 v7.4.1
	github.com/redlatch/redlatch v0.1.0
	github.com/redlatch/redlatch/redsync v0.1.0
)

require github.com/go-redsync/redsync/v4 v4.15.0 // indirect

replace (
	github.com/redlatch/redlatch => ../../../..
	github.com/redlatch/redlatch/redsync => ../../../../redsync
)
