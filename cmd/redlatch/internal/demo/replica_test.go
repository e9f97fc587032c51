package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// fakeLock is a lock that counts.
type fakeLock struct {
	valid      time.Duration
	err        error // of the release
	taken      int
	released   int
	neverAgain bool // the second Take waits for the end of ctx
}

func (l *fakeLock) take(ctx context.Context) (time.Time, func() error, error) {
	if l.neverAgain && l.taken > 0 {
		<-ctx.Done()
		return time.Time{}, nil, ctx.Err()
	}
	l.taken++
	return time.Now().Add(l.valid), func() error { l.released++; return l.err }, nil
}

// parent is the other side of a replica, for a test that plays it by hand.
type parent struct {
	t      *testing.T
	hears  *json.Decoder
	orders *io.PipeWriter
	ended  chan error
}

// startReplica runs a replica in this process.
func startReplica(t *testing.T, take Take) *parent {
	in, orders := io.Pipe()
	hears, out := io.Pipe()
	p := &parent{t, json.NewDecoder(hears), orders, make(chan error, 1)}
	go func() {
		p.ended <- Replica(in, out, take)
		out.Close()
	}()
	return p
}

// wants reads a message and checks it. What goes with it is returned.
func (p *parent) wants(say word) message {
	p.t.Helper()
	var m message
	if err := p.hears.Decode(&m); err != nil || m.Say != say {
		p.t.Fatalf("got %+v, %v, want %q", m, err, say)
	}
	return m
}

func (p *parent) tells(do word) { json.NewEncoder(p.orders).Encode(order{do}) }

// ends waits for the replica to end, and lets go of it.
func (p *parent) ends() error {
	defer p.orders.Close()
	return <-p.ended
}

func TestReplicaTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := &fakeLock{valid: 8 * time.Second}
		p := startReplica(t, lock.take)
		for turn := 1; turn <= 3; turn++ {
			p.wants(sayWait)
			if m := p.wants(sayEnter); m.LeftMS != 8000 {
				t.Errorf("got %d ms left, want 8000", m.LeftMS)
			}
			began := time.Now()
			p.tells(doGo)
			p.wants(sayLeave)
			if d := time.Since(began); d < minWork || d >= maxWork {
				t.Errorf("got a turn of %v, want one from %v to %v", d, minWork, maxWork)
			}
			synctest.Wait()
			if lock.released != turn-1 {
				t.Errorf("got %d releases before turn %d was confirmed to be over, want %d", lock.released, turn, turn-1)
			}
			p.tells(doGo)
		}
		p.wants(sayWait)
		p.wants(sayEnter)
		p.tells(doStop)
		p.tells(doGo)
		p.wants(sayLeave)
		p.tells(doGo)
		p.wants(sayDone)
		if err := p.ends(); err != nil || lock.released != 4 {
			t.Errorf("got %v and %d releases, want nil and 4", err, lock.released)
		}
	})
}

func TestReplicaStopsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := &fakeLock{valid: time.Second, neverAgain: true, taken: 1}
		p := startReplica(t, lock.take)
		p.wants(sayWait)
		p.tells(doStop)
		if m := p.wants(sayDone); m.Error != context.Canceled.Error() {
			t.Errorf("got %q, want why the lock was not had", m.Error)
		}
		if err := p.ends(); err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
}

func TestReplicaReleasesWhenParentDies(t *testing.T) {
	for _, inside := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			lock := &fakeLock{valid: time.Second}
			in, orders := io.Pipe()
			hears, out := io.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- Replica(in, out, lock.take) }()
			p := &parent{t, json.NewDecoder(hears), orders, ended}
			p.wants(sayWait)
			p.wants(sayEnter)
			if inside {
				p.tells(doGo)
			}
			orders.Close()
			hears.Close()
			if err := <-ended; err == nil || lock.released != 1 {
				t.Errorf("got %v and %d releases, want an error and 1", err, lock.released)
			}
		})
	}
}

func TestReplicaReportsLostLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startReplica(t, (&fakeLock{valid: minWork, err: errors.New("gone")}).take)
		p.wants(sayWait)
		p.wants(sayEnter)
		p.tells(doGo)
		p.wants(sayLost)
		p.tells(doStop)
		p.tells(doGo)
		p.wants(sayDone) // and not that the release failed, which is plain
		p.ends()
	})
}

func TestReplicaReportsReleaseThatWasNotConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startReplica(t, (&fakeLock{valid: time.Second, err: errors.New("redlatch: failed to unlock: gone")}).take)
		p.wants(sayWait)
		p.wants(sayEnter)
		p.tells(doGo)
		p.wants(sayLeave)
		p.tells(doStop)
		p.tells(doGo)
		if m := p.wants(sayUnsure); m.Error != "failed to unlock: gone" {
			t.Errorf("got %q, want the error of the release", m.Error)
		}
		p.wants(sayDone)
		p.ends()
	})
}

func TestReplicaFailsWithTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("bad configuration")
		p := startReplica(t, func(context.Context) (time.Time, func() error, error) { return time.Time{}, nil, broken })
		p.wants(sayWait)
		if err := p.ends(); err != broken {
			t.Errorf("got %v, want %v", err, broken)
		}
	})
}
