package measure

import "context"

// A Section is a part of the benchmark.
type Section struct {
	Name  string // as it is asked for, and as the results have it
	About string // a few words
	Run   func(context.Context, *Bench) error
}

// The names of the sections.
const (
	Uncontended = "uncontended"
	Handoff     = "handoff"
	Goroutines  = "goroutines"
	Names       = "names"
	Masters     = "masters"
	Hung        = "hung"
	Waiting     = "waiting"
	Takeover    = "takeover"
	Size        = "size"
)

// Sections returns all sections, in their order.
func Sections() []Section {
	return []Section{
		{Uncontended, "Lock and Unlock that nobody else wants, one server, Unix socket", uncontended},
		{Handoff, "processes that contend for one lock", handoff},
		{Goroutines, "goroutines of one process that contend for one lock", goroutines},
		{Names, "64 goroutines, each with a lock of its own", names},
		{Masters, "Lock and Unlock on several servers, all of them well", masters},
		{Hung, "Lock, Unlock and Extend on several servers, one of them hung", hung},
		{Waiting, "50 waiters for a lock that is held", waiting},
		{Takeover, "taking over from a holder that has died", takeover},
		{Size, "what a program that uses the lock is made of", size},
	}
}
