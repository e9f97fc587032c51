package demo

import (
	"fmt"
	"slices"
	"strings"
)

// intro returns what is said before anything happens.
func (p *performance) intro() []line {
	intro := []line{
		{{bold, "redlatch demo"}, {plain, fmt.Sprintf(": %s under one lock", takeTurns(p.Replicas))}},
		{{dim, "lock     "}, {plain, p.lock}, {dim, fmt.Sprintf("  for %v", p.For)}},
	}
	kind := "running already"
	if p.embedded != nil {
		kind = "Redis-compatible, embedded"
	}
	if len(p.addrs) == 1 {
		return append(intro, line{{dim, "server   "}, {plain, p.addrs[0]}, {dim, "  " + kind}})
	}
	head := "servers  "
	for addrs := range slices.Chunk(p.addrs, 3) {
		intro = append(intro, line{{dim, head}, {plain, strings.Join(addrs, " ")}})
		head = "         "
	}
	rule := fmt.Sprintf("%s; the lock needs any %d of %d", kind, len(p.addrs)/2+1, len(p.addrs))
	intro = append(intro, line{{dim, head + rule}})
	if p.losesNode() {
		intro = append(intro, line{{dim, head + "server 1 stops half-way and comes back later"}})
	}
	return intro
}

func takeTurns(replicas int) string {
	if replicas == 1 {
		return "1 process takes turns"
	}
	return fmt.Sprintf("%d processes take turns", replicas)
}
