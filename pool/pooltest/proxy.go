package pooltest

import (
	"net"
	"sync"
	"testing"
)

// A Proxy stands between a driver and a server, on 127.0.0.1, and does to the
// connection what a network does. It is closed when the test ends.
type Proxy struct {
	server string
	addr   string

	mu       sync.Mutex
	listener net.Listener       // nil while it refuses; guarded by mu
	links    map[*link]struct{} // guarded by mu
	stopped  chan struct{}      // closed when a stop has ended; nil if there is none; guarded by mu
	mute     bool               // replies are dropped; guarded by mu
	dropped  int                // guarded by mu
}

// link is one connection of a client, and the proxy's own to the server.
type link struct{ client, server net.Conn }

// NewProxy returns a proxy to the server at the given host:port.
func NewProxy(t testing.TB, server string) *Proxy {
	p := &Proxy{server: server, links: make(map[*link]struct{})}
	p.listen(t, "127.0.0.1:0")
	p.addr = p.listener.Addr().String()
	t.Cleanup(func() {
		p.Thaw()
		p.Refuse()
	})
	return p
}

// Addr returns where the proxy listens, as host:port.
func (p *Proxy) Addr() string { return p.addr }

// Stop makes the proxy pass on nothing, in either direction: connections stay
// open, and new ones are accepted, as by a process that was stopped.
func (p *Proxy) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == nil {
		p.stopped = make(chan struct{})
	}
}

// Thaw ends a Stop: everything that was held up is passed on.
func (p *Proxy) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped != nil {
		close(p.stopped)
		p.stopped = nil
	}
}

// Mute makes the proxy drop every reply, and close the connection that it was
// for: the server has done what it was asked, and nobody is told. False ends
// that.
func (p *Proxy) Mute(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute, p.dropped = mute, 0
}

// muted returns how many replies have been dropped since the last call of Mute.
func (p *Proxy) muted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// open returns how many connections there are.
func (p *Proxy) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Cut closes every connection there is, as a server does with idle ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.client.Close()
		l.server.Close()
	}
}

// Refuse closes every connection and listens no more.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	p.mu.Unlock()
	p.Cut()
}

// Accept ends a Refuse.
func (p *Proxy) Accept(t testing.TB) {
	t.Helper()
	p.listen(t, p.addr)
}

func (p *Proxy) listen(t testing.TB, addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener = listener
	go p.accept(listener)
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		l := &link{client, server}
		p.mu.Lock()
		p.links[l] = struct{}{}
		refuse := p.listener != listener
		p.mu.Unlock()
		if refuse { // accepted just before, registered just after
			client.Close()
			server.Close()
		}
		go p.pass(l, client, server, false)
		go p.pass(l, server, client, true)
	}
}

// pass carries bytes one way until either end is closed.
func (p *Proxy) pass(l *link, from, to net.Conn, reply bool) {
	defer func() {
		l.client.Close()
		l.server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		stopped := p.stopped
		p.mu.Unlock()
		if stopped != nil {
			<-stopped
		}
		p.mu.Lock()
		mute := p.mute && reply
		if mute {
			p.dropped++
		}
		p.mu.Unlock()
		if mute {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
