package main

import (
	_ "github.com/alicebob/miniredis/v2"
	_ "github.com/gomodule/redigo/redis"
	_ "github.com/spf13/cobra"
	_ "golang.org/x/term"

	"github.com/redlatch/redlatch"
)

func main() { redlatch.New() }
