package stats

import (
	"cmp"
	"slices"
	"time"
)

// A Turn is one acquisition of a lock, in readings of a clock that everybody shares.
// Of a turn that was not finished the readings that are missing are 0.
type Turn struct {
	Who     int           // the contender, from 0
	Call    time.Duration // Lock was called
	Got     time.Duration // Lock returned
	Release time.Duration // Unlock was called
}

// A Contest is what came of contenders for one lock within a span of time.
type Contest struct {
	Turns    int       // acquisitions
	Served   []int     // acquisitions by contender
	Handoffs []float64 // ns from the call of Unlock to the next Lock having returned, to another who was waiting
	Again    int       // turns that followed one of the same contender while another waited
	Waits    []float64 // ns from the call of Lock to its return, or to the end of the span
	Longest  float64   // the longest of Waits, in ns
	Share    float64   // the longest of Waits for each ns of a fair share: see Judge
	Overlaps int       // turns that began before the one before had called Unlock
	MostRun  int       // the most turns in a row by contenders of one group while one of another waited
}

// Judge merges the turns of n contenders, in any order, and says what came of them
// between from and to. A group is what a contender belongs to: its process.
//
// A fair share of waiting is every other contender's mean turn: the span divided by the
// turns in it, for n-1 contenders.
func Judge(turns []Turn, n int, from, to time.Duration, group func(who int) int) Contest {
	c := Contest{Served: make([]int, n)}
	sorted := slices.SortedFunc(slices.Values(turns), func(a, b Turn) int { return cmp.Compare(started(a), started(b)) })
	var got []Turn
	for _, t := range sorted {
		if wait, ok := waited(t, from, to); ok {
			c.Waits = append(c.Waits, float64(wait))
			c.Longest = max(c.Longest, float64(wait))
		}
		if t.Got != 0 && t.Got <= to {
			got = append(got, t)
		}
	}
	calls := newCalls(sorted, n)
	for i, t := range got {
		if t.Got < from {
			continue
		}
		c.Turns++
		c.Served[t.Who]++
		if i > 0 {
			c.follow(got[i-1], t, calls)
		}
	}
	c.MostRun = longestRun(got, from, calls, group)
	if c.Turns > 0 && n > 1 {
		c.Share = c.Longest / (float64(n-1) * float64(to-from) / float64(c.Turns))
	}
	return c
}

// started orders turns: by when the lock was had, those that never were last.
func started(t Turn) time.Duration {
	if t.Got == 0 {
		return 1<<63 - 1
	}
	return t.Got
}

// waited returns how long t waited, if that ended within the span or had not ended by
// its end.
func waited(t Turn, from, to time.Duration) (time.Duration, bool) {
	switch {
	case t.Call > to, t.Got != 0 && t.Got < from:
		return 0, false
	case t.Got == 0 || t.Got > to:
		return to - t.Call, true
	}
	return t.Got - t.Call, true
}

// follow takes note of a turn and the one before it.
func (c *Contest) follow(before, t Turn, calls calls) {
	switch {
	case before.Release == 0 || t.Got < before.Release:
		c.Overlaps++
	case t.Who != before.Who && t.Call < before.Release: // it was waiting
		c.Handoffs = append(c.Handoffs, float64(t.Got-before.Release))
	case t.Who == before.Who && calls.waiting(before.Release, 0, func(who int) bool { return who != t.Who }):
		c.Again++
	}
}

// longestRun returns the most turns in a row by one group, each of which was had while
// one of another group had been waiting since before the turn before it ended: for long enough
// that the server knew.
func longestRun(got []Turn, from time.Duration, calls calls, group func(int) int) int {
	run, most := 0, 0
	for i := 1; i < len(got); i++ {
		before, t := got[i-1], got[i]
		mine := group(t.Who)
		other := func(who int) bool { return group(who) != mine }
		if t.Got < from || group(before.Who) != mine || !calls.waiting(before.Release, known, other) {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	return most
}

// known is how long after its call a waiter is known to the server, on a machine that has
// better things to do than to send what it asks.
const known = 2 * time.Millisecond

// calls is when each contender waited.
type calls [][]Turn // by contender, in order of Call

func newCalls(turns []Turn, n int) calls {
	c := make(calls, n)
	for _, t := range turns {
		c[t.Who] = append(c[t.Who], t)
	}
	for _, mine := range c {
		slices.SortFunc(mine, func(a, b Turn) int { return cmp.Compare(a.Call, b.Call) })
	}
	return c
}

// waiting reports whether a contender of those was waiting at the time, and had been for as
// long as given.
func (c calls) waiting(at, since time.Duration, those func(who int) bool) bool {
	for who, mine := range c {
		if !those(who) {
			continue
		}
		i, _ := slices.BinarySearchFunc(mine, at-since, func(t Turn, at time.Duration) int { return cmp.Compare(t.Call, at) })
		if i > 0 && (mine[i-1].Got == 0 || mine[i-1].Got > at) {
			return true
		}
	}
	return false
}
