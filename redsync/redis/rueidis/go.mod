module github.com/redlatch/redlatch/redsync/redis/rueidis

go 1.25.0

require (
	github.com/redis/rueidis v1.0.78
	github.com/redis/rueidis/rueidiscompat v1.0.78
	github.com/redlatch/redlatch v0.1.0
	github.com/redlatch/redlatch/pool/rueidis v0.1.0
	github.com/redlatch/redlatch/redsync v0.1.0
)

require (
	github.com/go-redsync/redsync/v4 v4.15.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace (
	github.com/redlatch/redlatch => ../../..
	github.com/redlatch/redlatch/pool/rueidis => ../../../pool/rueidis
	github.com/redlatch/redlatch/redsync => ../../../redsync
)
