package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Stalled is called when a connection of life l has stalled, from any goroutine; it returns at once. Packets of several sizes are then
// sent to the same host, in goroutines that end with Close.
func (v *Investigation) Stalled(l *attempt.Life) {
	s, ok := v.trier.(Sounder)
	to, connected := connection(l)
	if !ok || !connected || v.options.NoCounterfactuals {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.sizes[to.Destination] != nil || len(v.sizes) >= maxPaths {
		return
	}
	if v.sizes == nil {
		v.sizes = make(map[netip.AddrPort]*sizes)
	}
	z := &sizes{done: make(chan struct{})}
	v.sizes[to.Destination] = z
	pid, large := 0, fullPacket(l.Traffic, to.Destination.Addr())
	if l.Process != nil {
		pid = l.Process.PID
	}
	v.running.Add(1)
	go func() {
		defer v.running.Done()
		defer close(z.done)
		if f := v.facts(); !f.local(to.Destination.Addr()) {
			z.measure(v.ctx, s, pid, to.Destination.Addr(), large)
		}
	}()
}

// connection is the last connected attempt of a life.
func connection(l *attempt.Life) (attempt.Result, bool) {
	all := l.Attempts()
	for i := len(all) - 1; i >= 0; i-- {
		if r := all[i]; r.Outcome.Kind == attempt.Connected && r.Protocol == attempt.TCP && r.Destination.IsValid() && !r.Decided {
			return r, true
		}
	}
	return attempt.Result{}, false
}

// sizes is what packets of several sizes to one host came to.
type sizes struct {
	done      chan struct{} // closed once the other fields are complete
	small     Counterfactual
	large     Counterfactual
	passes    int  // the largest size that was answered
	vanishes  int  // the smallest that was not
	blackHole bool // shown: small packets are answered each time, large ones never, and nobody says why
}

const (
	smallest  = 68                     // octets that every IPv4 link carries (RFC 791); enough for IPv6's headers, too
	sizeWait  = 700 * time.Millisecond // for one answer
	ip4AndTCP = 20 + 20 + 12           // the headers of a segment, with the option for timestamps
	ip6AndTCP = 40 + 20 + 12
)

// usualSizes are the packet sizes of usual links, in between which the largest that passes is looked for: IPv6's least, WireGuard's,
// VXLAN's, GRE's, IP-in-IP's and PPPoE's.
var usualSizes = []int{576, 1280, 1360, 1400, 1420, 1450, 1476, 1480, 1492}

// fullPacket is the size of a connection's full packets.
func fullPacket(t *attempt.Traffic, to netip.Addr) int {
	headers := ip4AndTCP
	if !to.Unmap().Is4() {
		headers = ip6AndTCP
	}
	if t.StalledSending() {
		return min(t.PMTU, t.MSS+headers)
	}
	return t.PMTU
}

// measure sends datagrams to a port where nothing listens: a host says so, when they arrive. A host answers few of them a second (Linux
// six, then one; icmp_ratelimit), so they go one by one, and a small one comes last: its answer shows that the silence before was
// not that limit.
func (z *sizes) measure(ctx context.Context, s Sounder, pid int, to netip.Addr, large int) {
	try := func(size int) (c attempt.Echo, answered bool) {
		limit, cancel := context.WithTimeout(ctx, sizeWait)
		defer cancel()
		probe := attempt.Probe{Protocol: attempt.UDP, To: netip.AddrPortFrom(to, pathPort), Size: size}
		echoes, err := s.Sound(limit, pid, []attempt.Probe{probe})
		if err != nil || len(echoes) != 1 {
			return attempt.Echo{Outcome: attempt.Outcome{Kind: attempt.Failed}}, false
		}
		return echoes[0], echoes[0].Outcome.Kind == attempt.Refused
	}
	z.passes, z.vanishes = smallest, large
	if _, ok := try(smallest); !ok || large <= smallest {
		return
	}
	for range 2 {
		if e, _ := try(large); e.Outcome.Kind != attempt.InProgress {
			return // it is answered, or somebody says that it is too large
		}
	}
	z.large = sized(to, large, attempt.Echo{Took: sizeWait}, false)
	for { // four times at most
		var between []int
		for _, size := range usualSizes {
			if size > z.passes && size < z.vanishes {
				between = append(between, size)
			}
		}
		if len(between) == 0 {
			break
		}
		size := between[len(between)/2]
		if _, ok := try(size); ok {
			z.passes = size
		} else {
			z.vanishes = size
		}
	}
	last, ok := try(smallest)
	z.small = sized(to, smallest, last, ok)
	z.blackHole = ok && ctx.Err() == nil
}

// sized is a packet of a size as a counterfactual.
func sized(to netip.Addr, size int, e attempt.Echo, answered bool) Counterfactual {
	c := Counterfactual{
		Change:  fmt.Sprintf("a UDP packet of %d bytes to the same host", size),
		Attempt: attempt.Attempt{Protocol: attempt.UDP, Destination: netip.AddrPortFrom(to, pathPort)},
		Outcome: e.Outcome, Took: e.Took,
	}
	if !answered {
		c.Outcome = attempt.Outcome{Kind: attempt.TimedOut}
		return c
	}
	c.Detail = "so it arrived"
	return c
}
