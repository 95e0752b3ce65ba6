package kube

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/profile/flowset"
)

// Origin is where a connection comes from: a workload of the cluster, or an address outside.
type Origin struct {
	Workload *Workload
	Addr     netip.Addr // where Workload is nil
}

// Destination is what a connection is made to: exactly one of its fields.
type Destination struct {
	Workload *Workload
	Service  *Service
	Addr     netip.Addr
	Prefix   netip.Prefix
	Name     string // a DNS name
}

// Decide answers whether a connection may be made. Connections within the cluster need egress of the source and ingress of the
// destination.
func (e *Evaluator) Decide(from Origin, to Destination, protocol Protocol, port uint16) Decision {
	q := question{e: e, protocol: protocol, port: port}
	d, ok := q.source(from)
	if ok {
		d = q.destination(to)
	}
	if r, ok := e.doubt(); ok && d.Verdict != Undecidable {
		d.Verdict = Undecidable
		d.Reasons = append(d.Reasons, r)
	}
	return d
}

// doubt is why nothing about the cluster is certain.
func (e *Evaluator) doubt() (Reason, bool) {
	if len(e.cluster.Unread) == 0 {
		return Reason{}, false
	}
	if p := e.both; p != nil {
		return Reason{Pos: p.Pos, Words: p.Object + " " + p.What}, true
	}
	p := e.cluster.Unread[0]
	return Reason{Pos: p.Pos, Words: "could not be read, and may be a policy: " + p.What}, true
}

// question is one call of [Evaluator.Decide].
type question struct {
	e        *Evaluator
	from     end
	protocol Protocol
	port     uint16
	about    flowset.Addrs // the addresses that one stands for

	via     *Service // that leads to the destination
	viaPort uint16
	direct  bool // by the destination's own address
}

// source finds the source: without it there is nothing to ask, and the decision says why.
func (q *question) source(from Origin) (Decision, bool) {
	if from.Workload == nil {
		q.from = q.e.endAt(from.Addr)
		return Decision{}, true
	}
	p := q.e.byObject[from.Workload]
	if p == nil {
		return undecided(Reason{Words: from.Workload.String() + " is not of this cluster"}), false
	}
	if p.Broken() {
		at := p.Errors[0]
		return undecided(Reason{Pos: at.Pos, Field: p.String(), Words: at.What}), false
	}
	q.from = podEnd(p)
	return Decision{}, true
}

func undecided(reasons ...Reason) Decision {
	return Decision{Verdict: Undecidable, Reasons: reasons}
}

func podEnd(p *pod) end { return end{pod: p, addrs: p.addrs} }

// endAt is what has an address: a pod, a node, or something outside of the cluster.
func (e *Evaluator) endAt(a netip.Addr) end {
	a = a.Unmap().WithZone("")
	x := end{addrs: flowset.AddrOf(a)}
	if p := e.byAddr[a]; p != nil {
		x.pod, x.twin = p, e.twins[a]
	} else {
		x.node = e.nodes[a]
	}
	return x
}

func (q *question) destination(to Destination) Decision {
	switch {
	case to.Workload != nil:
		p := q.e.byObject[to.Workload]
		if p == nil {
			return undecided(Reason{Words: to.Workload.String() + " is not of this cluster"})
		}
		return q.pod(p)
	case to.Service != nil:
		return q.service(to.Service)
	case to.Name != "":
		return q.name(to.Name)
	case to.Prefix.IsValid() && !to.Prefix.IsSingleIP():
		return q.prefix(to.Prefix.Masked())
	case to.Prefix.IsValid():
		return q.addr(to.Prefix.Addr())
	}
	return q.addr(to.Addr)
}

// pod decides for a pod, by each family that both ends have.
func (q *question) pod(p *pod) Decision {
	if p.Broken() {
		at := p.Errors[0]
		return undecided(Reason{Pos: at.Pos, Field: p.String(), Words: at.What})
	}
	if p.Ended() {
		return Decision{Verdict: Denied, Notes: []string{p.String() + " has ended: it has no address any more"}}
	}
	to := podEnd(p)
	d := q.families(to)
	if q.from.pod == p && !p.IsPod() && d.Verdict == Denied && p.Replicas != 1 {
		d = Decision{Verdict: Partly, Chain: d.Chain, Parts: []DecisionPart{
			{To: "the same pod", Workload: p.Workload, Decision: Decision{Verdict: Allowed, Notes: []string{"a pod always reaches itself"}}},
			{To: "other pods of " + p.String(), Workload: p.Workload, Decision: d},
		}}
	}
	return d
}

// families decides for each family of addresses apart, where the pods have both.
func (q *question) families(to end) Decision {
	four, six := flowset.AllIPv4(), flowset.AllIPv6()
	split := func(x end, by flowset.Addrs) end {
		x.addrs = x.addrs.Intersect(by)
		return x
	}
	var parts []DecisionPart
	for _, by := range []flowset.Addrs{four, six} {
		f, t := split(q.from, by), split(to, by)
		if f.addrs.IsEmpty() || t.addrs.IsEmpty() {
			continue
		}
		name := "over IPv4"
		if by.Equal(six) {
			name = "over IPv6"
		}
		parts = append(parts, DecisionPart{To: name, Decision: q.flow(flow{from: f, to: t})})
	}
	if len(parts) == 0 {
		return Decision{Verdict: Denied, Egress: Denied, Ingress: Denied, Notes: []string{"the two have no address family in common"}}
	}
	return join(parts)
}

