package kube

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
	"github.com/sallyport/sallyport/profile/sheet"
)

// Declared is what the sockets of a workload's pods may do, by the objects.
type Declared struct {
	Workload *Workload
	Profile  *profile.Profile
	// Undecided is what the objects don't tell. The profile denies it, with the reason.
	Undecided []Reason
	// Notes are what there is in the objects, and not in the profile.
	Notes []string
}

// Profile makes a profile of what the pods of a workload may send to: addresses outside of the cluster by the rules about their
// egress; pods whose addresses are known, and addresses of services, by those about the ingress there too. Its egress to
// addresses that are neither loopback nor those of a pod or a service is exactly [Evaluator.Egress]. It is an error where the objects decide nothing.
func (e *Evaluator) Profile(from *Workload) (*Declared, error) {
	p := e.byObject[from]
	switch {
	case p == nil:
		return nil, fmt.Errorf("%v is not of this cluster", from)
	case p.Broken():
		return nil, p.Errors[0]
	}
	if r, ok := e.doubt(); ok {
		return nil, errors.New(r.String())
	}
	x := &profiler{e: e, g: e.groups(), from: p, toClass: map[int32][]portRule{}}
	prog := x.g.compiled(x.g.of[p.index]).egress
	x.outside = e.through(p, nil)
	x.services()
	x.pods()
	x.itself()
	x.addresses(prog)
	d := &Declared{
		Workload:  from,
		Undecided: x.undecided,
		Profile: &profile.Profile{
			Name:        profileName(from),
			Description: "what sockets of " + from.String() + " may do, by its cluster's objects",
			Facts:       x.facts(),
			Bind:        x.binds(),
			Layers: []profile.Layer{{
				Name: "cluster", From: profile.Origin{Object: from.String(), File: from.File, Line: from.Line},
				Default: profile.Verdict{Kind: profile.Abstain}, Rules: x.rules,
			}},
		},
	}
	if len(x.rules) == 0 {
		d.Profile.Layers = nil
	}
	d.Notes = x.notes()
	return d, nil
}

// profileName is the name of a workload's profile: namespace and name, which Kubernetes keeps to the letters that a profile's name may have.
func profileName(w *Workload) string {
	if w.Namespace == "" {
		return w.Name
	}
	return w.Namespace + "." + w.Name
}

// profiler is a profile in the making.
type profiler struct {
	e         *Evaluator
	g         *grouping
	from      *pod
	outside   EgressSet
	toClass   map[int32][]portRule
	rules     []profile.EgressRule
	undecided []Reason
}

// portRule is what becomes of some ports of a destination.
type portRule struct {
	ports   flowset.Transports
	verdict profile.Verdict
	reason  string
	from    *origin
}

var (
	allow = profile.Verdict{Kind: profile.Allow}
	drop  = profile.Verdict{Kind: profile.Drop}
	reset = profile.Verdict{Kind: profile.Refuse}
)

// addresses makes the rules about addresses of no pod.
func (x *profiler) addresses(prog []instr) {
	certain, possible := x.outside.Certain, x.outside.Possible
	if open := possible.Subtract(certain); !open.IsEmpty() {
		x.open(open)
	}
	if len(x.e.layers) == 0 && inOrder(prog) {
		for i := range prog {
			if in := &prog[i]; in.op == opRule && !in.addrs.IsEmpty() {
				x.add(flowset.Of(in.addrs, in.ports), profileVerdict(in.action), "", in.from)
			}
		}
		return
	}
	var cuts []cut
	x.e.through(x.from, func(c cut) { cuts = append(cuts, c) })
	var done flowset.Set
	for _, c := range cuts {
		flows := c.flows.Subtract(possible)
		if c.in.action != Deny {
			flows = c.flows.Intersect(certain)
		}
		flows = flows.Subtract(done)
		done = done.Union(flows)
		if c.in.action != Pass { // what was passed, and not decided after, is allowed by default
			x.add(flows, profileVerdict(c.in.action), "", c.in.from)
		}
	}
	x.add(flowset.Of(flowset.AllAddrs(), ported).Subtract(possible).Subtract(done), drop, "", nil)
}

func profileVerdict(a Action) profile.Verdict {
	if a == Deny {
		return drop
	}
	return allow
}

// inOrder reports whether the rules of a program come to the same as a list of which the first that matches decides.
func inOrder(prog []instr) bool {
	return !slices.ContainsFunc(prog, func(in instr) bool {
		return in.op == opBegin || in.op == opRule && (in.action == Pass || in.unsure || !in.some.IsEmpty())
	})
}

// open denies what cannot be decided about addresses, and tells why by an example of it.
func (x *profiler) open(flows flowset.Set) {
	for part := range flows.All() {
		for protocol, ports := range part.Transports.All() {
			for a := range part.Addrs.Ranges() {
				for port := range ports.Ranges() {
					d := x.e.Decide(Origin{Workload: x.from.Workload}, Destination{Addr: a}, protocolOf(protocol), port)
					reason, at := x.unclear(d.Reasons)
					x.addFrom(flowset.Of(part.Addrs, flowset.Transport(protocol, ports)), drop, reason, at)
					break
				}
				break
			}
		}
	}
}

