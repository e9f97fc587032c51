module github.com/redlatch/redlatch/redsync

go 1.25.0

require (
	github.com/go-redsync/redsync/v4 v4.15.0
	github.com/redlatch/redlatch v0.1.0
)

require github.com/gomodule/redigo v1.9.3

replace github.com/redlatch/redlatch => ../
