package driver

import "github.com/redlatch/redlatch/pool"

// A Node is the node behind a client.
type Node struct {
	*pool.Redis
	client any
}

var (
	_ pool.Bounded    = (*Node)(nil)
	_ pool.Identified = (*Node)(nil)
)

// NewNode returns the node to which c sends its commands, through the given client.
// C is always back in time.
func NewNode(client any, c pool.Commander) *Node { return &Node{pool.NewRedis(c), client} }

// Bounded implements [pool.Bounded].
func (n *Node) Bounded() bool { return true }

// ID implements [pool.Identified]: two nodes over one client are the same.
func (n *Node) ID() any { return n.client }
