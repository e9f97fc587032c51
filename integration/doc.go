// Package integration tests redlatch on real Redis and Valkey servers, which it
// runs in containers: alone and beside redsync, with servers that are paused,
// killed, started again and cut off.
//
// It has nothing but tests. Without a Docker engine they are left out, and one
// line says which; with REDLATCH_DOCKER=require in the environment that is a
// failure. Images that the engine lacks are pulled; where none can be pulled,
// images.sh makes them.
package integration
