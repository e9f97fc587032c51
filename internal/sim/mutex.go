package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redlatch/redlatch"
	"github.com/redlatch/redlatch/internal/machine"
)

// A mutex is a Mutex, and what it runs on.
type mutex struct {
	*redlatch.Mutex
	client *client
	worker int
	epoch  int
	name   int
	random *rand.Rand
	values int
	try    *try // the last that was begun; guarded by the world's mu
}

var (
	_ redlatch.Option = (*mutex)(nil)
	_ machine.Option  = (*mutex)(nil)
	_ machine.Machine = (*mutex)(nil)
)

// mutex returns the Mutex of a worker.
func (c *client) mutex(worker int) *mutex {
	if c.spec.shared {
		worker = 0
	}
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	m := c.mutexes[c.epoch][worker]
	if m != nil {
		return m
	}
	spec := c.spec
	m = &mutex{
		client: c, worker: worker, epoch: c.epoch, name: spec.workers[worker].name,
		random: rand.New(rand.NewPCG(c.world.s.seed, uint64(c.id)<<16|uint64(worker)<<8|uint64(c.epoch))),
	}
	options := []redlatch.Option{
		m,
		redlatch.WithExpiry(spec.expiry),
		redlatch.WithDriftFactor(spec.drift),
		redlatch.WithTries(spec.tries),
		redlatch.WithShufflePools(spec.shuffle),
		redlatch.WithGenValueFunc(m.generate),
	}
	if spec.timeout > 0 {
		options = append(options, redlatch.WithTimeoutFactor(spec.timeout))
	}
	if spec.delay > 0 {
		options = append(options, redlatch.WithRetryDelayFunc(func(int) time.Duration { return spec.delay/2 + m.N(spec.delay/2) }))
	}
	if spec.setNX {
		options = append(options, redlatch.WithSetNXOnExtend())
	}
	m.Mutex = c.lockers[c.epoch].NewMutex(lockNames[m.name], options...)
	c.mutexes[c.epoch][worker] = m
	return m
}

// Apply implements [redlatch.Option]. The option is the machine.
func (m *mutex) Apply(*redlatch.Mutex) {}

// Machine implements [machine.Option].
func (m *mutex) Machine() machine.Machine { return m }

// Now implements [machine.Machine].
func (m *mutex) Now() time.Time {
	return m.client.clock.read(m.client.world.now())
}

// N implements [machine.Machine].
func (m *mutex) N(n time.Duration) time.Duration {
	m.client.world.mu.Lock()
	defer m.client.world.mu.Unlock()
	return time.Duration(m.random.Int64N(int64(n)))
}

// generate makes a value: a try begins.
func (m *mutex) generate() (string, error) {
	w := m.client.world
	w.mu.Lock()
	defer w.mu.Unlock()
	m.values++
	value := fmt.Sprintf("%d.%d.%d#%d", m.client.id, m.worker, m.epoch, m.values)
	w.judge.tryBegins(m, value, w.now())
	return value, nil
}
