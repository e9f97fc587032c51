package pool

import "sync/atomic"

// names are the keys that a server is asked about most, as arguments of commands: making
// those anew each time would be a third of what an uncontended lock allocates.
type names [64]atomic.Pointer[keys]

// keys are those of a lock.
type keys struct {
	name     string
	lock     any    // the name
	line     any    // that of who waits for it
	lineName string // "" if it can have none
}

// of returns the keys of a lock.
func (n *names) of(name string) *keys {
	hash := uint32(2166136261) // FNV-1a
	for i := range len(name) {
		hash = (hash ^ uint32(name[i])) * 16777619
	}
	slot := &n[hash%uint32(len(n))]
	if k := slot.Load(); k != nil && k.name == name {
		return k
	}
	k := keysOf(name)
	slot.Store(k)
	return k
}

func keysOf(name string) *keys {
	line := lineOf(name)
	return &keys{name: name, lock: name, line: line, lineName: line}
}
