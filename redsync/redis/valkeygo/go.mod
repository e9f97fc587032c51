module github.com/redlatch/redlatch/redsync/redis/valkeygo

go 1.25.0

require (
	github.com/redlatch/redlatch v0.1.0
	github.com/redlatch/redlatch/pool/valkeygo v0.1.0
	github.com/redlatch/redlatch/redsync v0.1.0
	github.com/valkey-io/valkey-go v1.0.60
)

require (
	github.com/go-redsync/redsync/v4 v4.15.0 // indirect
	golang.org/x/sys v0.31.0 // indirect
)

replace (
	github.com/redlatch/redlatch => ../../..
	github.com/redlatch/redlatch/pool/valkeygo => ../../../pool/valkeygo
	github.com/redlatch/redlatch/redsync => ../../../redsync
)
