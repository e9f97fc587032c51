package integration

import (
	_ "github.com/go-redsync/redsync/v4"
	_ "github.com/gomodule/redigo/redis"
	_ "github.com/ory/dockertest/v3"
	_ "github.com/alicebob/miniredis/v2"
	_ "github.com/redlatch/redlatch"
)
