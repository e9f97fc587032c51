module github.com/redlatch/redlatch/redsync/redis/goredis/v9

go 1.25.0

require (
	github.com/redis/go-redis/v9 v9.17.2
	github.com/redlatch/redlatch v0.1.0
	github.com/redlatch/redlatch/pool/goredis v0.1.0
	github.com/redlatch/redlatch/redsync v0.1.0
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/go-redsync/redsync/v4 v4.15.0 // indirect
)

replace (
	github.com/redlatch/redlatch => ../../../..
	github.com/redlatch/redlatch/pool/goredis => ../../../../pool/goredis
	github.com/redlatch/redlatch/redsync => ../../../../redsync
)
