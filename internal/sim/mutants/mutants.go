package main

// A mutant is a bug that somebody might write, or has written: an edit of the shipped
// code.
type mutant struct {
	name  string
	what  string // what is wrong with it
	edits []edit
	limit int // how many seeds, from 1 on, the simulator has to find it
}

type edit struct{ file, old, new string }

var mutants = []mutant{
	{
		"half", "half of the nodes are a quorum",
		[]edit{{"quorum/quorum.go", "enough := nodes.Len()/2 + 1", "enough := max(1, nodes.Len()/2)"}}, 1000,
	},
	{
		"union", "a joint configuration is won by a majority of all its nodes together",
		[]edit{{"quorum/quorum.go", "a, b := j[0].Judge(v), j[1].Judge(v)", "a := Majority(Set(j[0]) | Set(j[1])).Judge(v)\n\tb := a"}}, 10000,
	},
	{
		"no drift", "the drift factor is ignored",
		[]edit{{"mutex.go", "valid := expiry - time.Duration(float64(expiry)*m.driftFactor)", "valid := expiry"}}, 10000,
	},
	{
		"late start", "the time is read after the replies have come",
		[]edit{{"mutex.go", "now := m.machine.Now()\n\to := outcome", "now := m.machine.Now()\n\tstart, until = now, m.validUntil(now)\n\to := outcome"}}, 10000,
	},
	{
		"late start of Extend", "the time is read after the replies to an Extend have come",
		[]edit{{"mutex.go", "if err := m.prolong(a, start, until)", "start = m.machine.Now()\n\tuntil = m.validUntil(start)\n\tif err := m.prolong(a, start, until)"}}, 10000,
	},
	{
		"no validity", "a lock is returned that is over already",
		[]edit{{"mutex.go", "case until.passed(now): // a majority", "case false: // a majority"}}, 10000,
	},
	{
		"wall clock", "Until is kept by the wall clock alone",
		[]edit{{"deadline.go", "deadline{mono: t, wall: t.Round(0)}", "deadline{mono: t.Round(0), wall: t.Round(0)}"}}, 20000,
	},
	{
		"monotonic clock", "Until is judged by the monotonic clock alone, which stands still while a machine sleeps",
		[]edit{{"deadline.go", "return !now.Before(d.mono) || !now.Round(0).Before(d.wall)", "return !now.Before(d.mono)"}}, 20000,
	},
	{
		"DEL", "a release deletes the key, whoever's it is",
		[]edit{{"pool/redis.go", "return c.state(c.eval(&releaseScript, c.Value))", `return c.state(c.do("DEL", c.Name))`}}, 2000,
	},
	{
		"overtaking", "a command does not wait for what was sent to the node before",
		[]edit{{"lane.go", "l.queue = append(l.queue, t)\n", "go m.do(i, t)\n"}}, 1000,
	},
	{
		"caller's context", "a try is not undone once the caller's context has ended",
		[]edit{{"round.go", "req := m.request(pool.Release, a)\n\treq.Reused", "req := m.request(pool.Release, a)\n\tif ctx.Err() != nil {\n\t\treturn\n\t}\n\treq.Reused"}}, 1000,
	},
	{
		"only yes", "a try is undone only where the answer was yes",
		[]edit{
			{"lane.go", "return l.fateOf(r.attempt) == fateNothing && !(r.req.Again && l.waits)", "return l.fateOf(r.attempt) != fateTaken"},
			{"round.go", "case acquired.unknown != 0:\n\t\t\tm.locker.nodes[0].owe(req, neverAnswered, 0)", "case acquired.unknown != 0:"},
		}, 10000,
	},
	{
		"lost is no", "a reply that was lost is taken for a no: nothing is to be undone there",
		[]edit{{"lane.go", "case err == nil && a.State != pool.Yes, errors.Is(err, pool.ErrNotSent):", "case err != nil || a.State != pool.Yes:"}}, 10000,
	},
	{
		"not repeated", "a release that was not answered is not repeated",
		[]edit{{"lane.go", "case err != nil:\n\t\t\tn.owe(r.req, timesFor(fate), 0)", "case err != nil:"}}, 10000,
	},
	{
		"late yes", "a yes counts that comes after the node timeout",
		[]edit{
			{"quorum/quorum.go", "case v.Yes.Has(i) || v.No.Has(i):", "case v.Yes.Has(i):\n\tcase yes && v.No.Has(i):\n\t\tv.No &^= 1 << i\n\t\tv.Yes = v.Yes.With(i)\n\tcase v.No.Has(i):"},
			{"round.go", "for (t.votes.Yes | t.votes.No).Len() < len(m.locker.nodes) {", "for {"},
		}, 20000,
	},
	{
		"top-up votes", "a node that is given the key again counts as one that had it",
		[]edit{{"lane.go", "if m.setNXOnExtend && err == nil", "if err == nil"}}, 10000,
	},
	{
		"extend re-creates", "an extension sets the key where it is gone",
		[]edit{{"pool/redis.go", "return c.state(c.eval(&extendScript, c.Value, c.milliseconds()))", "if a, err := c.state(c.eval(&extendScript, c.Value, c.milliseconds())); err != nil || a.State != Absent {\n\t\treturn a, err\n\t}\n\treturn c.acquire()"}}, 10000,
	},
	{
		"extend after Until", "a lock is extended whose Until has passed",
		[]edit{
			{"mutex.go", "case !old.isZero() && old.passed(start):", "case !old.isZero() && old.passed(start.Add(-time.Hour)):"},
			{"mutex.go", "case !m.until.isZero() && m.until.passed(now), until.passed(now):", "case until.passed(now):"},
		}, 10000,
	},
	{
		"top-up after Unlock", "whether the lock is still held is asked before its release is told of the top-up",
		[]edit{
			{"lane.go", "before := l.fateOf(r.attempt)\n\tl.attempt, l.fate = r.attempt.id, fateUnknown\n", "before := l.fateOf(r.attempt)\n"},
		}, 20000,
	},
	{
		"gone is released", "Unlock is told true where the key was gone",
		[]edit{{"round.go", "if (ans.State == pool.Absent || ans.State == pool.Other && handedOver) && ans.Resent && m.valid(a) {", "if ans.State == pool.Absent {"}}, 10000,
	},
	{
		"meets again", "of those who share the nodes all give back what they have, and try again after as long",
		[]edit{
			{"wait.go", "case leads && w.losses < maxRounds:", "case leads && w.losses < 0:"},
			{"wait.go", "base + w.m.machine.N(base<<min(w.losses, 8))", "time.Millisecond"},
		}, 100000,
	},
	{
		"waits for all", "a round is decided by its last answer, not by a quorum's",
		[]edit{{"round.go", "for t.verdict == quorum.Pending && !t.ended {", "for (t.votes.Yes|t.votes.No).Len() < len(m.locker.nodes) && !t.ended {"}}, 1000,
	},
	{
		"no node timeout", "a node is waited for as long as it takes",
		[]edit{{"round.go", "timer: time.NewTimer(req.Timeout),", "timer: time.NewTimer(100 * req.Timeout),"}}, 10000,
	},
	{
		"asked all the same", "a node that does not answer is asked for every call",
		[]edit{
			{"node.go", "if n.silent.IsZero() {\n\t\treturn nil\n\t}\n\tn.wanted = now", "if true {\n\t\treturn nil\n\t}\n\tn.wanted = now"},
			{"locker.go", "if isLate {\n\t\t\tlate = late.With(i)\n\t\t}", ""},
		}, 20000,
	},
	{
		"asks a majority", "only as many nodes are asked as it takes",
		[]edit{{"round.go", "if these.Has(i) {", "if k > nodes/2 && req.Op == pool.Acquire {\n\t\t\terr = errLate\n\t\t} else if these.Has(i) {"}}, 1000,
	},
	{
		"unanimous", "a try is lost if any node fails, though a quorum says yes",
		[]edit{{"mutex.go", "case t.verdict != quorum.Won:", "case t.verdict != quorum.Won || t.unknown != 0:"}}, 1000,
	},
	{
		"unanimous Extend", "an extension is lost if any node fails, though a quorum says yes",
		[]edit{{"mutex.go", "if t.verdict != quorum.Won {\n\t\treturn false, t.err(ctx, m, ErrExtendFailed)", "if t.verdict != quorum.Won || t.unknown != 0 {\n\t\treturn false, t.err(ctx, m, ErrExtendFailed)"}}, 1000,
	},
	{
		"not probed", "a node that did not answer once is not probed, unless it is owed something",
		[]edit{{"node.go", "if !n.silent.IsZero() {\n\t\tprobe := n.probe", "if !n.silent.IsZero() && len(n.debts) > 0 {\n\t\tprobe := n.probe"}}, 10000,
	},
	{
		"probed seldom", "a node that did not answer once is probed every ten seconds",
		[]edit{{"node.go", "return minBackoff - time.Since(start)", "return 10*time.Second - time.Since(start)"}}, 10000,
	},
	{
		"given up", "a node that did not answer once is never asked again",
		[]edit{{"node.go", "if unanswered(err) {\n\t\treturn minBackoff", "if err == nil || unanswered(err) {\n\t\treturn minBackoff"}}, 10000,
	},
	{
		"own key by the clock", "a key is taken for another's that its server has kept for longer than the client thinks, whose clock is slower",
		[]edit{{"pool/pool.go", "-2*elapsed-rounding", "-elapsed-rounding"}}, 50000,
	},
	{
		"own key", "an acquire that was sent twice, and is refused by its own key, is taken for refused",
		[]edit{{"pool/redis.go", "case c.resent:\n\t\treturn c.takenByUs()", "case false:\n\t\treturn c.takenByUs()"}}, 20000,
	},
	{
		"forgets what hangs", "a release is forgotten after the expiry, though a node that hangs may still have the acquire before it",
		[]edit{{"node.go", "!now.Before(d.until) && !(silent && d.outlasts())", "!now.Before(d.until)"}}, 20000,
	},
	{
		"overtakes by DELIFEQ", "a native command that has overtaken the acquire is not repeated",
		[]edit{{"pool/native.go", "for range 2 {", "for range 1 {"}}, 20000,
	},
	{
		"overtakes", "a release that has overtaken the acquire is repeated only after the node timeout",
		[]edit{{"node.go", "if d.times > onceAnswered {\n\t\t\td.due", "if false {\n\t\t\td.due"}}, 20000,
	},
	{
		"message is a grant", "a waiter that is told that it was handed the lock believes it, and claims nothing",
		[]edit{
			{"wait.go", "== quorum.Won {\n\t\t\t\treturn true\n\t\t\t}\n\t\t\tw.sooner(", "== quorum.Won {\n\t\t\t\tw.m.mu.Lock()\n\t\t\t\tw.m.won, w.m.since, w.m.held = w.attempt, w.m.machine.Now(), true\n\t\t\t\tw.m.until = w.m.validUntil(w.m.since)\n\t\t\t\tw.m.mu.Unlock()\n\t\t\t\tw.last.won = true\n\t\t\t\treturn true\n\t\t\t}\n\t\t\tw.sooner("},
			{"wait.go", "if !w.rest(ctx) {\n\t\t\treturn w.failed(ctx)\n\t\t}\n", "if !w.rest(ctx) {\n\t\t\treturn w.failed(ctx)\n\t\t}\n\t\tif w.last.won {\n\t\t\treturn nil\n\t\t}\n"},
		}, 1000,
	},
	{
		"wakes all", "a message about one waiter wakes all of its process",
		[]edit{{"inbox.go", "if w := in.waiters[value]; w != nil {\n", "for _, w := range in.waiters {\n"}}, 20000,
	},
	{
		"looks when told", "the first in line looks only when it is told that it was handed the lock, or the key must have expired",
		[]edit{{"wait.go", "if !counts || w.try >= w.tries || !w.quiet() {", "if !counts || w.try >= w.tries || w.place == 0 {"}}, 10000,
	},
	{
		"stays in line", "who gives up stays in the nodes' lines",
		[]edit{{"round.go", "handOver || m.locker.alone, a.waits, a.inbox", "handOver || m.locker.alone, false, a.inbox"}}, 1000,
	},
	{
		"keeps what it shares", "of those who share the nodes none gives back what it has",
		[]edit{{"wait.go", "case leads && w.losses < maxRounds:", "case leads || true:"}}, 10000,
	},
}
