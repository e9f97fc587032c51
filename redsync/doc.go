// Package redsync is github.com/go-redsync/redsync/v4 on redlatch: the same names,
// the same keys on the servers, the same errors. Replace
//
//	github.com/go-redsync/redsync/v4
//
// by
//
//	github.com/redlatch/redlatch/redsync
//
// in the imports. Its clients and redsync's exclude each other, so that processes
// can be moved from the one to the other one by one.
//
// What redlatch has beyond redsync is reached by [Mutex.Redlatch],
// [Redsync.Redlatch] and [WithRedlatch]. What differs, and why, is listed in
// docs/from-redsync.md: calls that are bounded whatever a node does, nothing left
// on the servers, clear errors for what cannot work.
package redsync
