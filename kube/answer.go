package kube

import "github.com/sallyport/sallyport/profile/flowset"

// Answer is what becomes of connections to a destination: to one port, or to each.
type Answer struct {
	From    Origin
	To      Target
	Verdict Verdict
	Shares  []PortShare // what decides alike together: one where one port was asked about
	Notes   []string    // what holds for all
}

// Answer decides about all that is asked.
func (e *Evaluator) Answer(from Origin, to Target) Answer {
	a := Answer{From: from, To: to}
	if to.Port != 0 {
		protocol := to.Protocol
		if protocol == AnyProtocol {
			protocol = TCP
		}
		ports := flowset.Transport(protocol.transport(), flowset.Port(to.Port))
		a.Shares = []PortShare{{ports, protocol, to.Port, e.Decide(from, to.Destination, protocol, to.Port)}}
	} else {
		a.Shares = e.DecidePorts(from, to.Destination, to.Protocol)
	}
	var seen [Partly + 1]bool
	for i := range a.Shares {
		seen[a.Shares[i].Verdict] = true
	}
	switch {
	case seen[Partly] || seen[Allowed] && seen[Denied]:
		a.Verdict = Partly
	case seen[Undecidable]:
		a.Verdict = Undecidable
	case seen[Allowed]:
		a.Verdict = Allowed
	default:
		a.Verdict = Denied
	}
	if p := e.byAddr[to.Addr]; p != nil {
		a.Notes = append(a.Notes, to.Addr.String()+" is "+p.String())
	}
	if to.Service != nil && len(a.Shares) == 0 {
		a.Notes = append(a.Notes, to.Service.String()+" has no port: it leads nowhere")
	}
	if named := to.Service != nil || to.Name != ""; named && from.Workload != nil && !e.mayLookUp(from.Workload) {
		a.Notes = append(a.Notes, "no rule lets "+from.Workload.String()+" ask a DNS server (port 53): it may find no address for the name")
	}
	if to.Name != "" && a.Verdict == Undecidable {
		a.Notes = append(a.Notes, "where it is a matter of addresses, ask by each that the name has: `getent ahosts "+to.Name+"` in the pod lists them")
	}
	return a
}

// mayLookUp reports whether a workload may be able to ask a DNS server.
func (e *Evaluator) mayLookUp(w *Workload) bool {
	p := e.byObject[w]
	if p == nil || p.Broken() || p.Pod.HostNetwork || len(e.cluster.Unread) > 0 {
		return true
	}
	asks := func(t flowset.Transports) bool { return t.Contains(flowset.UDP, 53) || t.Contains(flowset.TCP, 53) }
	for part := range e.outside(p).Possible.All() {
		if own := e.ownNode(p); asks(part.Transports) && !part.Addrs.SubsetOf(own) {
			return true
		}
	}
	g := e.groups()
	for _, in := range g.compiled(g.of[p.index]).egress {
		if in.op == opRule && in.action != Deny && asks(in.ports) {
			return true
		}
	}
	return false
}
