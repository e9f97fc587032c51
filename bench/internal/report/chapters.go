package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/redlatch/redlatch/bench/internal/measure"
	"github.com/redlatch/redlatch/bench/internal/peer"
	"github.com/redlatch/redlatch/bench/internal/result"
)

// chapters returns those of the report, in its order.
func chapters() []chapter {
	return []chapter{
		{
			section: measure.Uncontended, title: "Uncontended",
			text: "NewMutex, Lock and Unlock of a lock that nobody else wants, on one server, over a Unix socket, so that\n" +
				"what a library adds shows; client and server share a core, so that nothing depends on how deep another sleeps. CPU is the client's. “/ raw” is the ratio to redigo alone, which sends the two commands and is no lock.\n\n" +
				"![time of a pair](uncontended.svg)",
			columns: []column{
				microseconds("time", measure.TimeUS), against("/ raw", measure.TimeUS, peer.Raw), p99("p99", measure.PairNS, 1),
				microseconds("CPU", measure.CPUUS), against("/ raw", measure.CPUUS, peer.Raw),
				of("allocations", measure.Allocs), of("bytes", measure.Bytes),
			},
		},
		{
			section: measure.Handoff, title: "Contention",
			text: "Separate processes lock one name, hold it for 1 ms and unlock it. A handoff lasts from the call of Unlock to the next\n" +
				"Lock having returned, in another process that was waiting. A round trip is the median PING of the same processes,\n" +
				"on the same connections, as often as turns come. Who has had a turn lets another go first,\n" +
				"except in the cases “back at once”: there it comes back at once, and may take the lock again while others wait (“again”).\n" +
				"A fair share of waiting is one turn of every other process. The clients' commands are counted on their connections;\n" +
				"the server's count (`total_commands_processed`) has also those that scripts call.\n\n" +
				"![handoff by number of processes](handoff.svg)\n\n![longest wait by number of processes](waits.svg)\n\n" +
				"![commands by number of processes](commands.svg)",
			columns: []column{
				microseconds("handoff", measure.HandoffUS), p99("p99", measure.HandoffNS, 1),
				of("in round trips", measure.HandoffRT),
				{"p99", func(_ set, c *result.Cell) string { return figure(p99RoundTrips(c)) }},
				of("turns/s", measure.TurnsPS), of("clients' commands / turn", measure.ClientCmds), of("server's", measure.ServerCmds),
				{"least / most served", served}, {"longest wait", longestWait}, of("in fair shares", measure.LongestFS),
				{"again", func(_ set, c *result.Cell) string { return percent(c.Median(measure.AgainShare)) }},
			},
		},
		{
			section: measure.Goroutines, title: "Goroutines of one process",
			text: "16 goroutines of one process lock one name and unlock it, at once. “In a row” is the most turns that one process\n" +
				"had while another had been waiting for 2 ms, so that the server knew.",
			columns: []column{
				of("turns/s", measure.TurnsPS), against("/ redsync", measure.TurnsPS, peer.Redsync),
				of("clients' commands / turn", measure.ClientCmds),
				{"least / most served", served}, {"longest wait", longestWait}, of("in fair shares", measure.LongestFS),
				{"in a row", func(_ set, c *result.Cell) string { return figure(c.Max(measure.MostRun)) }},
			},
		},
		{
			section: measure.Names, title: "Many names at once",
			text: "64 goroutines of one process, each with a lock of its own that nobody else wants, on one server, over TCP.",
			columns: []column{
				of("pairs/s", measure.PairsPS), against("/ redsync", measure.PairsPS, peer.Redsync),
				against("/ batches", measure.PairsPS, peer.RawBatches), against("/ raw rueidis", measure.PairsPS, peer.RawRueidis),
				of("writes / pair", measure.Writes), of("commands / pair", measure.Cmds), p99("p99", measure.PairNS, 1),
				microseconds("CPU / pair", measure.CPUUS), of("allocations", measure.Allocs),
			},
		},
		{
			section: measure.Masters, title: "Several servers, all of them well",
			text: "NewMutex, Lock and Unlock, over TCP. Raw redigo writes to every server and then reads from every one.",
			columns: []column{
				microseconds("time", measure.TimeUS), against("/ raw", measure.TimeUS, peer.Raw), against("/ redsync", measure.TimeUS, peer.Redsync),
				p99("p99", measure.PairNS, 1), microseconds("CPU", measure.CPUUS), against("/ raw", measure.CPUUS, peer.Raw),
				of("allocations", measure.Allocs),
			},
		},
		{
			section: measure.Hung, title: "Several servers, one of them hung",
			text: "The last server is stopped as by SIGSTOP: it takes what is sent to it, and does not answer. “> 2 s” is a call that was not\n" +
				"waited for any longer. Goroutines and connections are what there are more after many calls than after some.\n\n![N = 3 with one node hung](hung.svg)",
			columns: hungColumns(),
		},
		{
			section: measure.Waiting, title: "Waiting for a lock that is held",
			text: "50 wait for one lock that nobody unlocks. The server's MONITOR tells clients' commands from those that scripts call.",
			columns: []column{
				of("clients' commands/s", measure.ClientPS), of("releases/s", measure.ReleasesPS), of("inside scripts/s", measure.InsidePS),
				{"clients' commands, in one run", func(_ set, c *result.Cell) string { return strings.Join(c.Notes[:min(1, len(c.Notes))], "") }},
			},
		},
		{
			section: measure.Takeover, title: "A holder that dies",
			text: "From the end of the key of a holder that was killed to the next Lock having returned, on an empty server and\n" +
				"beside other keys that expire some day.",
			columns: []column{
				{"median", func(_ set, c *result.Cell) string { return duration(c.Quantile(measure.TakeoverMS, 0.5) * 1e3) }},
				p99("p99", measure.TakeoverMS, 1e6),
			},
		},
		{
			section: measure.Size, title: "Size",
			text: "A program that locks once and unlocks: the modules that are built into it, and the size of the binary.",
			columns: []column{
				of("modules", measure.Modules), of("KB", measure.SizeKB),
				{"more than redigo alone, KB", func(s set, c *result.Cell) string {
					return figure(c.Median(measure.SizeKB) - s.cell(c.Section, c.Case, peer.Raw).Median(measure.SizeKB))
				}},
			},
		},
	}
}

// hungColumns are those of the calls, one after the other.
func hungColumns() []column {
	var columns []column
	for _, call := range measure.Calls {
		columns = append(columns,
			microseconds(call+", all well", measure.WellUS(call)),
			column{"one hung", func(_ set, c *result.Cell) string {
				if over := c.Median(measure.OverMS(call)); over > 0 {
					return "> " + duration(over*1e3)
				}
				return duration(c.Median(measure.HungUS(call)))
			}},
			of("hung / well", measure.HungRatio(call)),
		)
	}
	return append(columns, of("goroutines", measure.GoroutinesGrowth), of("connections", measure.OpenGrowth))
}

// served returns how often the least and the most served were, in the median run.
func served(_ set, c *result.Cell) string {
	return fmt.Sprintf("%s / %s", figure(c.Median(measure.Least)), figure(c.Median(measure.Most)))
}

func longestWait(_ set, c *result.Cell) string { return duration(c.Median(measure.LongestMS) * 1e3) }

func percent(share float64) string {
	if math.IsNaN(share) {
		return "–"
	}
	return figure(100*share) + " %"
}
