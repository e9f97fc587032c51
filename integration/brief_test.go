package integration

import (
	"os"
	"os/exec"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/redlatch/redlatch/integration/servers"
	dropin "github.com/redlatch/redlatch/redsync"
)

// beBrief is a process that locks and unlocks, and ends at once.
func beBrief(replacement, address string) error {
	p := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", address) }}
	m := dropin.New(dropinPools[replacement](p)).NewMutex("lock", patientDropin)
	if err := m.Lock(); err != nil {
		return err
	}
	_, err := m.Unlock()
	return err
}

// A process that ends right after Unlock leaves nothing behind.
func TestProcessEndsAfterUnlock(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	onDropin(t, []int{1}, func(t *testing.T, nodes []*servers.Server, replacement string) {
		cmd := exec.Command(program, replacement, nodes[0].Addr())
		cmd.Env = append(os.Environ(), roleVariable+"=brief")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		nothingLeft(t, nodes)
	})
}
