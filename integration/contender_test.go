package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/go-redsync/redsync/v4"
	redsyncredis "github.com/go-redsync/redsync/v4/redis"
	redsyncredigo "github.com/go-redsync/redsync/v4/redis/redigo"
	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/redigo"
	dropin "github.com/redlatch/redlatch/redsync"
)

const (
	// What a contender says, and what it is answered: goOn, or goHome after its
	// last turn.
	entered, leaving = "in", "out"
	goOn, goHome     = "go on", "go home"

	// A contender's lock outlasts any pause of this machine: that a lock does
	// not hold for longer than its expiry is no fault.
	contenderExpiry = time.Minute

	manyTries = 1_000_000
	workTime  = time.Millisecond
)

// contend is a contender's process: it locks, says so on its standard output,
// works, says that it will unlock, unlocks; and before each next step waits for
// an answer on its standard input. Without a lock, of no library, it does the
// same.
func contend(library, name string, addresses []string) error {
	lock, unlock, end, err := contenderLock(library, name, addresses)
	if err != nil {
		return err
	}
	answers := bufio.NewScanner(os.Stdin)
	say := func(what string) (answer string, err error) {
		if _, err := fmt.Println(what); err != nil {
			return "", err
		}
		if !answers.Scan() {
			return "", errors.New("the referee has gone")
		}
		return answers.Text(), answers.Err()
	}
	for {
		if err := lock(); err != nil {
			return fmt.Errorf("Lock: %w", err)
		}
		if _, err := say(entered); err != nil {
			return err
		}
		time.Sleep(workTime) // the work
		answer, err := say(leaving)
		if err != nil {
			return err
		}
		if ok, err := unlock(); !ok || err != nil {
			return fmt.Errorf("Unlock: %v, %w", ok, err)
		}
		if answer == goHome {
			return end() // else it may leave a key on a node that is slower than the others
		}
		time.Sleep(contenderDelay(0)) // other work; whoever comes back at once leaves nothing for the others
	}
}

// contenderDelay is how long a contender waits between two tries: less than it
// would by default, so that there are many turns.
func contenderDelay(int) time.Duration { return time.Millisecond + rand.N(9*time.Millisecond) }

// contenderLock returns what locks and unlocks by the given library, and what there is to do
// in the end.
func contenderLock(library, name string, addresses []string) (lock func() error, unlock func() (bool, error), end func() error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	_ = cancel // the process ends with it
	end = func() error { return nil }
	dial := func(address string) *redis.Pool {
		return &redis.Pool{MaxIdle: 10, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
	}
	switch library {
	case "redsync":
		var pools []redsyncredis.Pool
		for _, address := range addresses {
			pools = append(pools, redsyncredigo.NewPool(dial(address)))
		}
		m := redsync.New(pools...).NewMutex(name, redsync.WithExpiry(contenderExpiry),
			redsync.WithTries(manyTries), redsync.WithRetryDelayFunc(contenderDelay))
		return func() error { return m.LockContext(ctx) }, m.Unlock, end, nil
	case "redlatch":
		var pools []pool.Pool
		for _, address := range addresses {
			pools = append(pools, redigo.NewPool(dial(address)))
		}
		locker := redlatch.New(pools...)
		m := locker.NewMutex(name, redlatch.WithExpiry(contenderExpiry),
			redlatch.WithTries(manyTries), redlatch.WithRetryDelayFunc(contenderDelay))
		return func() error { return m.LockContext(ctx) }, m.Unlock, func() error { return locker.Close(ctx) }, nil
	case rootReplaced, allReplaced:
		var pools []redsyncredis.Pool
		for _, address := range addresses {
			pools = append(pools, dropinPools[library](dial(address)))
		}
		rs := dropin.New(pools...)
		m := rs.NewMutex(name, dropin.WithExpiry(contenderExpiry),
			dropin.WithTries(manyTries), dropin.WithRetryDelayFunc(contenderDelay))
		return func() error { return m.LockContext(ctx) }, m.Unlock, func() error { return rs.Redlatch().Close(ctx) }, nil
	case "none":
		return func() error { return nil }, func() (bool, error) { return true, nil }, end, nil
	}
	return nil, nil, nil, fmt.Errorf("there is no library %q", library)
}
