package redlatch_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/pool"
)

// upgrade is the way from one node to three, in a world of three: the lockers of
// a configuration, of the bridge, and of the next.
func upgrade(w *world) (old, bridge, next *redlatch.Locker) {
	one, three := []pool.Pool{w.faulty[0]}, []pool.Pool{w.faulty[0], w.faulty[1], w.faulty[2]}
	return redlatch.New(one...), redlatch.NewJoint(one, three), redlatch.New(three...)
}

// Neighbouring configurations exclude each other, whoever comes first.
func TestJointExcludesItsNeighbours(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		old, bridge, next := upgrade(w)
		for _, pair := range [][2]*redlatch.Locker{{old, bridge}, {bridge, old}, {bridge, next}, {next, bridge}, {bridge, bridge}} {
			first, second := pair[0].NewMutex(name), pair[1].NewMutex(name)
			w.must(first.Lock())
			w.wantErr(second.TryLock(), redlatch.ErrFailed)
			w.wantTrue(first.Extend())
			w.wantTrue(first.Valid())
			w.wantTrue(first.Unlock())
			synctest.Wait()
			w.must(second.TryLock())
			w.wantTrue(second.Unlock())
			w.wantNone()
		}
	})
}

// A majority of either half alone is not enough.
func TestJointNeedsBothHalves(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		_, bridge, _ := upgrade(w)
		down := errors.New("nobody listens")
		for _, without := range [][]int{{0}, {1, 2}} {
			for _, i := range without {
				w.faulty[i].Refuse(down)
			}
			w.wantErr(bridge.NewMutex(name).TryLock(), down, redlatch.ErrFailed)
			for _, i := range without {
				w.faulty[i].Refuse(nil)
			}
			w.wantNone()
		}
		w.faulty[1].Refuse(down)
		w.must(bridge.NewMutex(name).TryLock())
	})
}

// A lock of the old configuration alone blocks the whole bridge, and is said to.
func TestJointTakenByTheOld(t *testing.T) {
	inWorld(t, 3, func(w *world) {
		_, bridge, _ := upgrade(w)
		w.take(0)
		if err := bridge.NewMutex(name).TryLock(); !isTaken(err) {
			w.Errorf("got %T %v, want *ErrTaken", err, err)
		}
		w.wantKeys("another", "", "")
	})
}

func TestJointOfOneNode(t *testing.T) {
	inWorld(t, 1, func(w *world) {
		one := []pool.Pool{w.faulty[0]}
		m := redlatch.NewJoint(one, one).NewMutex(name)
		w.must(m.Lock())
		w.wantTrue(m.Unlock())
		time.Sleep(time.Second)
		if got := len(w.sent(0)); got != 2 {
			w.Errorf("%d commands, want 2", got)
		}
	})
}
