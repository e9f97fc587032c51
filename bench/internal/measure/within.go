package measure

import (
	"sync"
	"time"
)

// timed is what some calls took.
type timed struct {
	Took   []float64     // ns, of each that succeeded
	Failed int           // how many did not
	Why    string        // what the first of those said
	Over   time.Duration // how long one was waited for that had not returned when they were given up; or 0
}

// within makes a call up to so many times, one after the other, as long as all of them
// together have not taken the limit. One that has not returned by then is left alone.
func within(limit time.Duration, times int, call func(i int) error) timed {
	var mu sync.Mutex
	var t timed // guarded by mu
	begin := time.Now()
	began := begin          // the call that is under way; guarded by mu
	done := make(chan bool) // nobody may wait for its end
	go func() {
		defer close(done)
		for i := range times {
			start := time.Now()
			if start.Sub(begin) > limit {
				return
			}
			mu.Lock()
			began = start
			mu.Unlock()
			err := call(i)
			took := time.Since(start)
			mu.Lock()
			t.add(took, err)
			mu.Unlock()
		}
	}()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case <-done:
		return t
	case <-timeout.C:
	}
	mu.Lock()
	defer mu.Unlock()
	given := t // what follows is not looked at
	given.Over = time.Since(began)
	return given
}

// add notes what a call took and returned.
func (t *timed) add(took time.Duration, err error) {
	if err == nil {
		t.Took = append(t.Took, float64(took))
		return
	}
	if t.Failed++; t.Failed == 1 {
		t.Why = err.Error()
	}
}
