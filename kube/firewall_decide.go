package kube

import (
	"fmt"

	"github.com/sallyport/sallyport/profile/flowset"
)

// decide asks the firewall of the source's namespace. OpenShift SDN holds what comes by the address of a service by the policy of the
// service's.
func (l *firewalls) decide(f *flow, d Direction, o *observer) outcome {
	if d == Ingress {
		return 0
	}
	space := f.from.pod.Namespace
	if l.layer == EgressNetworkPolicyLayer && f.before != nil && f.service != nil {
		space = f.service.Namespace
	}
	w := l.of[space]
	if w == nil {
		return 0
	}
	return l.ask(w, f, l.contested(space), o)
}

// contested reports whether the other layer's object may be in force instead.
func (l *firewalls) contested(space string) bool {
	w, other := l.of[space], l.other.of[space]
	return other != nil && w.ignored == "" && other.ignored == ""
}

const bothPlugins = "whose network plugin runs is not known: OVN-Kubernetes heeds EgressFirewall, OpenShift SDN EgressNetworkPolicy, and the object Network cluster (config.openshift.io) tells which"

// ask is what one firewall makes of a flow. Where unsure, it may not be in force.
func (l *firewalls) ask(w *firewall, f *flow, unsure bool, o *observer) outcome {
	base := Considered{Pos: w.Pos, Direction: Egress, Layer: l.layer, Object: w.String()}
	x := l.end(&f.to)
	switch {
	case w.ignored != "":
		base.Words = w.ignored
		o.consider(base)
		return mayAllow
	case l.layer == EgressNetworkPolicyLayer && f.before != nil:
		out := l.proxied(w, f, o)
		if unsure && out&mayDeny != 0 {
			o.depends(Reason{Pos: w.Pos, Field: w.String(), Words: bothPlugins})
			out |= mayAllow
		}
		return out
	case inside(&f.to):
		base.Words = "it is not about what goes to pods"
		o.consider(base)
		return mayAllow
	case x.addrs.IsEmpty():
		base.Words = "it is not about the cluster network, where the address is"
		o.consider(base)
		return mayAllow
	}
	if f.to.pod == nil && f.to.node == nil && f.to.name == "" && l.vips.Overlaps(x.addrs) {
		o.depends(Reason{Pos: w.Pos, Field: "the service at " + x.addrs.String(), Words: "it is in the service network, and no object has it: it may lead to pods, which the rules are not about, or to others"})
		base.Says, base.Words = Unclear, "the service is not known"
		o.consider(base)
		return mayAllow | mayDeny
	}
	out := l.rules(w, f, x, unsure, o)
	if unsure {
		o.depends(Reason{Pos: w.Pos, Field: w.String(), Words: bothPlugins})
		out |= mayAllow
	}
	return out
}

// proxied is what OpenShift SDN's proxy makes of a service: it leaves out one of whose endpoints any is denied, and asks the rules about none on
// the cluster network.
func (l *firewalls) proxied(w *firewall, f *flow, o *observer) outcome {
	ends := []end{f.to}
	for _, slice := range l.e.cluster.Endpoints {
		if f.service == nil || slice.Service != f.service.Name || slice.Namespace != f.service.Namespace {
			continue
		}
		for i := range slice.Endpoints {
			if slice.Endpoints[i].Ready == False {
				continue
			}
			for _, a := range slice.Endpoints[i].Addresses {
				ends = append(ends, l.e.endAt(a))
			}
		}
	}
	out := mayAllow
	for i := range ends {
		x := l.end(&ends[i])
		if inside(&ends[i]) || x.addrs.IsEmpty() {
			continue
		}
		one := *f
		one.to = ends[i]
		see := o
		if i > 0 {
			see = nil // the endpoint in question has its lines already
		}
		was := out
		out = out.and(l.rules(w, &one, x, false, see))
		if i > 0 && out != was {
			c := Considered{Pos: w.Pos, Direction: Egress, Layer: l.layer, Object: w.String(), Says: Denies, Decides: out == mayDeny}
			c.Words = fmt.Sprintf("it denies an endpoint of %v, %v: OpenShift SDN leaves out the whole service", f.service, x.addrs)
			if out != mayDeny {
				c.Says = Unclear
				o.depends(Reason{Pos: w.Pos, Field: w.String(), Words: c.Words + ", if so"})
			}
			o.consider(c)
		}
	}
	if out == mayAllow && inside(&f.to) {
		o.consider(Considered{Pos: w.Pos, Direction: Egress, Layer: l.layer, Object: w.String(), Words: "it is not about what goes to pods"})
	}
	return out
}

// inside reports whether an end is a pod on the cluster network.
func inside(x *end) bool { return x.pod != nil && !x.pod.Pod.HostNetwork }

