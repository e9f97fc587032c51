package soak

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/history"
	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
)

// play lets workers contend for a while, each on the node that is returned for it,
// and returns what they told.
func play(t *testing.T, node func(i int) pool.Pool) []history.Call {
	t.Helper()
	var mu sync.Mutex
	var calls []history.Call // guarded by mu
	var stop atomic.Bool
	var group sync.WaitGroup
	for i := range 8 {
		w := &worker{
			name:   fmt.Sprint(i),
			seed:   uint64(i),
			locker: redlatch.New(node(i)),
			tell: func(l line) {
				if l.Call != nil {
					mu.Lock()
					defer mu.Unlock()
					calls = append(calls, *l.Call)
				}
			},
		}
		group.Go(func() { w.work(&stop) })
	}
	time.Sleep(time.Second) // the clocks that workers read are real
	stop.Store(true)
	group.Wait()
	return calls
}

func TestWorkersOnOneNode(t *testing.T) {
	node := memory.New()
	calls := play(t, func(int) pool.Pool { return node })
	did := make(map[history.Op]int)
	for _, c := range calls {
		if c.OK {
			did[c.Op]++
		}
	}
	for op := history.Lock; op <= history.Valid; op++ {
		if did[op] == 0 {
			t.Errorf("got no %v that succeeded", op)
		}
	}
	if err := Judge(calls, time.Minute).Err(); err != nil {
		t.Error(err)
	}
}

// Workers that do not exclude each other are noticed, by both judges.
func TestWorkersOnDifferentNodesAreNoticed(t *testing.T) {
	calls := play(t, func(int) pool.Pool { return memory.New() })
	v := Judge(calls, time.Minute)
	if len(v.Overlaps) == 0 {
		t.Error("got no two holders")
	}
	if v.Order != "Illegal" {
		t.Errorf("got order %s", v.Order)
	}
}
