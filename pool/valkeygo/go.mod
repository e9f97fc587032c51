module github.com/redlatch/redlatch/pool/valkeygo

go 1.25.0

require (
	github.com/redlatch/redlatch v0.1.0
	github.com/valkey-io/valkey-go v1.0.60
)

require golang.org/x/sys v0.31.0 // indirect

replace github.com/redlatch/redlatch => ../..