// end is an end without the addresses that firewalls take for the cluster's own.
func (l *firewalls) end(x *end) *end {
	y := *x
	y.addrs = x.addrs.Subtract(l.cluster)
	if x.name != "" {
		y.addrs = y.addrs.Subtract(l.vips)
	}
	return &y
}

func (l *firewalls) rules(w *firewall, f *flow, x *end, unsure bool, o *observer) outcome {
	base := Considered{Pos: w.Pos, Direction: Egress, Layer: l.layer, Object: w.String()}
	switch {
	case w.unknown != nil:
		o.depends(*w.unknown)
		base.Says, base.Words = Unclear, "what of it is in force is not known"
		o.consider(base)
		return mayAllow | mayDeny
	case w.dropsAll != "":
		base.Says, base.Words, base.Decides = Denies, w.dropsAll, !unsure
		o.consider(base)
		return mayDeny
	}
	var out outcome
	if l.layer == EgressNetworkPolicyLayer && f.before == nil {
		switch l.ownDNS(f.from.pod, f, x) {
		case yes:
			base.Says, base.Words, base.Decides = Admits, "OpenShift SDN always allows DNS at the pod's own node", !unsure
			o.consider(base)
			return mayAllow
		case maybe:
			o.depends(Reason{Pos: f.from.pod.Pos, Field: "spec.nodeName", Words: "not known, and OpenShift SDN always allows DNS at the pod's own node"})
			out |= mayAllow
		}
	}
	for i := range w.rules {
		r := &w.rules[i]
		m, words := l.matches(w, r, f, x, o)
		c := Considered{Pos: r.Pos, Direction: Egress, Layer: l.layer, Object: w.String(), Rule: i + 1, Words: words}
		switch {
		case m == no:
			c.Says = [...]Saying{Allow: DoesNotAdmit, Deny: NotApplicable}[r.Action]
		case m == maybe:
			c.Says = Unclear
		default:
			c.Says, c.Decides = [...]Saying{Allow: Admits, Deny: Denies}[r.Action], !unsure
		}
		o.consider(c)
		if m != no {
			out |= actionOutcome(r.Action)
			l.wildcards(w, r, o)
		}
		if m == yes {
			return out
		}
	}
	l.otherFamily(w, x, o)
	base.Says, base.Words, base.Decides = Admits, "none of its rules matches, and what none matches is allowed", !unsure
	o.consider(base)
	return out | mayAllow
}

// wildcards notes what a rule with a wildcard takes for granted.
func (l *firewalls) wildcards(w *firewall, r *firewallRule, o *observer) {
	if w.wild && r.Name != "" && r.Name[0] == '*' {
		o.note(fmt.Sprintf("%s holds only where OVN-Kubernetes runs with DNSNameResolver (a feature gate of OpenShift): without it, it refuses the whole of %s; status.messages would tell", r.Name, w))
	}
}

// otherFamily notes that a firewall which denies all of one family leaves the other open.
func (l *firewalls) otherFamily(w *firewall, x *end, o *observer) {
	if l.layer != EgressFirewallLayer {
		return
	}
	six := x.addrs.SubsetOf(flowset.AllIPv6())
	for i := range w.rules {
		r := &w.rules[i]
		if r.Action == Deny && r.CIDR.IsValid() && r.CIDR.Bits() == 0 && len(r.Ports) == 0 && r.CIDR.Addr().Is4() == six {
			other, family := "::/0", "IPv6"
			if !six {
				other, family = "0.0.0.0/0", "IPv4"
			}
			o.note(fmt.Sprintf("%v denies %v, which leaves %s open: it takes a rule that denies %s too", w, r.CIDR, family, other))
			return
		}
	}
}

// matches reports whether a rule matches a flow to an end.
func (l *firewalls) matches(w *firewall, r *firewallRule, f *flow, x *end, o *observer) (match, string) {
	to := l.matchesEnd(r, x, o)
	switch {
	case to == no:
		return no, "it is for " + r.To()
	case !r.ports.Contains(f.protocol.transport(), f.port):
		return no, "its destination matches, its ports don't"
	case r.unsure:
		o.depends(Reason{Pos: r.Pos, Field: "cidrSelector", Words: "it has bits beyond its prefix length, and OVN does not take such a match: the rule may have no effect"})
		to = min(to, maybe)
	}
	return to, r.To()
}

// matchesEnd reports whether the destination of a rule is an end that is not on the cluster network.
func (l *firewalls) matchesEnd(r *firewallRule, x *end, o *observer) match {
	if r.Name != "" {
		if x.name != "" {
			return when(r.Matches(x.name))
		}
		o.depends(Reason{Pos: r.Pos, Field: "dnsName", Words: "an address is matched while " + r.Name + " resolves to it: ask by the name"})
		return maybe
	}
	m := l.e.in(r.addrs, x, nil, o, r.Pos)
	if m == no && r.some.Overlaps(x.addrs) {
		words := "a node with an error may have the address"
		if len(l.e.cluster.Nodes) == 0 {
			words = "no Node object was given: whether the address is one's is not known"
		}
		o.depends(Reason{Pos: r.Pos, Field: "nodeSelector", Words: words})
		return maybe
	}
	return m
}