func protocolOf(p flowset.Protocol) Protocol {
	switch p {
	case flowset.UDP:
		return UDP
	case flowset.SCTP:
		return SCTP
	}
	return TCP
}

const notDecidable = sheet.NotDecidable

// unclear notes reasons, and makes a line of the first, and where it comes from.
func (x *profiler) unclear(reasons []Reason) (string, profile.Origin) {
	words := notDecidable
	var at profile.Origin
	for i, r := range reasons {
		if !slices.Contains(x.undecided, r) {
			x.undecided = append(x.undecided, r)
		}
		if i == 0 {
			at = profile.Origin{File: r.File, Line: r.Line}
			r.Pos = Pos{}
			words += ": " + r.String()
		}
	}
	return words, at
}

// itself lets through what stays in the pod, where a rule would not: policies don't see it.
func (x *profiler) itself() {
	own := flowset.AddrsOf(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	for _, a := range x.from.own {
		own = own.Union(flowset.AddrOf(a.Unmap()))
	}
	if flows := flowset.Of(own, ported); !flows.SubsetOf(x.outside.Certain) {
		x.add(flows, allow, "stays in the pod", nil)
	}
}

// pods makes the rules about pods whose addresses are known, where they are not those of addresses outside.
func (x *profiler) pods() {
	type group struct {
		rules []portRule
		addrs flowset.AddrsBuilder
		names []string
	}
	var groups []*group
	byKey := map[string]*group{}
	for _, q := range x.e.pods {
		if q == x.from || !q.known || x.from.family&q.family == 0 || q.Pod.HostNetwork || q.Ended() || q.Broken() {
			continue
		}
		rules := slices.Clone(x.toPod(q))
		rules = slices.DeleteFunc(rules, func(r portRule) bool { return x.asOutside(q.addrs, r) })
		if len(rules) == 0 {
			continue
		}
		var key strings.Builder
		for _, r := range rules {
			fmt.Fprintf(&key, "%v %v %s %p\n", r.ports, r.verdict, r.reason, r.from)
		}
		g := byKey[key.String()]
		if g == nil {
			g = &group{rules: rules}
			byKey[key.String()] = g
			groups = append(groups, g)
		}
		g.addrs.Add(q.addrs)
		g.names = append(g.names, q.String())
	}
	for _, g := range groups {
		names := g.names[0]
		if n := len(g.names) - 1; n > 0 {
			names += fmt.Sprintf(" and %d more", n)
		}
		for _, r := range g.rules {
			reason := names
			if r.reason != "" {
				reason += ": " + r.reason
			}
			x.add(flowset.Of(g.addrs.Addrs(), r.ports), r.verdict, reason, r.from)
		}
	}
}

// asOutside reports whether the rules about addresses outside say the same.
func (x *profiler) asOutside(addrs flowset.Addrs, r portRule) bool {
	flows := flowset.Of(addrs, r.ports)
	if r.verdict == allow {
		return flows.SubsetOf(x.outside.Certain)
	}
	return !flows.Overlaps(x.outside.Possible)
}

// toPod is what becomes of each port of a pod.
func (x *profiler) toPod(q *pod) []portRule {
	class := x.g.of[q.index]
	if rules, there := x.toClass[class]; there && !x.g.hosts {
		return rules
	}
	reach := x.e.allowed(x.from.Workload, q.Workload, true)
	mine, theirs := x.g.compiled(x.g.of[x.from.index]), x.g.compiled(class)
	out, outReach := x.g.portCuts(mine.egress, class)
	in, inReach := x.g.portCuts(theirs.ingress, x.g.of[x.from.index])
	left := ported
	var rules []portRule
	add := func(ports flowset.Transports, v profile.Verdict, reason string, from *origin) {
		if ports = ports.Intersect(left); !ports.IsEmpty() {
			left = left.Subtract(ports)
			rules = append(rules, portRule{ports, v, reason, from})
		}
	}
	for _, c := range out {
		if c.in.action == Allow {
			add(c.ports.Intersect(reach.Certain), allow, "", c.in.from)
		}
	}
	add(reach.Certain, allow, "", nil)
	denied := ported.Subtract(reach.Possible)
	for _, c := range out {
		if c.in.action == Deny {
			add(c.ports.Subtract(outReach.Possible).Intersect(denied), drop, "", c.in.from)
		}
	}
	for _, c := range in {
		if c.in.action == Deny {
			add(c.ports.Subtract(inReach.Possible).Intersect(denied), drop, "its ingress", c.in.from)
		}
	}
	for _, list := range []struct {
		besides besides
		peer    int32
		reason  string
	}{{mine.egressBesides, class, ""}, {theirs.ingressBesides, x.g.of[x.from.index], "its ingress"}} {
		for i := range list.besides {
			cuts, left := x.g.portCuts(list.besides.of(i, true), list.peer)
			for _, c := range cuts {
				if c.in.action == Deny {
					add(c.ports.Subtract(left.Possible).Intersect(denied), drop, list.reason, c.in.from)
				}
			}
		}
	}
	add(denied, drop, "", nil)
	for protocol, ports := range left.All() {
		for port := range ports.Ranges() {
			d := x.e.Decide(Origin{Workload: x.from.Workload}, Destination{Workload: q.Workload}, protocolOf(protocol), port)
			reason, _ := x.unclear(d.Reasons)
			add(left, drop, reason, nil)
			break
		}
		break
	}
	x.toClass[class] = rules
	return rules
}

// portCut is an instruction, and the ports of a peer that were undecided when it came to them.
type portCut struct {
	in    *instr
	ports flowset.Transports
}

// portCuts runs a program for one peer, and tells which instruction came to which ports.
func (g *grouping) portCuts(prog []instr, peer int32) (cuts []portCut, reach Reach) {
	reach = g.watch(prog, peer, func(in *instr, live flowset.Transports) {
		cuts = append(cuts, portCut{in, live.Intersect(in.ports)})
	})
	return cuts, reach
}

// services makes the rules about addresses of services, where they are not those of addresses outside. Of ports that a service
// does not have, and of services without an endpoint, they say nothing: no policy does.
func (x *profiler) services() {
	for _, s := range x.e.cluster.Services {
		if s.Broken() {
			continue
		}
		var addrs []netip.Addr
		for _, list := range [][]netip.Addr{s.ClusterIPs, s.ExternalIPs, s.LoadBalancerIPs} {
			for _, a := range list {
				if a = a.Unmap(); slices.Contains(x.e.vips[a], s) && !slices.Contains(addrs, a) {
					addrs = append(addrs, a)
				}
			}
		}
		for _, a := range addrs {
			for i := range s.Ports {
				x.servicePort(s, &s.Ports[i], a)
			}
		}
	}
}

func (x *profiler) servicePort(s *Service, p *ServicePort, a netip.Addr) {
	d := x.e.Decide(Origin{Workload: x.from.Workload}, Destination{Addr: a}, p.Protocol, p.Port)
	ports := flowset.Transport(p.Protocol.transport(), flowset.Port(p.Port))
	flow := flowset.Of(flowset.AddrOf(a), ports)
	from, words, routed := d.decider()
	reason := s.String()
	switch d.Verdict {
	case Allowed:
		if flow.SubsetOf(x.outside.Certain) {
			return
		}
		x.addFrom(flow, allow, reason, from)
	case Denied:
		if routed || !flow.Overlaps(x.outside.Possible) {
			return
		}
		if words != "" {
			reason += ": " + words
		}
		x.addFrom(flow, drop, reason, from)
	case Partly:
		reason += ": only some of its endpoints may be reached"
		x.undecided = append(x.undecided, Reason{Pos: s.Pos, Field: s.String(), Words: fmt.Sprintf("port %d/%v reaches only some of its endpoints", p.Port, p.Protocol)})
		x.addFrom(flow, drop, reason, from)
	default:
		words, at := x.unclear(d.Reasons)
		x.addFrom(flow, drop, reason+": "+words, at)
	}
}

// decider is what a decision comes of: of denials the rule that denies, else the first that admits; routed where it is no policy.
func (d *Decision) decider() (from profile.Origin, words string, routed bool) {
	var by *Considered
	for i := range d.Chain {
		c := &d.Chain[i]
		if !c.Decides || d.Verdict == Denied && c.Says != Denies && c.Says != NotApplicable {
			continue
		}
		if c.Object == "" && c.Layer == NetworkPolicyLayer {
			return d.isolation(*c)
		}
		if by == nil || by.Object == "" && c.Object != "" { // that no policy decides comes of no object
			by = c
		}
	}
	if by != nil {
		return profile.Origin{Object: objectRule(by.Object, by.Rule), File: by.File, Line: by.Line}, by.Words, by.Layer == Routing && d.Verdict == Denied
	}
	for i := range d.Parts {
		if d.Parts[i].Verdict == d.Verdict {
			return d.Parts[i].decider()
		}
	}
	return profile.Origin{}, "", false
}

// isolation is what a denial comes of that no one rule says: the first of the policies that isolate the pod stands for all.
func (d *Decision) isolation(c Considered) (from profile.Origin, words string, routed bool) {
	more := -1
	last := ""
	for _, b := range d.Chain {
		if b.Direction != c.Direction || b.Layer != c.Layer || b.Says != DoesNotAdmit || b.Object == last {
			continue
		}
		last = b.Object
		if more++; more == 0 {
			from = profile.Origin{Object: b.Object, File: b.File, Line: b.Line}
		}
	}
	if c.File != "" {
		from.File, from.Line = c.File, c.Line
	}
	return from, isolates(max(more, 0)), false
}

func objectRule(object string, rule int) string {
	if rule > 0 {
		return fmt.Sprintf("%s rule %d", object, rule)
	}
	return object
}
