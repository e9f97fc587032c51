package redlatch_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// A far node is one that messages take their time to get to, and back: between the least and
// twice as long, each by chance.
type far struct {
	*memory.Node
	least  time.Duration
	mu     sync.Mutex
	random *rand.Rand
	asked  int
}

func (f *far) way() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.least + time.Duration(f.random.Int64N(int64(f.least)))
}

func (f *far) Ask(ctx context.Context, req pool.Request) (pool.Answer, error) {
	f.mu.Lock()
	f.asked++
	f.mu.Unlock()
	time.Sleep(f.way())
	a, err := f.Node.Ask(context.WithoutCancel(ctx), req)
	time.Sleep(f.way())
	return a, err
}

func (f *far) Listen(ctx context.Context, inbox string, up func(), handed func(value string)) error {
	return f.Node.Listen(ctx, inbox, up, func(value string) {
		d := f.way()
		time.AfterFunc(d, func() { handed(value) })
	})
}

// contendFar has clients take turns at a lock, and returns how long that took and how many
// requests it cost.
func contendFar(t *testing.T, nodes, clients, rounds int, least time.Duration, seed uint64) (took time.Duration, asked int) {
	synctest.Test(t, func(t *testing.T) {
		var all []*memory.Node
		for range nodes {
			all = append(all, memory.New())
		}
		var links []*far
		var lockers []*redlatch.Locker
		for c := range clients {
			var pools []pool.Pool
			for i := range all {
				l := &far{Node: all[i], least: least, random: rand.New(rand.NewPCG(seed, uint64(c<<8+i)))}
				links = append(links, l)
				pools = append(pools, l)
			}
			lockers = append(lockers, redlatch.New(pools...))
		}
		start := time.Now()
		var wait sync.WaitGroup
		for _, l := range lockers {
			wait.Go(func() {
				for range rounds {
					m := l.NewMutex(name)
					if err := m.Lock(); err != nil {
						t.Errorf("after %v: %v", time.Since(start), err)
						return
					}
					if ok, err := m.Unlock(); !ok {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		took = time.Since(start)
		for _, l := range links {
			asked += l.asked
		}
		for _, l := range lockers {
			l.Close(context.Background())
		}
	})
	return took, asked
}

// However many nodes there are, and however much longer some messages take than others: all
// who contend get through, and in about the time that they need at one node.
func TestContendOnManyNodes(t *testing.T) {
	for _, least := range []time.Duration{time.Millisecond, 5 * time.Millisecond} { // it varies by 2 ms there and back, and by 10
		var alone, many time.Duration
		for seed := range uint64(5) {
			one, _ := contendFar(t, 1, 20, 3, least, seed)
			five, asked := contendFar(t, 5, 20, 3, least, seed)
			alone, many = alone+one, many+five
			if most := 8 * 20 * 3 * 5; asked > most {
				t.Errorf("%v, seed %d: %d requests, want %d at most", least, seed, asked, most)
			}
		}
		if many > alone*3/2 {
			t.Errorf("%v: it took %v at five nodes, and %v at one", least, many, alone)
		}
	}
}
