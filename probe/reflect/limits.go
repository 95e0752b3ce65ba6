package reflect

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Limits bound what a reflector spends. The zero value of a field is its default.
type Limits struct {
	Connections int // at a time: 2048
	PerSource   int // of these, from one IPv4 address or IPv6 network of 64 bits: 1024
	Datagrams   int // answered a second, to one such source: 1000
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Connections, 2048)
	def(&l.PerSource, 1024)
	def(&l.Datagrams, 1000)
	return l
}

// What one connection may take.
const (
	unprovenTime  = 10 * time.Second        // until the token is proved, TLS included
	provenTime    = 10 * time.Second        // for all that comes then
	idleTime      = 1500 * time.Millisecond // between two pieces of a body: less than clients wait for the answer
	lingerTime    = time.Second             // for the client to close first
	unprovenBytes = 32 << 10                // until the token is proved: a TLS hello, and a head
	provenBytes   = 2*MaxBody + 16<<10      // two requests, with what TLS adds
)

// sourceOf is what counts as one source.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	p, _ := a.Prefix(64)
	return p.Addr()
}

// pace bounds how often something is done for each source, by a bucket of one second's worth for each. Sources whose hashes collide share one: the
// memory is always the same.
type pace struct {
	mu      sync.Mutex
	rate    float64
	seed    maphash.Seed
	buckets [4096]struct {
		spent float64
		at    time.Time
	}
}

func newPace(perSecond int) *pace { return &pace{rate: float64(perSecond), seed: maphash.MakeSeed()} }

func (p *pace) allow(source netip.Addr, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := &p.buckets[maphash.Comparable(p.seed, source)%uint64(len(p.buckets))]
	b.spent = max(0, b.spent-now.Sub(b.at).Seconds()*p.rate)
	b.at = now
	if b.spent+1 > p.rate {
		return false
	}
	b.spent++
	return true
}
