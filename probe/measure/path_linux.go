package measure

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/sound"
	"github.com/sallyport/sallyport/probe"
)

const (
	hopsAtOnce = 8 // three packets for each of them at most
	maxHops    = 24
	// walkWait is long enough for a SYN, its retransmission after 1 s (RFC 6298, section 2), and the answer.
	walkWait = 1600 * time.Millisecond
	// unusedPort is the first UDP port that nothing is expected to listen on, as traceroute has it.
	unusedPort = 33434
	walkTries  = 2 // for hops from which nothing came by UDP, which is not sent again by itself
)

// Walk looks at the way to a destination that stayed silent, from this thread's network namespace. Alive is a TCP port of the same host that was seen to answer; 0 for
// none. It takes no longer than some seconds, with at most 24 sockets at a time.
func Walk(ctx context.Context, a *probe.Attempt, alive uint16) (*probe.Path, error) {
	to := netip.AddrPortFrom(a.Destination.Addr().Unmap(), a.Destination.Port())
	p := &probe.Path{Name: a.Name, To: to, Protocol: a.Protocol, Alive: alive}
	hop, err := sound.NextHop(to.Addr())
	if err != nil {
		return nil, err
	}
	p.OnLink = !hop.Gateway.IsValid()
	w := &walk{path: p}
	for first := 1; first <= maxHops; first += hopsAtOnce {
		if err := w.hops(ctx, first, first+hopsAtOnce-1); err != nil {
			return nil, err
		}
		if ctx.Err() != nil || p.OnLink || w.reached || p.Answered != "" || w.last < first+hopsAtOnce-3 {
			break
		}
	}
	if p.Distance = w.distance(); p.Distance == 0 && p.Answered == "" && p.Rejected == nil {
		w.patient(ctx)
		p.Distance = w.distance()
	}
	n := w.last
	if p.Distance > 0 {
		n = min(n, p.Distance-1) // what comes after is another way's
	}
	p.Hops = w.seen[:min(n, len(w.seen))]
	// While packets waited, the kernel asked for the neighbour anew.
	if hop, err = sound.NextHop(to.Addr()); err == nil && hop.Silent {
		p.Neighbour = to.Addr()
		if hop.Gateway.IsValid() {
			p.Neighbour = hop.Gateway
		}
	}
	return p, nil
}

// patientWait is longer than a router, or this host, asks for a neighbour's hardware address before it gives up, which takes 3 s (arp(7), RFC 4861 section 10).
const patientWait = 3600 * time.Millisecond

// patient sends the packet once more, and waits for a router to say that nobody answers for the address. Then it asks the host itself again, which may
// have said all that it says in a second (icmp_ratelimit).
func (w *walk) patient(ctx context.Context) {
	limit, stop := context.WithTimeout(ctx, patientWait)
	defer stop()
	to := w.path.To
	echoes, err := sound.Sound(limit, []attempt.Probe{{Protocol: w.path.Protocol, To: to}})
	if err == nil && len(echoes) == 1 && !echoes[0].Expired() {
		w.note(kindSilent, 0, &echoes[0])
	}
	limit, stop = context.WithTimeout(ctx, walkWait/2)
	defer stop()
	next := w.last + 1
	echoes, err = sound.Sound(limit, []attempt.Probe{{Protocol: attempt.UDP, To: netip.AddrPortFrom(to.Addr(), unusedPort+uint16(next)), Hops: next}})
	if err == nil && len(echoes) == 1 && next <= len(w.seen) {
		w.note(kindUDP, next, &echoes[0])
	}
}

// walk is a Path in the making.
type walk struct {
	path       *probe.Path
	seen       []probe.Hop
	last       int // hop that anything was heard of
	reached    bool
	udp, alive distances
}

// distances are what packets of one kind found: at which hop they ran out, and at which they were answered by the host itself.
type distances struct {
	expired  map[int]bool
	answered map[int]bool
}

func (d *distances) note(hop int, expired, answered bool) {
	if d.expired == nil {
		d.expired, d.answered = map[int]bool{}, map[int]bool{}
	}
	d.expired[hop] = d.expired[hop] || expired
	d.answered[hop] = d.answered[hop] || answered
}

// distance is the least number of hops with which the host answered, where no packet with more ran out; 0 where that is not certain.
func (d *distances) distance() int {
	found := 0
	for hop := 1; hop <= maxHops; hop++ {
		switch {
		case d.answered[hop] && found == 0 && (hop == 1 || d.expired[hop-1]):
			found = hop
		case d.answered[hop] && found == 0: // the router before says nothing: it may have been the one that lost a packet
			return 0
		case d.expired[hop] && found > 0: // there are several ways, of several lengths
			return 0
		}
	}
	return found
}

// distance is the host's. That a packet ran out one hop before may be told of one of another kind: routers, too, say so much a second and no more.
func (w *walk) distance() int {
	for i := range w.seen {
		for _, d := range []*distances{&w.udp, &w.alive} {
			d.note(i+1, len(w.seen[i].Routers()) > 0, false)
		}
	}
	udp, alive := w.udp.distance(), w.alive.distance()
	if udp != 0 && alive != 0 && udp != alive {
		return 0
	}
	return max(udp, alive)
}

