package kube

import (
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/profile/flowset"
)

// PortShare is the ports of a destination that one thing decides.
type PortShare struct {
	Transports flowset.Transports
	Protocol   Protocol // with Port, one of them, which the decision is for
	Port       uint16
	Decision
}

// DecidePorts answers for every port of a protocol, or with AnyProtocol of all that policies know: what is decided alike together,
// in the order of the lowest port. The ports of a service are those that it has; shares of the others there are none.
func (e *Evaluator) DecidePorts(from Origin, to Destination, protocol Protocol) []PortShare {
	if to.Name != "" {
		if inside, ok := e.Resolve(to.Name); ok {
			to = inside
		}
	}
	var shares []PortShare
	signs := map[string]int{}
	add := func(protocol Protocol, first, last uint16) {
		port := max(first, 1) // nothing connects to port 0
		d := e.Decide(from, to, protocol, port)
		ports := flowset.Transport(protocol.transport(), flowset.PortRange(first, last))
		sign := d.sign()
		if i, there := signs[sign]; there {
			shares[i].Transports = shares[i].Transports.Union(ports)
			return
		}
		signs[sign] = len(shares)
		shares = append(shares, PortShare{ports, protocol, port, d})
	}
	asked := []Protocol{protocol}
	if protocol == AnyProtocol {
		asked = []Protocol{TCP, UDP, SCTP}
	}
	if s := to.Service; s != nil && !s.Headless && s.Type != "ExternalName" {
		for _, p := range s.Ports {
			if slices.Contains(asked, p.Protocol) {
				add(p.Protocol, p.Port, p.Port)
			}
		}
		return shares
	}
	edges := e.portEdges(from, to)
	for _, p := range asked {
		first := uint16(0)
		for _, edge := range edges[p] {
			if edge > first {
				add(p, first, edge-1)
				first = edge
			}
		}
		add(p, first, 65535)
	}
	return shares
}

// portEdges are the ports at which a verdict may change, sorted, by protocol: where the ports of any rule that may be asked begin,
// and where they end.
func (e *Evaluator) portEdges(from Origin, to Destination) [3][]uint16 {
	var edges [3][]uint16
	add := func(t flowset.Transports) {
		for i, p := range []flowset.Protocol{flowset.TCP, flowset.UDP, flowset.SCTP} {
			for first, last := range t.Ports(p).Ranges() {
				edges[i] = append(edges[i], first)
				if last < 65535 {
					edges[i] = append(edges[i], last+1)
				}
			}
		}
	}
	g := e.groups()
	program := func(p *pod, d Direction) {
		c := g.compiled(g.of[p.index])
		prog, layers := c.ingress, c.ingressBesides
		if d == Egress {
			prog, layers = c.egress, c.egressBesides
		}
		lists := [][]instr{prog}
		for _, l := range layers {
			lists = append(lists, l.prog, l.direct)
		}
		for _, list := range lists {
			for i := range list {
				add(list[i].ports)
			}
		}
	}
	source := e.byObject[from.Workload]
	if from.Workload == nil {
		source = e.byAddr[from.Addr.Unmap()]
	}
	if source != nil {
		program(source, Egress)
	}
	ports := func(s *Service, node bool) {
		for _, p := range s.Ports {
			number := p.Port
			if node {
				number = p.NodePort
			}
			if number != 0 && p.Protocol < AnyProtocol {
				add(flowset.Transport(p.Protocol.transport(), flowset.Port(number)))
			}
		}
	}
	switch {
	case to.Workload != nil:
		if p := e.byObject[to.Workload]; p != nil {
			program(p, Ingress)
		}
	case to.Service != nil: // headless, so that its pods are meant: they are of its namespace, or have addresses in slices
		for _, p := range e.pods {
			program(p, Ingress)
		}
	case to.Name != "":
	default:
		prefix := to.Prefix
		if !prefix.IsValid() {
			prefix, _ = to.Addr.Unmap().Prefix(to.Addr.Unmap().BitLen())
		}
		for a, p := range e.byAddr {
			if prefix.Contains(a) {
				program(p, Ingress)
			}
		}
		for a, services := range e.vips {
			if !prefix.Contains(a) {
				continue
			}
			for _, s := range services {
				ports(s, false)
			}
		}
		for _, s := range e.cluster.Services {
			ports(s, true)
		}
	}
	for i := range edges {
		slices.Sort(edges[i])
		edges[i] = slices.Compact(edges[i])
	}
	return edges
}

// sign is equal for decisions with one verdict that come of the same.
func (d *Decision) sign() string {
	s := d.Verdict.String()
	for _, c := range d.Chain {
		if c.Decides {
			s += fmt.Sprint("\x00", c.Pos, c.Direction, c.Layer, c.Object, c.Rule, c.Says)
		}
	}
	for _, r := range d.Reasons {
		s += fmt.Sprint("\x00", r)
	}
	for i := range d.Parts {
		s += "\x00\x00" + d.Parts[i].To + d.Parts[i].sign()
	}
	return s
}
