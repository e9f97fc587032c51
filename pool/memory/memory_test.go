package memory_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch/pool"
	"github.com/redlatch/redlatch/pool/memory"
	"github.com/redlatch/redlatch/pool/pooltest"
)

func TestConformance(t *testing.T) { pooltest.Run(t, memory.New()) }

func TestLine(t *testing.T) { pooltest.RunLine(t, memory.New()) }

func TestZeroValue(t *testing.T) { pooltest.Run(t, new(memory.Node)) }

func ask(t *testing.T, n *memory.Node, op pool.Op) pool.Answer {
	t.Helper()
	a, err := n.Ask(context.Background(), pool.Request{Op: op, Name: "n", Value: "v", Expiry: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A key is there up to its expiry, and not at it.
func TestExpiresToTheNanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memory.New()
		ask(t, n, pool.Acquire)
		time.Sleep(time.Second - 1)
		if a := ask(t, n, pool.Look); a.State != pool.Yes {
			t.Errorf("1ns before its end: %v, want yes", a.State)
		}
		time.Sleep(time.Nanosecond)
		if a := ask(t, n, pool.Look); a.State != pool.Absent {
			t.Errorf("at its end: %v, want absent", a.State)
		}
		if keys := n.Keys(); len(keys) != 0 {
			t.Errorf("keys left: %v", keys)
		}
	})
}

func TestClearForgets(t *testing.T) {
	n := memory.New()
	ask(t, n, pool.Acquire)
	if keys := n.Keys(); keys["n"] != "v" {
		t.Errorf("Keys() = %v, want n: v", keys)
	}
	n.Clear()
	if a := ask(t, n, pool.Look); a.State != pool.Absent {
		t.Errorf("after Clear: %v, want absent", a.State)
	}
}