// kind is what a packet of a walk is for.
type kind uint8

const (
	kindSilent kind = iota
	kindUDP
	kindAlive
)

// hops sends packets that run out at these hops, all at once.
func (w *walk) hops(ctx context.Context, first, last int) error {
	type sent struct {
		kind kind
		hop  int
	}
	var probes []attempt.Probe
	var what []sent
	send := func(k kind, hop int, proto attempt.Protocol, port uint16) {
		probes = append(probes, attempt.Probe{Protocol: proto, To: netip.AddrPortFrom(w.path.To.Addr(), port), Hops: hop})
		what = append(what, sent{k, hop})
	}
	retransmit := 0
	for hop := first; hop <= last; hop++ {
		send(kindSilent, hop, w.path.Protocol, w.path.To.Port())
		send(kindUDP, hop, attempt.UDP, unusedPort+uint16(hop))
		if w.path.Alive != 0 {
			send(kindAlive, hop, attempt.TCP, w.path.Alive)
		}
	}
	for len(w.seen) < last {
		w.seen = append(w.seen, probe.Hop{})
	}
	failed := retransFails()
	for try := range walkTries {
		wait := walkWait
		if try > 0 {
			wait = walkWait / 2
		}
		limit, stop := context.WithTimeout(ctx, wait)
		echoes, err := sound.Sound(limit, probes)
		stop()
		if err != nil || len(echoes) != len(probes) {
			return err
		}
		for i, e := range echoes {
			w.note(what[i].kind, what[i].hop, &e)
			if try == 0 && what[i].kind == kindSilent && e.Outcome.Kind == attempt.InProgress {
				retransmit++
			}
		}
		if try == 0 && first == 1 && w.path.Protocol == attempt.TCP && ctx.Err() == nil {
			w.path.Left = left(failed, retransFails(), retransmit)
		}
		var again []attempt.Probe
		var whatAgain []sent
		for i, e := range echoes {
			if what[i].kind == kindUDP && e.Outcome.Kind == attempt.InProgress && what[i].hop <= w.last+1 {
				again, whatAgain = append(again, probes[i]), append(whatAgain, what[i])
			}
		}
		if probes, what = again, whatAgain; len(probes) == 0 || ctx.Err() != nil {
			break
		}
	}
	return nil
}

// note takes in what came of one packet.
func (w *walk) note(k kind, hop int, e *attempt.Echo) {
	expired := e.Expired()
	own := e.From == w.path.To.Addr()
	if expired {
		w.last = max(w.last, hop)
		h := &w.seen[hop-1]
		for _, list := range []*[]netip.Addr{kindSilent: &h.Silent, kindUDP: &h.UDP, kindAlive: &h.Alive}[k : k+1] {
			if !slices.Contains(*list, e.From) {
				*list = append(*list, e.From)
			}
		}
	}
	came := e.Outcome.Kind != attempt.InProgress && !expired
	switch k {
	case kindUDP:
		w.udp.note(hop, expired, came && own)
		w.reached = w.reached || came && own
	case kindAlive:
		tcp := came && !e.From.IsValid() && (e.Outcome.Kind == attempt.Connected || e.Outcome.Kind == attempt.Refused)
		w.alive.note(hop, expired, tcp)
		w.reached = w.reached || tcp
	case kindSilent:
		switch {
		case came && e.From.IsValid():
			w.path.Rejected = &probe.Rejection{From: e.From, Type: e.Type, Code: e.Code}
		case came && w.path.Protocol == attempt.TCP && (e.Outcome.Kind == attempt.Connected || e.Outcome.Kind == attempt.Refused):
			w.path.Answered = e.Outcome.Kind.String()
		case came && e.Outcome.Errno == attempt.EPERM: // a datagram that a packet filter of this host drops
			w.path.Left = probe.LeftNo
		}
	}
}

// left tells whether SYNs left this host, by the counter of retransmissions that failed here (__tcp_retransmit_skb in
// net/ipv4/tcp_output.c). It is the whole network namespace's: only where it rose by just so many, or stood still, it says something.
func left(before, after int64, retransmitted int) probe.Left {
	switch {
	case before < 0 || after < 0 || retransmitted == 0:
	case after == before:
		return probe.LeftYes
	case after-before == int64(retransmitted):
		return probe.LeftNo
	}
	return probe.LeftUnknown
}

// retransFails reads TCPRetransFail; -1 where it is not there.
func retransFails() int64 {
	data, err := os.ReadFile("/proc/thread-self/net/netstat")
	if err != nil {
		return -1
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] != "TcpExt:":
		case names == nil:
			names = f
		default:
			if i := slices.Index(names, "TCPRetransFail"); i > 0 && i < len(f) {
				if n, err := strconv.ParseInt(f[i], 10, 64); err == nil {
					return n
				}
			}
		}
	}
	return -1
}
