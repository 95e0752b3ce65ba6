package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// Path is what was seen of the way to a destination that stayed silent: the same packets once more, with hops that run out on the way, beside
// packets of which an answer can be hoped for.
type Path struct {
	Name     string // of the destination; "" for an address
	To       netip.AddrPort
	Protocol attempt.Protocol
	OnLink   bool // there is no router between

	Hops      []Hop  // from the first on, as far as anybody answered
	Distance  int    // of the host, in hops; 0: not known
	Alive     uint16 // a port of the same host that answers by TCP, among those that were asked for; 0: none
	Left      Left
	Neighbour netip.Addr // the next hop, or the destination itself, where nobody answers for its hardware address; not valid: somebody does
	Answered  string     // what came this time, where it is not silent any more: "connected"; "" for silence
	Rejected  *Rejection // what came of it this time
}

// Hop is one distance. The routers are those that said that a packet's hops were used up there; there may be several ways.
type Hop struct {
	Silent []netip.Addr // of the packets that stayed silent
	UDP    []netip.Addr // of UDP to ports where nothing listens
	Alive  []netip.Addr // of TCP to the port that answers
}

// Routers are all that said something at a hop.
func (h *Hop) Routers() []netip.Addr {
	all := slices.Concat(h.Silent, h.UDP, h.Alive)
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// others are the routers that packets came to which are not filtered as the silent ones are.
func (h *Hop) others() []netip.Addr {
	all := slices.Concat(h.UDP, h.Alive)
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// Left is whether the packets left this host.
type Left uint8

// What is known of it.
const (
	LeftUnknown Left = iota
	LeftYes          // each retransmission went out
	LeftNo           // this host itself discarded each retransmission: a packet filter, or traffic control
)

func (l Left) String() string { return [...]string{"unknown", "yes", "no"}[l] }

// Begins is where silence begins, in one line, and whether that is certain.
type Begins struct {
	Conclusive bool
	Layer      Layer
	Hop        int          // the last at which the packets were heard of; 0: at none
	Routers    []netip.Addr // who said so
	Words      string
	Next       string // what settles it, or the next step
}

// Begins reads where silence begins. A router looks at a packet's hops before it filters what it forwards (ip_forward, ip6_forward), so the
// last that was heard of may itself be the one that drops.
func (p *Path) Begins() Begins {
	b := Begins{Layer: OnTheWay}
	for i := range p.Hops {
		if len(p.Hops[i].Silent) > 0 {
			b.Hop, b.Routers = i+1, p.Hops[i].Silent
		}
	}
	further, furthest := []netip.Addr(nil), 0
	for i := range p.Hops {
		if o := p.Hops[i].others(); len(o) > 0 && i+1 > b.Hop {
			further, furthest = o, i+1
		}
	}
	port := fmt.Sprintf("%v port %d", p.Protocol, p.To.Port())
	switch {
	case p.Answered != "":
		b.Words = fmt.Sprintf("%s is silent no longer: %s", port, p.Answered)
		b.Next = "it comes and goes: a limit of connections, a full table, or a service that starts; probe again"
		b.Layer = NoLayer
	case p.Neighbour.IsValid() && p.Left != LeftNo && b.Hop == 0 && furthest == 0 && p.Distance == 0:
		b.Conclusive = true
		b.Words = fmt.Sprintf("nobody on this network answers for %v: this host asked for its hardware address in vain", p.Neighbour)
		b.Next = "the host is down, or has another address, or this one is on the wrong network: `ip neigh`, `ip route`"
		if p.Neighbour != p.To.Addr() {
			b.Layer = LocalRoute
			b.Next = fmt.Sprintf("it is the router that `ip route get %v` names: is it up, and on this network?", p.To.Addr())
		}
	case p.Rejected != nil && p.Rejected.neighbour() && p.Rejected.From != p.To.Addr():
		b.Conclusive = true
		b.Words = fmt.Sprintf("%v says that nobody answers for the address there (ICMP %s, after 3 s)", p.Rejected.From, (&attempt.Echo{From: p.Rejected.From, Type: p.Rejected.Type, Code: p.Rejected.Code}).ICMP())
		b.Next = "the host is down, or has another address"
	case p.Rejected != nil:
		b.Words, b.Next = p.Rejected.Words(), "ask who runs that router"
	case p.Left == LeftNo:
		b.Conclusive, b.Layer = true, LocalFirewall
		b.Words = "this host itself discards it: each retransmission failed (TCPRetransFail)"
		b.Next = "look at its own rules: `nft list ruleset`, `iptables-save`, `tc -s qdisc`, eBPF programs of the cgroup"
	case p.Distance > 0 && b.Hop == p.Distance-1 && p.Distance > 1:
		b.Conclusive = true
		b.Words = fmt.Sprintf("silence begins at or after %s (%s), the last router before the host%s", addrs(b.Routers), p.of(b.Hop), p.contrast(port))
		b.Next = fmt.Sprintf("look at the host's own firewall (or security group) for %s, then at that router's", port)
	case b.Hop > 0 && furthest > b.Hop:
		b.Conclusive = true
		b.Words = fmt.Sprintf("silence begins at or after %s (%s); other packets come as far as %s (%s)%s", addrs(b.Routers), p.of(b.Hop), addrs(further), p.of(furthest), p.contrast(port))
		b.Next = fmt.Sprintf("ask who runs %s, or the next router, about %s", addrs(b.Routers), port)
	case b.Hop > 0 && p.Distance > b.Hop+1:
		b.Conclusive = true
		b.Words = fmt.Sprintf("silence begins at or after %s (%s)%s", addrs(b.Routers), p.of(b.Hop), p.contrast(port))
		b.Next = fmt.Sprintf("ask who runs %s, or the next router, about %s", addrs(b.Routers), port)
	case b.Hop > 0:
		b.Words = fmt.Sprintf("silence begins at or after %s (%s), for every packet that was tried", addrs(b.Routers), p.of(b.Hop))
		b.Next = "no router further on says anything: the way ends there, the host is down, or what follows tells nobody; try from elsewhere"
	case furthest > 0:
		b.Conclusive = true
		who := "before the first router's answer"
		b.Words = fmt.Sprintf("no router heard of it, while other packets come as far as %s (%s): silence begins %s", addrs(further), p.of(furthest), who) + p.contrast(port)
		b.Next = "the first router's rules" + p.orOwn()
	case p.Distance == 1:
		b.Conclusive = true
		b.Words = "no router is between, and the host answers other packets" + p.contrast(port)
		b.Next = fmt.Sprintf("look at the host's own firewall (or security group) for %s", port) + p.andOwn()
	case p.OnLink:
		b.Words = "no router is between, and the host answers nothing that was tried"
		b.Next = "it may be down, or drop everything; `ip neigh` tells whether it answers for its address"
	default:
		b.Words = "no router said anything: those here keep silent about used-up hops, or all is dropped before the first"
		b.Next = "inconclusive: name a port of the same host that works, or try from elsewhere"
	}
	return b
}

// of is "hop 2 of 3", or "hop 2 of at least 3".
func (p *Path) of(hop int) string {
	if p.Distance > 0 {
		return fmt.Sprintf("hop %d of %d", hop, p.Distance)
	}
	least := hop + 1
	for i := range p.Hops {
		if len(p.Hops[i].Routers()) > 0 {
			least = max(least, i+2)
		}
	}
	return fmt.Sprintf("hop %d of at least %d", hop, least)
}

func (p *Path) contrast(port string) string {
	if p.Alive == 0 {
		return ""
	}
	if p.Alive == 80 { // something on the way may accept there, in anybody's name
		return "; port 80 of the same address answers"
	}
	return fmt.Sprintf("; port %d of the same host answers, so it is a filter for %s", p.Alive, port)
}

func (p *Path) orOwn() string {
	if p.Left == LeftYes {
		return ": it left this host"
	}
	return ", or this host's own"
}

func (p *Path) andOwn() string {
	if p.Left == LeftYes {
		return "; it left this host"
	}
	return ", and this host's own"
}

// Ways reports whether several ways were seen, as load balancing makes them.
func (p *Path) Ways() bool {
	return slices.ContainsFunc(p.Hops, func(h Hop) bool { return len(h.Routers()) > 1 })
}

func addrs(list []netip.Addr) string {
	var out []string
	for _, a := range list {
		out = append(out, a.String())
	}
	return strings.Join(out, " or ")
}

// Trail is the hops in one line: "1 10.1.0.1, 2 silent, 3 10.3.0.1".
func (p *Path) Trail() string {
	var out []string
	for i := range p.Hops {
		who := "says nothing"
		if r := p.Hops[i].Routers(); len(r) > 0 {
			who = addrs(r)
		}
		out = append(out, fmt.Sprintf("%d %s", i+1, who))
	}
	return strings.Join(out, ", ")
}
