module github.com/redlatch/redlatch/redsync/redis/goredis

go 1.25.0

require (
	github.com/go-redis/redis v6.15.9+incompatible
	github.com/redlatch/redlatch v0.1.0
	github.com/redlatch/redlatch/redsync v0.1.0
)

require (
	github.com/go-redsync/redsync/v4 v4.15.0 // indirect
	github.com/onsi/ginkgo v1.16.5 // indirect
	github.com/onsi/gomega v1.10.1 // indirect
)

replace (
	github.com/redlatch/redlatch => ../../..
	github.com/redlatch/redlatch/redsync => ../../../redsync
)
