package soak

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/redlatch/redlatch/internal/history"
)

// A Verdict is what the judges say of a history.
type Verdict struct {
	Overlaps []history.Overlap

	// Order says whether the calls have an order in which every lock behaves like one
	// object. Unknown is no acquittal: the judge has not come to an end.
	Order porcupine.CheckResult

	operations []porcupine.Operation
	info       porcupine.LinearizationInfo
}

// Judge judges a history. It gives up looking for an order after the given time.
func Judge(calls []history.Call, limit time.Duration) Verdict {
	v := Verdict{Overlaps: history.Overlaps(history.Holds(calls)), operations: operations(calls)}
	v.Order, v.info = porcupine.CheckOperationsVerbose(model, v.operations, limit)
	return v
}

// enough of what is wrong is told: one mistake has it happen many times.
const enough = 3

// Err returns what is wrong with the history, or nil.
func (v Verdict) Err() error {
	var wrong []string
	for i, o := range v.Overlaps {
		if i == enough {
			wrong = append(wrong, fmt.Sprintf("and so on: %d times in all", len(v.Overlaps)))
			break
		}
		wrong = append(wrong, o.String())
	}
	switch v.Order {
	case porcupine.Ok:
	case porcupine.Illegal:
		wrong = append(wrong, "there is no order of the calls in which a lock is one object")
	default:
		wrong = append(wrong, "whether there is an order of the calls in which a lock is one object was not found out in time")
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "\n"))
}

// A step is what a call does to a lock. The lock's state is its owner's value, or "".
type step struct {
	does              does
	name, value, call string
}

type does uint8

const (
	takes does = iota // free to owned
	keeps             // owned, and stays so
	frees             // owned to free
)

// model is one lock as one object, for each name.
var model = porcupine.Model{
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		byName := make(map[string][]porcupine.Operation)
		for _, o := range all {
			name := o.Input.(step).name
			byName[name] = append(byName[name], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range byName {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		s := input.(step)
		switch s.does {
		case takes:
			return state == "", s.value
		case keeps:
			return state == s.value, state
		default:
			return state == s.value, ""
		}
	},
	DescribeOperation: func(input, _ any) string {
		s := input.(step)
		return s.call + " " + shorten(s.value, 4)
	},
	DescribeState: func(state any) string {
		if state == "" {
			return "free"
		}
		return shorten(state.(string), 4)
	},
	DescribeOperationMetadata: func(any) string { return "" },
}

// operations returns what the calls do to the locks, and when at the earliest and at
// the latest. Calls that failed do nothing, but for Unlock.
//
// Nor does a Lock, Extend or Valid that was under way when its process was killed, and
// so is not among the calls. It may have had an effect; but nobody has seen it. The
// lock that it may have taken keeps others out, whom nobody has promised a lock; so
// an order in which it never took effect explains all that was seen. An Unlock that
// was under way is among them, as one that failed.
func operations(calls []history.Call) []porcupine.Operation {
	byEnd := slices.Clone(calls)
	slices.SortStableFunc(byEnd, func(a, b history.Call) int { return int(a.End - b.End) })
	var found []porcupine.Operation
	holds := make(map[string]*hold) // by value
	var order []*hold
	clients := make(map[string]int)
	never := time.Second
	for _, c := range byEnd {
		never = max(never, c.End+time.Second, c.Until+time.Second)
		if _, known := clients[c.Client]; !known {
			clients[c.Client] = len(clients)
		}
		s := step{takes, c.Name, c.Value, c.Op.String()}
		h := holds[c.Value]
		if h == nil && c.Value != "" {
			h = &hold{client: clients[c.Client], name: c.Name, value: c.Value}
			holds[c.Value] = h
			order = append(order, h)
		}
		switch {
		case c.Op == history.Unlock:
			h.unlock(c)
			continue
		case !c.OK:
			continue
		case c.Op == history.Lock:
			h.locked = true
		case c.Op == history.Extend, c.Op == history.Valid:
			s.does = keeps
		}
		if c.Op != history.Valid {
			h.until = c.Until // the last counts: an Extend may also shorten
		}
		// A success took effect between its start and its end.
		found = append(found, porcupine.Operation{ClientId: clients[c.Client], Input: s, Call: int64(c.Start), Return: int64(c.End)})
	}
	for _, h := range order {
		if h.locked {
			found = append(found, h.end(never))
		}
	}
	for i := range found {
		found[i].Metadata = i
	}
	return found
}

// A hold is what is known of how a lock came to its end.
type hold struct {
	client      int
	name, value string
	locked      bool
	until       time.Duration // of the last success

	unlocking bool          // Unlock was called
	from      time.Duration // when it first was
	unlocked  bool          // and has succeeded
	to        time.Duration // when the first that did so returned
}

func (h *hold) unlock(c history.Call) {
	if !h.unlocking {
		h.unlocking, h.from = true, c.Start
	}
	if c.OK && !h.unlocked {
		h.unlocked, h.to = true, c.End
	}
}

// end returns the operation that frees the lock. never is later than all that happens.
func (h *hold) end(never time.Duration) porcupine.Operation {
	o := porcupine.Operation{ClientId: h.client, Input: step{frees, h.name, h.value, "end"}}
	switch {
	case h.unlocked:
		// By the time that an Unlock succeeded, a quorum has released it. If an earlier
		// Unlock failed, some nodes may have released it then.
		o.Call, o.Return = int64(h.from), int64(h.to)
	case h.unlocking:
		// An Unlock that failed, or was under way when its process was killed, may have
		// released it at once, or in the background later, or never: then it expires,
		// perhaps before it was called.
		o.Call, o.Return = int64(min(h.from, h.until)), int64(never)
	default:
		// It expires, but not before its holder's Until. There is no latest moment: an
		// Extend that failed may have made it last longer on the nodes, and nobody has
		// to take it afterwards.
		o.Call, o.Return = int64(h.until), int64(never)
	}
	return o
}

// stuck returns what could not be put in order: of the operations that are not in the
// longest order of their lock, the one that must be over first. It returns false if
// there is none.
func (v Verdict) stuck() (first porcupine.Operation, found bool) {
	placed := make(map[int]bool)
	for _, orders := range v.info.PartialLinearizationsOperations() {
		var longest []porcupine.Operation
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
		for _, o := range longest {
			placed[o.Metadata.(int)] = true
		}
	}
	for _, o := range v.operations {
		if !placed[o.Metadata.(int)] && (!found || o.Return < first.Return) {
			first, found = o, true
		}
	}
	return first, found
}
