module github.com/redlatch/redlatch/pool/rueidis

go 1.25.0

require (
	github.com/redis/rueidis v1.0.60
	github.com/redlatch/redlatch v0.1.0
)

require golang.org/x/sys v0.31.0 // indirect

replace github.com/redlatch/redlatch => ../..
