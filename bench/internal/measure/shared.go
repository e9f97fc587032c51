package measure

import (
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restTime is how long who has had a turn rests before it looks whether another has had
// one since: less than the work of a turn, and more than a good handoff.
const restTime = 500 * time.Microsecond

// shared is a number that processes share: who of them had the lock last, 0 for nobody
// yet. A nil *shared is none, and nobody rests.
type shared struct{ last *atomic.Int64 }

// createShared makes the file of such a number.
func createShared(path string) error { return os.WriteFile(path, make([]byte, 8), 0o600) }

// openShared opens it. It stays open for as long as the process runs.
func openShared(path string) (*shared, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	memory, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &shared{(*atomic.Int64)(unsafe.Pointer(&memory[0]))}, nil // a page's beginning is aligned
}

// set notes that who has the lock.
func (s *shared) set(who int) {
	if s != nil {
		s.last.Store(int64(who) + 1)
	}
}

// rest returns when another than who has had the lock.
func (s *shared) rest(who int) {
	if s == nil {
		return
	}
	for s.last.Load() == int64(who)+1 {
		time.Sleep(restTime)
	}
}
