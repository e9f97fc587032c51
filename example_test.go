package redlatch_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/redigo"
)

// One Redis server. It needs one on 127.0.0.1:6379.
func Example() {
	server := &redis.Pool{
		MaxIdle: 4,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, "tcp", "127.0.0.1:6379")
		},
	}
	locker := redlatch.New(redigo.NewPool(server))
	mutex := locker.NewMutex("nightly-report")
	if err := mutex.Lock(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("locked until", mutex.Until())
	if ok, err := mutex.Unlock(); !ok {
		log.Fatal(err)
	}
}

// In a program's own tests a node in memory stands in for the server.
func ExampleNew() {
	locker := redlatch.New(memory.New())
	first, second := locker.NewMutex("nightly-report"), locker.NewMutex("nightly-report")
	fmt.Println(first.Lock())
	fmt.Println(second.TryLock())
	fmt.Println(first.Unlock())
	fmt.Println(second.TryLock())
	// Output:
	// <nil>
	// redlatch: lock already taken, locked nodes: [0]
	// true <nil>
	// <nil>
}

// Of three independent servers any two are enough.
func ExampleNew_majority() {
	a, b, c := memory.New(), memory.New(), memory.New()
	mutex := redlatch.New(a, b, c).NewMutex("nightly-report")
	fmt.Println(mutex.Lock())
	a.Clear() // one of them loses its data
	fmt.Println(mutex.Extend())
	fmt.Println(mutex.Unlock())
	// Output:
	// <nil>
	// true <nil>
	// true <nil>
}

// From one server to three: clients move to the joint configuration one by one,
// and when the last of them has, one by one to the new.
func ExampleNewJoint() {
	a, b, c := memory.New(), memory.New(), memory.New()
	old := redlatch.New(a)
	joint := redlatch.NewJoint([]pool.Pool{a}, []pool.Pool{a, b, c})

	first, second := old.NewMutex("nightly-report"), joint.NewMutex("nightly-report")
	fmt.Println(first.Lock())
	fmt.Println(second.TryLock())
	// Output:
	// <nil>
	// redlatch: lock already taken, locked nodes: [0]
}

// What can be told from an error.
func ExampleMutex_LockContext() {
	locker := redlatch.New(memory.New())
	locker.NewMutex("nightly-report").Lock()

	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	err := locker.NewMutex("nightly-report").LockContext(ctx)

	var taken *redlatch.ErrTaken
	fmt.Println("failed:", errors.Is(err, redlatch.ErrFailed))
	fmt.Println("in time:", !errors.Is(err, context.DeadlineExceeded))
	fmt.Println("taken:", errors.As(err, &taken))
	// Output:
	// failed: true
	// in time: false
	// taken: true
}

// A long job extends its lock well before it ends, and stops when it cannot.
func ExampleMutex_Extend() {
	mutex := redlatch.New(memory.New()).NewMutex("nightly-report", redlatch.WithExpiry(3*time.Second))
	if err := mutex.Lock(); err != nil {
		log.Fatal(err)
	}
	defer mutex.Unlock()
	for step := range 3 {
		if time.Until(mutex.Until()) < 2*time.Second {
			if ok, err := mutex.Extend(); !ok {
				log.Fatal("the lock is lost: ", err)
			}
		}
		fmt.Println("step", step)
	}
	// Output:
	// step 0
	// step 1
	// step 2
}
