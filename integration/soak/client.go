package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
	goredis9 "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/goredis"
	"github.com/redlatch/redlatch/pool/redigo"
)

const (
	workers = 2 // of a client

	// settling is how long a process may take, once its workers have stopped, for what
	// is still under way in the background: on nodes that answer, releases are tried until
	// the key must have expired, and a second longer.
	settling = longestExpiry + 10*time.Second
)

// Client is the process of a client: some workers that share a Locker. It writes of
// every call, a line of JSON each, to its standard output, until its standard input
// ends: because it is told to, or because who started it is gone. Its arguments are
// its number, a seed, and the addresses of the nodes.
func Client(args []string) error {
	number, seed, addresses := args[0], args[1], args[2:]
	id, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return err
	}
	begin, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	logging.Disable() // go-redis tells of every fault
	before := runtime.NumGoroutine()
	tell := teller(os.Stdout)
	locker, disconnect := connect(id, addresses, tell)
	var stop atomic.Bool
	var group sync.WaitGroup
	for i := range uint64(workers) {
		w := &worker{
			name:   number + string(rune('a'+i)),
			seed:   begin + (id*workers+i)<<32,
			locker: locker,
			tell:   tell,
		}
		group.Go(func() { w.work(&stop) })
	}
	io.Copy(io.Discard, os.Stdin)
	stop.Store(true)
	group.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), settling)
	defer cancel()
	closed := locker.Close(ctx) // all is well by now, so that the nodes confirm everything
	disconnect()
	after := runtime.NumGoroutine()
	for start := time.Now(); after > before && time.Since(start) < settling; after = runtime.NumGoroutine() {
		time.Sleep(10 * time.Millisecond) // goroutines tell nobody when they end
	}
	tell(line{Flat: map[string]int{"before": before, "after": after}})
	return closed
}

// connect returns a Locker on the nodes, by one of two client libraries, and a
// function that closes its connections.
func connect(id uint64, addresses []string, tell func(line)) (*redlatch.Locker, func()) {
	var pools []pool.Pool
	var closers []io.Closer
	for _, address := range addresses {
		if id%2 == 0 {
			p := &redis.Pool{MaxIdle: 10, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
			pools, closers = append(pools, telling{redigo.NewPool(p).(node), tell}), append(closers, p)
		} else {
			c := goredis9.NewClient(&goredis9.Options{Addr: address})
			pools, closers = append(pools, telling{goredis.NewPool(c).(node), tell}), append(closers, c)
		}
	}
	return redlatch.New(pools...), func() {
		for _, c := range closers {
			c.Close()
		}
	}
}

// A telling node tells of the looks that it has not answered.
type telling struct {
	node
	tell func(line)
}

type node interface {
	pool.Listener
	pool.Bounded
	pool.Identified
}

func (p telling) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	a, err := p.node.Ask(ctx, req)
	if req.Wait && (a.Resent || err != nil && !errors.Is(err, pool.ErrNotSent)) {
		p.tell(line{Stays: req.Value})
	}
	return a, err
}

// teller returns a function that writes lines to w, each at once and whole: a process
// that is killed has told of every call that has returned, but of the one whose line
// it was about to write.
func teller(w io.Writer) func(line) {
	var mu sync.Mutex
	return func(l line) {
		text, err := json.Marshal(l)
		if err != nil {
			panic(err) // there is nothing in it that could not be written
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := w.Write(append(text, '\n')); err != nil {
			fmt.Fprintln(os.Stderr, "soak:", err)
			os.Exit(1) // nobody is there to hear
		}
	}
}
