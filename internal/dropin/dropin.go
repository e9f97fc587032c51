// Package dropin is how the drop-in for redsync, a module of its own, asks the
// lock for what redsync does and redlatch would not.
package dropin

// Semantics are the differences.
type Semantics struct {
	// WholeValidity leaves in Until the 2 ms of expiry precision.
	WholeValidity bool

	// OneValue makes all tries of a Lock use one value, which may have been used
	// before, and be used by others.
	OneValue bool

	// QuorumTaken calls a lock taken if other owners may have a quorum of
	// nodes, rather than if they leave none: for an even number of nodes that
	// differs where they are known to have just half.
	QuorumTaken bool
}

// An Option is an option of a mutex that says by which semantics it works. They may
// be changed later, as options may be applied later.
type Option interface {
	Semantics() *Semantics
}
