// Package soak lets processes contend for locks on real servers while faults befall
// servers, network and processes at random, and judges what the processes saw.
//
// [Run] is one round: a crew of client processes (see [Client]), each with workers
// that lock, hold, extend and unlock as its seed has it; proxies between each client
// and each server; and what goes wrong, as the round's seed has it, in a minority of
// the servers at a time. Then it gets calm, everybody must come by a lock, and leave.
//
// What must hold:
//
//   - no two holders of a lock at any time (package history);
//   - there is an order of all calls, each at a moment between its start and its end,
//     in which one lock is one object that is free or somebody's ([Judge]);
//   - every call returns by its bound;
//   - in the end there is no key, no goroutine and no connection more than before.
//
// All times are those of one clock, which all processes of a machine share. The seed
// decides what is done, and in which order; how long the machine takes for it differs
// from run to run, so a seed makes a failure likely, and not certain.
package soak