// join is the decision for a destination of several parts.
func join(parts []DecisionPart) Decision {
	d := parts[0].Decision
	same := true
	for i := range parts[1:] {
		p := &parts[i+1]
		same = same && p.Verdict == d.Verdict && slices.Equal(p.Chain, d.Chain)
	}
	if same {
		return d
	}
	d = Decision{Verdict: parts[0].Verdict, Parts: parts}
	for i := range parts {
		if parts[i].Verdict != d.Verdict {
			d.Verdict = Partly
		}
	}
	for i := range parts {
		for _, r := range parts[i].Reasons {
			if !slices.Contains(d.Reasons, r) {
				d.Reasons = append(d.Reasons, r)
			}
		}
		for _, n := range parts[i].Notes {
			if !slices.Contains(d.Notes, n) {
				d.Notes = append(d.Notes, n)
			}
		}
	}
	if d.Verdict == Partly && allOf(parts, Undecidable, Denied) || d.Verdict == Partly && allOf(parts, Undecidable, Allowed) {
		d.Verdict = Undecidable
	}
	return d
}

// allOf reports whether each part has one of two verdicts.
func allOf(parts []DecisionPart, a, b Verdict) bool {
	for i := range parts {
		if v := parts[i].Verdict; v != a && v != b {
			return false
		}
	}
	return true
}

// flow decides one flow.
func (q *question) flow(f flow) Decision {
	f.protocol = q.protocol
	if f.port == 0 {
		f.port = q.port
	}
	if q.via != nil {
		f.service, f.servicePort = q.via, q.viaPort
	}
	f.direct = q.direct && f.service == nil
	for _, x := range []*end{&f.from, &f.to} {
		if x.twin != nil {
			return undecided(Reason{Pos: x.twin.Pos, Field: x.addrs.String(), Words: fmt.Sprintf("is the address of %s and of %s: which has it is not known", x.pod, x.twin)})
		}
	}
	var o observer
	service := f.before
	f.before = nil
	judged, after := f, q.e.assume.EgressAfterTranslation
	if q.e.calico != nil || q.e.cilium != nil { // both see what the service's address is translated to
		after = True
	}
	if after == False {
		judged.before = service
	}
	out := q.e.direction(&judged, Egress, &o)
	if service != nil && after == Unset {
		out |= q.beforeTranslation(f, service, out, &o)
	}
	asked := f // layers see what was asked for
	asked.before = service
	egress := out.and(q.e.beside(&asked, Egress, &o)).verdict()
	out = q.e.direction(&f, Ingress, &o)
	ingress := out.and(q.e.beside(&f, Ingress, &o)).verdict()
	d := Decision{Chain: o.chain, Verdict: Undecidable, Egress: egress, Ingress: ingress, Notes: o.notes}
	switch {
	case egress == Denied || ingress == Denied:
		d.Verdict = Denied
		d.Remedies = q.e.remedies(&f, q.about, o.chain)
	case egress == Allowed && ingress == Allowed:
		d.Verdict = Allowed
	default:
		d.Reasons = o.reasons
	}
	if o.blocks && q.e.assume.BlocksSelectPods == Unset && d.Verdict != Undecidable {
		d.Notes = append(d.Notes, q.blocksNote(f, d.Verdict)...)
	}
	return d
}

// blocksNote tells that the verdict would be another under a plugin that does not compare pods' addresses with blocks.
func (q *question) blocksNote(f flow, v Verdict) []string {
	without := *q.e
	without.assume.BlocksSelectPods = False
	other := question{e: &without, from: q.from, protocol: q.protocol, port: q.port}
	d := other.flow(f)
	if d.Verdict == v {
		return nil
	}
	return []string{fmt.Sprintf("an address block that holds a pod's address decides this: most network plugins go by it, Cilium does not (there: %v)", d.Verdict)}
}

// beforeTranslation is what comes of the flow's egress by plugins that see the service in the place of its pod, where that is not what
// comes by the others. What is said of plugins is in their source, and in what their users met:
//   - OVN-Kubernetes: go-controller/pkg/libovsdb/util/acl.go, LportEgressAfterLB: egress has apply-after-lb
//   - Antrea: pkg/agent/openflow/pipeline.go: the table that translates comes before those of egress (antrea-io/antrea#1119)
//   - Cilium: translates as early as it can, at the socket where it may (cilium/cilium#21251, cilium/cilium#1299)
//   - Calico: its chains in the filter table come after kube-proxy's in nat's PREROUTING (projectcalico/calico#8049); with eBPF it
//     translates itself, before policy
//   - Amazon VPC CNI: its probes are at the pod's veth, where the packet still has the service's address ([before])
func (q *question) beforeTranslation(f flow, service *before, after outcome, o *observer) outcome {
	f.before = service
	var unseen observer
	out := q.e.direction(&f, Egress, &unseen)
	if out == after {
		return out
	}
	o.reasons = append(o.reasons, unseen.reasons...)
	o.depends(Reason{Words: fmt.Sprintf(
		"depends on the network plugin: those that enforce egress after the service is translated (Calico, Cilium, OVN-Kubernetes, Antrea) see %s, and it is %v; those that enforce before (Amazon VPC CNI) see %s, and it is %v",
		q.e.describe(f.to, f.port), after.verdict(), netip.AddrPortFrom(service.addr, service.port), out.verdict())})
	return out
}

// describe is an end and a port in words.
func (e *Evaluator) describe(x end, port uint16) string {
	switch {
	case x.pod != nil:
		return fmt.Sprintf("%s port %d", x.pod, port)
	case x.name != "":
		return fmt.Sprintf("%s port %d", x.name, port)
	}
	return fmt.Sprintf("%s port %d", x.addrs, port)
}
