package demo

import (
	"fmt"
	"io"
	"time"
)

// A view shows what happens. It is used by one goroutine.
type view interface {
	// update shows events, which are all there were since the last update and
	// up to now.
	update(events []event, now time.Duration)

	// close leaves out as it was found, below what was shown.
	close()
}

// newView returns the view that suits out: a drawing on a terminal, or lines.
func newView(out, errOut io.Writer, intro []line, replicas, nodes int) view {
	if f := terminal(out); f != nil {
		return newScreen(f, errOut, sizeOf(f), paintFor(out), intro, newTimeline(replicas, nodes))
	}
	return newLines(out, errOut, intro)
}

// lines is the view that prints a line for each event.
type lines struct{ out, errOut io.Writer }

func newLines(out, errOut io.Writer, intro []line) *lines {
	for _, l := range intro {
		fmt.Fprintln(out, paint(false).text(l, 0))
	}
	fmt.Fprintln(out)
	return &lines{out, errOut}
}

func (l *lines) update(events []event, _ time.Duration) {
	for _, e := range events {
		switch e.kind {
		case waiting, ended:
		case said:
			fmt.Fprintln(l.errOut, e)
		default:
			fmt.Fprintf(l.out, "%s  %v\n", seconds(e.at), e)
		}
	}
}

func (l *lines) close() { fmt.Fprintln(l.out) }

func seconds(at time.Duration) string { return fmt.Sprintf("%7.3fs", at.Seconds()) }
