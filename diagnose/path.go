package diagnose

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Sounder is a Trier that can send single packets as well, and see who answers them.
type Sounder interface {
	// Sound sends probes, all at once, from the network namespace of process pid, and reports what came back of each until
	// ctx ends. An error means that none could be sent.
	Sound(ctx context.Context, pid int, probes []attempt.Probe) ([]attempt.Echo, error)
	// NextHop is where packets for an address go first from there.
	NextHop(pid int, to netip.Addr) (attempt.NextHop, error)
}

// What is sent to look at a path. A destination that answered gets one SYN more; one that was silent gets what a patient person
// with tcptraceroute would send it, once.
const (
	pathHops     = 8     // how far a path is followed: two probes a hop
	pathPort     = 33434 // the first UDP port of the probes, as traceroute's: nothing listens there
	maxPaths     = 8     // destinations that are looked at in a run
	neighbourFor = 1 * time.Second
)

// otherPorts are where a silent host is asked whether it is up: three that are often open, and one, discard, that hardly ever is, so that a
// host without a filter answers it with a reset.
var otherPorts = []uint16{443, 80, 22, 9}

// path is what was seen of the way to a destination. The zero value is nothing.
type path struct {
	hop   attempt.NextHop
	known bool                    // hop was read
	same  attempt.Echo            // the same SYN again
	ports map[uint16]attempt.Echo // of the same host
	tcp   []attempt.Echo          // by hop, from 1 on: SYNs to the same port
	udp   []attempt.Echo          // the same by UDP, to ports where nothing listens
	by    answerer                // of a refusal, who gave it
}

// paths are the destinations whose path is or was looked at.
type paths struct {
	mu   sync.Mutex
	seen map[netip.AddrPort]bool
}

// take reports whether a destination is to be looked at, which is so once.
func (p *paths) take(to netip.AddrPort) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen[to] || len(p.seen) >= maxPaths {
		return false
	}
	if p.seen == nil {
		p.seen = make(map[netip.AddrPort]bool)
	}
	p.seen[to] = true
	return true
}

// worthAPath reports whether more can be learned of a failure by looking at its path: not where a profile decided, nor where nothing
// leaves the machine, nor where the program's own bind may be what is wrong.
func worthAPath(r attempt.Result, f Facts) bool {
	to := r.Destination
	if r.Decided || !to.IsValid() || to.Port() == 0 || r.Protocol != attempt.TCP && r.Protocol != attempt.MPTCP ||
		r.Source.Kind == attempt.SourceGiven && !r.Elided || r.Device != "" || f.local(to.Addr()) || to.Addr().IsMulticast() || to.Addr().IsLinkLocalUnicast() {
		return false
	}
	switch r.Outcome.Kind {
	case attempt.Refused, attempt.TimedOut, attempt.Unreachable:
		return true
	case attempt.Denied: // over IPv6 a router's "prohibited" is EACCES, as this machine's own is
		return r.Outcome.Errno == attempt.EACCES && !to.Addr().Unmap().Is4()
	}
	return false
}

// lookAtPath looks at the path of a failed attempt. It takes no longer than a counterfactual; but where the kernel, or
// a router, took 3 s to find a neighbour missing (the same again then takes as long), a second more.
func (v *Investigation) lookAtPath(pid int, r attempt.Result) (out path) {
	s, ok := v.trier.(Sounder)
	if !ok || !worthAPath(r, v.facts()) || !v.paths.take(r.Destination) {
		return out
	}
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-v.ctx.Done():
		return out
	}
	limit := v.options.Timeout
	if r.Outcome.Errno == attempt.EHOSTUNREACH && r.End.Sub(r.Begin) > neighbourFor {
		limit += time.Second
	}
	ctx, cancel := context.WithTimeout(v.ctx, limit)
	defer cancel()
	hop, err := s.NextHop(pid, r.Destination.Addr())
	if err != nil || hop.Local {
		return path{hop: hop, known: err == nil}
	}
	out.hop, out.known = hop, true
	if !hop.Gateway.IsValid() && hop.Silent {
		return out // nobody is there
	}
	out.sound(ctx, s, pid, r)
	// While the probes waited, the kernel asked for the neighbour anew.
	if hop, err := s.NextHop(pid, r.Destination.Addr()); err == nil {
		out.hop = hop
	}
	return out
}

// sound sends the probes.
func (p *path) sound(ctx context.Context, s Sounder, pid int, r attempt.Result) {
	to := r.Destination
	probes := []attempt.Probe{{Protocol: attempt.TCP, To: to}}
	silent := r.Outcome.Kind == attempt.TimedOut
	var ports []uint16
	if silent {
		for _, port := range otherPorts {
			if port != to.Port() {
				ports = append(ports, port)
				probes = append(probes, attempt.Probe{Protocol: attempt.TCP, To: netip.AddrPortFrom(to.Addr(), port)})
			}
		}
	}
	hopsAt := len(probes)
	refused := r.Outcome.Kind == attempt.Refused
	if (silent || refused) && p.hop.Gateway.IsValid() {
		for i := range pathHops {
			probes = append(probes, attempt.Probe{Protocol: attempt.TCP, To: to, Hops: i + 1},
				attempt.Probe{Protocol: attempt.UDP, To: netip.AddrPortFrom(to.Addr(), pathPort+uint16(i)), Hops: i + 1})
		}
	}
	first := ctx
	if refused {
		var cancel context.CancelFunc
		first, cancel = context.WithTimeout(ctx, answererWait)
		defer cancel()
	}
	echoes, err := s.Sound(first, pid, probes)
	if err != nil || len(echoes) != len(probes) {
		return
	}
	p.same = echoes[0]
	p.ports = make(map[uint16]attempt.Echo)
	for i, port := range ports {
		p.ports[port] = echoes[1+i]
	}
	for i := hopsAt; i < len(echoes); i += 2 {
		p.tcp, p.udp = append(p.tcp, echoes[i]), append(p.udp, echoes[i+1])
	}
	switch {
	case refused && !p.hop.Gateway.IsValid():
		p.by.host = reset(&p.same) // there is nothing between
	case refused:
		p.by.find(ctx, s, pid, to, p)
	}
}

// router is the last router that said of a packet that its hops were used up, and how far away it is; 0 where none did.
func router(echoes []attempt.Echo) (last netip.Addr, hops int) {
	for i := range echoes {
		if echoes[i].Expired() {
			last, hops = echoes[i].From, i+1
		}
	}
	return last, hops
}

// alive is another port of the host whose answer proves that the host is up; 0 where none does. Something on the way may accept on port
// 80 in anybody's name, so that is no proof; a reset without a connection, and any other port, is.
func (p *path) alive(host netip.Addr) uint16 {
	for _, port := range otherPorts {
		e := p.ports[port]
		switch {
		case e.Outcome.Kind == attempt.Refused && (!e.From.IsValid() || e.From == host.Unmap()),
			e.Outcome.Kind == attempt.Connected && port != 80:
			return port
		}
	}
	return 0
}

// own reports whether an address is this machine's, as the program sees it.
func (x *examined) own(a netip.Addr) bool {
	return x.facts.local(a) || x.path.hop.Source == a
}
