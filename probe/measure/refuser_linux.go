package measure

import (
	"context"
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/sound"
	"github.com/sallyport/sallyport/probe"
)

// initialHops is what packets start with on most systems (RFC 1700; net.ipv4.ip_default_ttl).
const initialHops = 64

// FindRefuser finds out who refused a TCP connection by a reset, from how far it has come. Other is another TCP port of the same host that answered; 0: none is
// known. A router looks at a packet's hops before it rejects what it forwards, so the last before the host is only told by
// the hops that its reset arrives with, beside those of the host's other answers.
func FindRefuser(ctx context.Context, a *probe.Attempt, other uint16) (*probe.Refuser, error) {
	to := netip.AddrPortFrom(a.Destination.Addr().Unmap(), a.Destination.Port())
	r := &probe.Refuser{Name: a.Name, To: to}
	hop, err := sound.NextHop(to.Addr())
	if err != nil {
		return nil, err
	}
	r.OnLink = !hop.Gateway.IsValid()
	var probes []attempt.Probe
	for n := 1; n <= hopsAtOnce; n++ {
		probes = append(probes, attempt.Probe{Protocol: attempt.TCP, To: to, Hops: n}, attempt.Probe{Protocol: attempt.UDP, To: netip.AddrPortFrom(to.Addr(), unusedPort+uint16(n)), Hops: n})
	}
	probes = append(probes, attempt.Probe{Protocol: attempt.TCP, To: to})
	limit, stop := context.WithTimeout(ctx, walkWait)
	defer stop()
	echoes, err := sound.Sound(limit, probes)
	if err != nil || len(echoes) != len(probes) {
		return nil, err
	}
	var udp distances
	for i := range echoes[:len(echoes)-1] {
		e, n := &echoes[i], i/2+1
		switch {
		case i%2 == 1:
			udp.note(n, e.Expired(), e.Outcome.Kind == attempt.Refused && e.From == to.Addr())
		case wasReset(e) && r.Hops == 0:
			r.Hops = n
		}
	}
	if r.Hops == 0 && wasReset(&echoes[len(echoes)-1]) {
		r.Hops = hopsAtOnce + 1 // or more
	}
	r.Distance = udp.distance()
	switch {
	case r.Hops == 0:
	case r.OnLink:
		r.Host = true
	case r.Distance < 2:
	case r.Hops < r.Distance:
		r.Nearer = true
	case r.Hops == r.Distance:
		compareResets(ctx, r, other)
	}
	return r, nil
}

// wasReset reports whether a SYN was answered by a reset.
func wasReset(e *attempt.Echo) bool { return e.Outcome.Kind == attempt.Refused && !e.From.IsValid() }

// compareResets compares how far the reset has come with how far the host is, and how far another of its answers has come: sockets that take only
// packets with so many hops left (ip(7), IP_MINTTL) tell.
func compareResets(ctx context.Context, r *probe.Refuser, other uint16) {
	own := initialHops - r.Distance + 1 // what the host's packets arrive with
	least := []int{own, own + 1, initialHops + 1}
	ports := []uint16{r.To.Port()}
	if other != 0 && other != r.To.Port() && other != 80 { // on 80 something on the way may answer as well
		ports = append(ports, other)
	}
	var probes []attempt.Probe
	for _, port := range ports {
		for _, n := range least {
			probes = append(probes, attempt.Probe{Protocol: attempt.TCP, To: netip.AddrPortFrom(r.To.Addr(), port), MinHops: n})
		}
	}
	ctx, stop := context.WithTimeout(ctx, walkWait)
	defer stop()
	echoes, err := sound.Sound(ctx, probes)
	if err != nil || len(echoes) != len(probes) {
		return
	}
	came := func(i int) (asFar, nearer bool) { // the answers of ports[i]
		e := echoes[i*len(least):]
		answered := func(j int) bool { return wasReset(&e[j]) || e[j].Outcome.Kind == attempt.Connected }
		return answered(0) && !answered(1) && !answered(2), answered(0) && answered(1) && !answered(2)
	}
	asFar, nearer := came(0)
	r.Host = asFar
	if len(ports) > 1 {
		if far, _ := came(1); far {
			r.Other, r.Nearer = other, nearer
		}
	}
}