// ownDNS reports whether a flow goes to port 53 of the node of a pod (table 99 in SetupOVS, pkg/network/node/ovscontroller.go of
// OpenShift SDN).
func (l *firewalls) ownDNS(p *pod, f *flow, x *end) match {
	if f.port != 53 || f.protocol == SCTP {
		return no
	}
	return l.e.isOwnNode(p, x)
}

var dns = flowset.Transport(flowset.TCP, flowset.Port(53)).Union(flowset.Transport(flowset.UDP, flowset.Port(53)))

func (l *firewalls) program(g *grouping, c *class, d Direction) (prog, direct []instr) {
	if d == Ingress {
		return nil, nil
	}
	w := l.of[c.Namespace]
	if w == nil || w.ignored != "" {
		return nil, nil
	}
	if l.contested(c.Namespace) {
		prog = append(prog, g.everything(Allow, true))
	}
	if !l.vips.IsEmpty() { // no known service's, where no service is asked for
		a, b := instr{ports: ported, unsure: true, addrs: l.vips}, instr{ports: ported, unsure: true, addrs: l.vips, action: Deny}
		prog = append(prog, of(origin{Pos: w.Pos, object: &w.Meta, words: "a service that no object has"}, []instr{a, b})...)
	}
	return append(prog, l.ruleProgram(g, w, c)...), nil
}

// ruleProgram is the rules of one firewall, for the pods of a class.
func (l *firewalls) ruleProgram(g *grouping, w *firewall, c *class) []instr {
	out := instr{ports: ported, addrs: flowset.AllAddrs().Subtract(l.cluster), peers: g.those(g.onHosts(), func(*end) match { return yes })}
	o := origin{Pos: w.Pos, object: &w.Meta}
	switch {
	case w.unknown != nil:
		a, b := out, out
		a.unsure, b.unsure, b.action = true, true, Deny
		o.Pos, o.words = w.unknown.Pos, "what of it is in force is not known"
		return of(o, []instr{a, b})
	case w.dropsAll != "":
		out.action, o.words = Deny, w.dropsAll
		return of(o, []instr{out})
	}
	var prog []instr
	if l.layer == EgressNetworkPolicyLayer {
		prog = append(prog, l.dnsProgram(g, w, c)...)
	}
	key := ruleKey{w, Egress}
	rules, there := g.rules[key]
	if !there {
		for i := range w.rules {
			r := &w.rules[i]
			in := instr{action: r.Action, unsure: r.unsure, ports: r.ports, addrs: r.addrs, some: r.some.Subtract(l.cluster)}
			in.addrs = in.addrs.Subtract(l.cluster)
			in.peers = g.those(g.onHosts(), func(x *end) match { return l.matchesEnd(r, l.end(x), nil) })
			rules = append(rules, of(origin{Pos: r.Pos, object: &w.Meta, rule: i + 1}, []instr{in})...)
		}
		g.rules[key] = rules
	}
	return append(prog, rules...)
}

// dnsProgram allows DNS at the pods' own node.
func (l *firewalls) dnsProgram(g *grouping, w *firewall, c *class) []instr {
	in := instr{ports: dns, peers: g.those(g.onHosts(), func(x *end) match { return l.e.isOwnNode(c.pod, x) })}
	own := l.e.ownNode(c.pod).Subtract(l.cluster)
	if c.Pod.NodeName == "" {
		in.some = own
	} else {
		in.addrs = own
	}
	return of(origin{Pos: w.Pos, object: &w.Meta, words: "OpenShift SDN always allows DNS at the pod's own node"}, []instr{in})
}

// onHosts is the classes of pods on the host network.
func (g *grouping) onHosts() []span {
	if !g.hosts {
		return nil
	}
	var list []int32
	for i, c := range g.classes {
		if c.Pod.HostNetwork {
			list = append(list, int32(i))
		}
	}
	return spansOf(list)
}

// key tells nodes apart where it matters which is a pod's own.
func (l *firewalls) key(p *pod) string {
	if w := l.of[p.Namespace]; l.layer == EgressNetworkPolicyLayer && w != nil && w.ignored == "" {
		return "node " + p.Pod.NodeName
	}
	return ""
}

// signs are none: pods on the cluster network are all alike to a firewall, and each on the host network has a class of its own.
func (l *firewalls) signs() []flowset.Addrs { return nil }
