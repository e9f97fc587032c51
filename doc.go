// Package redlatch is a distributed mutex on Redis: on one server by default,
// on a majority of several independent ones where one is not enough.
//
// # Do you need a lock?
//
// What lies inside Redis needs none: its commands, transactions (MULTI, WATCH)
// and scripts are atomic. A lock is for what lies outside, such as a file, a
// database, or a service that must not be called twice at once.
//
// And no lock with a time limit can stop its holder from being paused, at any
// step and for any time, and going on when the lock is already another's. What
// the lock protects must tolerate that, or check who writes.
//
// # What is promised
//
// A [Mutex] is held until [Mutex.Until] at the latest. Until then nobody else
// holds a Mutex of the same name, provided that
//
//   - everybody uses the same nodes, with New, or configurations that share a
//     node in every quorum, as [NewJoint] makes them;
//   - the clocks of clients and servers run at the same rate, within the drift
//     factor ([WithDriftFactor]);
//   - no node forgets a key before its time to live is over: neither by a
//     restart without its data, nor by a failover to a replica that did not yet
//     have it, nor by evicting keys when its memory is full. Of several nodes,
//     as many may do so as hold the lock beyond a quorum.
//
// Waiters are served in the order in which they began to wait, as far as the nodes can
// tell them that it is their turn, or they ask in time. On several nodes, and across a
// failure, that order is likely and not certain. A client that only polls, as those of
// redsync do, is served when it happens to find the lock free, which is seldom while others
// stand in line.
//
// The lock's state on a server is one string key with a time to live, named as
// the Mutex. It is that of github.com/go-redsync/redsync: a redsync client and
// a redlatch client exclude each other.
//
// # When things fail
//
// Every call is bounded by its context and by the node timeout
// ([WithTimeoutFactor]), whatever the nodes do; but an Unlock whose context has
// ended already gives the nodes 20 ms. With several nodes a call returns as soon
// as a quorum has decided it, Unlock when nodes that are about as quick have
// answered, too, and a node that does not answer costs the others nothing. After a Lock that failed nothing of it is left on
// any node that can be reached; where the outcome on a node is not known, the
// key is released in the background, for as long as it can still matter.
//
// # Rules
//
// Comments refer to the rules of Redlock by the names S1 to S16, as
// docs/redlock.md lists them.
package redlatch
