package diagnose

import (
	"context"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Who answered a SYN with a reset is not written on it: a router that rejects in the host's name sends what the host would. But a packet's
// hops tell. The host's distance is known where a UDP packet with just so many hops reached a closed port of it, and the host itself said so,
// while with one hop less a router said that they were used up. Then a reset is not the host's where
//
//   - it answers a SYN with fewer hops than that, or
//   - it has come fewer hops than the host's other answers, which come just so many. Packets start with 64 hops on most systems
//     (RFC 1700; net.ipv4.ip_default_ttl); where the host's other answers don't fit that, nothing is concluded.
//
// A router looks at the hops before it rejects a packet that it forwards, so that the last one before the host is told by the second alone.

// answerer is who refused a connection. The zero value is not known.
type answerer struct {
	distance int  // the host's, in hops; 0: not known
	hops     int  // the fewest hops with which a SYN was refused; 0: not known
	host     bool // it came from as far as the host is
	nearer   bool // it came from nearer

	other uint16 // another port of the host, whose answer came as far as the host is; 0: none
}

const (
	answererWait = 1400 * time.Millisecond // a SYN, its retransmission after 1 s, and time for the answer
	initialHops  = 64
)

// find finds out who refused a connection to to.
func (a *answerer) find(ctx context.Context, s Sounder, pid int, to netip.AddrPort, p *path) {
	if p.same.Outcome.Kind != attempt.Refused || p.same.From.IsValid() {
		return // an ICMP error has its sender's address
	}
	a.distance = distance(p.udp, to.Addr().Unmap())
	for i := range p.tcp {
		if reset(&p.tcp[i]) {
			a.hops = i + 1
			break
		}
	}
	switch {
	case a.distance < 2:
	case a.hops > 0 && a.hops < a.distance:
		a.nearer = true
	case a.hops == 0 || a.hops == a.distance:
		a.compare(ctx, s, pid, to)
	}
}

// distance is how many hops a host is away, by UDP packets to closed ports of it; 0 where that is not certain.
func distance(udp []attempt.Echo, host netip.Addr) int {
	found := 0
	for i := range udp {
		e := &udp[i]
		arrived := e.Outcome.Kind == attempt.Refused && e.From == host
		switch {
		case found == 0 && arrived && (i == 0 || udp[i-1].Expired()):
			found = i + 1
		case found == 0 && arrived, found > 0 && e.Expired(): // there are several ways, of several lengths
			return 0
		}
	}
	return found
}

// reset reports whether a SYN was answered by a reset.
func reset(e *attempt.Echo) bool { return e.Outcome.Kind == attempt.Refused && !e.From.IsValid() }

// compare compares how far the reset came with how far other answers of the host did.
func (a *answerer) compare(ctx context.Context, s Sounder, pid int, to netip.AddrPort) {
	own := initialHops - a.distance + 1 // what the host's packets arrive with
	least := []int{own, own + 1, initialHops + 1}
	ports := []uint16{to.Port()}
	for _, port := range otherPorts {
		if port != to.Port() && port != 80 { // 80: as in alive
			ports = append(ports, port)
		}
	}
	var probes []attempt.Probe
	for _, port := range ports {
		for _, n := range least {
			probes = append(probes, attempt.Probe{Protocol: attempt.TCP, To: netip.AddrPortFrom(to.Addr(), port), MinHops: n})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answererWait)
	defer cancel()
	echoes, err := s.Sound(ctx, pid, probes)
	if err != nil || len(echoes) != len(probes) {
		return
	}
	came := func(i int) (asFar, nearer bool) { // the answers of ports[i]
		e := echoes[i*len(least):]
		answered := func(j int) bool { return reset(&e[j]) || e[j].Outcome.Kind == attempt.Connected }
		return answered(0) && !answered(1) && !answered(2), answered(0) && answered(1) && !answered(2)
	}
	asFar, nearer := came(0)
	for i := 1; i < len(ports); i++ {
		if far, _ := came(i); far {
			a.other = ports[i]
			break
		}
	}
	a.host = asFar
	a.nearer = nearer && a.other != 0
}
