package kube

import "fmt"

// direction is what comes of a flow at one of its ends: egress at the source, ingress at the destination. The tiers are asked in
// their order: admin policies by priority, NetworkPolicies, baseline policies, and the default, which allows
// (sigs.k8s.io/network-policy-api v0.2.0, apis/v1alpha2, ClusterNetworkPolicySpec.Tier).
func (e *Evaluator) direction(f *flow, d Direction, o *observer) outcome {
	self, peer := &f.from, &f.to
	if d == Ingress {
		self, peer = peer, self
	}
	if out := e.unpoliced(self, peer, d, o); out != 0 {
		return out
	}
	w := &walk{e: e, f: f, d: d, self: self, peer: peer, o: o}
	if d == Egress && f.before != nil {
		w.seen = f.before
	}
	result := w.run()
	return w.ownNode(result)
}

// unpoliced is the outcome where no policy is asked: 0 where policies are.
func (e *Evaluator) unpoliced(self, peer *end, d Direction, o *observer) outcome {
	if out := e.calico.host(self, peer, d, o); out != 0 {
		return out
	}
	if e.cilium != nil {
		return e.ciliumUnpoliced(self, peer, d, o)
	}
	say := func(words string) outcome {
		o.consider(Considered{Direction: d, Layer: Routing, Says: NotApplicable, Words: words, Decides: true})
		return mayAllow
	}
	switch {
	case self.pod == nil && self.node != nil:
		return say("policies don't apply to nodes")
	case self.pod == nil:
		return say("policies don't apply to what is no pod of the cluster")
	case self.pod == peer.pod && self.pod.IsPod():
		return say("a pod always reaches itself")
	case self.pod.Pod.HostNetwork:
		return say(self.pod.String() + " is on the host network: policies don't select it")
	}
	if d == Ingress {
		switch e.isOwnNode(self.pod, peer) {
		case yes:
			return say("a pod's own node always reaches it")
		}
	}
	return 0
}

// isOwnNode reports whether an end is the node that a pod runs on, or is on that node's network.
func (e *Evaluator) isOwnNode(p *pod, x *end) match {
	node := ""
	switch {
	case x.pod != nil && x.pod.Pod.HostNetwork:
		node = x.pod.Pod.NodeName
	case x.pod == nil && x.node != nil:
		node = x.node.Name
	default:
		return no
	}
	if node == "" || p.Pod.NodeName == "" {
		return maybe
	}
	return when(node == p.Pod.NodeName)
}

// walk asks the tiers about one flow.
type walk struct {
	e          *Evaluator
	f          *flow
	d          Direction
	self, peer *end
	seen       *before
	o          *observer
}

func (w *walk) run() outcome {
	if w.e.calico != nil {
		return w.calico()
	}
	if w.e.cilium != nil {
		return w.cilium()
	}
	out := w.tier(w.e.admin, AdminLayer)
	if out&(mayPass|mayFall) == 0 {
		return out
	}
	out &^= mayPass | mayFall
	policies := w.policies()
	out |= policies &^ (mayPass | mayFall)
	if policies&mayFall == 0 {
		return out
	}
	base := w.tier(w.e.baseline, BaselineLayer)
	out |= base &^ (mayPass | mayFall)
	if base&(mayPass|mayFall) != 0 {
		out |= mayAllow
		w.o.consider(Considered{Direction: w.d, Layer: DefaultLayer, Says: Admits, Words: "no policy decides, and what none decides is allowed", Decides: true})
	}
	return out
}

// ownNode widens what comes of a flow between a pod and its own node, where that is not certain.
func (w *walk) ownNode(out outcome) outcome {
	if out&mayDeny == 0 || w.e.cilium != nil {
		return out
	}
	switch m := w.e.isOwnNode(w.self.pod, w.peer); {
	case m == no:
	case w.d == Egress && w.e.calico != nil: // policies apply to it
	case w.d == Egress:
		w.o.depends(Reason{Pos: w.self.pod.Pos, Words: ownNodeWords})
		out |= mayAllow
	case m == maybe:
		w.o.depends(Reason{Pos: w.self.pod.Pos, Field: "spec.nodeName", Words: "not known, and a pod's own node always reaches it"})
		out |= mayAllow
	}
	return out
}

// tier asks the admin policies of a tier, those of one priority together: "the implementation can apply any of the matching
// policies" of a priority.
func (w *walk) tier(policies []*AdminPolicy, layer Layer) outcome {
	var out outcome
	for i := 0; i < len(policies); {
		j := i + 1
		for j < len(policies) && policies[j].Priority == policies[i].Priority {
			j++
		}
		group := w.tied(policies[i:j], layer)
		out |= group &^ mayFall
		if group&mayFall == 0 {
			return out
		}
		i = j
	}
	return out | mayFall
}

func (w *walk) tied(policies []*AdminPolicy, layer Layer) outcome {
	var some outcome
	fall := true
	var deciders []*AdminPolicy
	for _, p := range policies {
		out := w.admin(p, layer)
		if out&^mayFall != 0 {
			deciders = append(deciders, p)
		}
		some |= out &^ mayFall
		fall = fall && out&mayFall != 0
	}
	if len(deciders) > 1 && some&(some-1) != 0 {
		a, b := deciders[0], deciders[1]
		w.o.depends(Reason{Pos: b.Pos, Field: "spec.priority of " + b.String(), Words: "the same as that of " + a.String() + ", which says otherwise: either may be applied"})
	}
	if fall {
		some |= mayFall
	}
	return some
}

// admin asks one admin policy: the first of its rules that matches.
func (w *walk) admin(p *AdminPolicy, layer Layer) outcome {
	base := Considered{Pos: p.Pos, Direction: w.d, Layer: layer, Object: p.String()}
	if p.Broken() {
		w.broken(&p.Meta, base)
		return mayAllow | mayDeny | mayPass | mayFall
	}
	subject := w.e.matchesAdminPeer(&p.Subject, w.self, nil, w.o)
	if subject == no {
		base.Words = "does not select " + w.self.pod.String()
		w.o.consider(base)
		return mayFall
	}
	var out outcome
	rules := p.Rules(w.d)
	if len(rules) == 0 {
		base.Words = "has no " + w.d.String() + " rules"
		w.o.consider(base)
	}
	for i := range rules {
		r := &rules[i]
		m, words := w.adminRule(r)
		action := r.Action
		if m != no && words == failsClosed {
			action = Deny
		}
		m = both(m, subject)
		if w.e.cilium != nil { // it may not enforce the policy
			m = both(m, maybe)
		}
		c := Considered{Pos: r.Pos, Direction: w.d, Layer: layer, Object: p.String(), Rule: i + 1, Name: r.Name, Words: words}
		switch {
		case m == no:
			c.Says = DoesNotAdmit
			if w.o != nil && !r.unknown() {
				c.Words, c.OtherPorts = r.otherThan(words), words == noPort
			}
			if r.Action != Allow {
				c.Says = NotApplicable
			}
		case m == maybe:
			c.Says = Unclear
			out |= actionOutcome(action)
		default:
			c.Says = [...]Saying{Admits, Denies, Passes}[action]
			c.Decides = action != Pass
			out |= actionOutcome(action)
		}
		w.o.consider(c)
		if m == yes {
			return out
		}
	}
	return out | mayFall
}

func actionOutcome(a Action) outcome {
	return [...]outcome{Allow: mayAllow, Deny: mayDeny, Pass: mayPass}[a]
}

const failsClosed = "it has a peer or port of a kind that is not known, so it denies everything"

// adminRule reports whether a rule matches.
func (w *walk) adminRule(r *AdminRule) (match, string) {
	if r.unknown() {
		if r.Action == Allow {
			return no, "it has a peer or port of a kind that is not known, so it matches nothing"
		}
		return yes, failsClosed
	}
	return w.peersAndPorts(len(r.Peers), len(r.Ports),
		func(i int) (match, bool) {
			p := &r.Peers[i]
			return w.e.matchesAdminPeer(p, w.peer, w.seen, w.o), p.Namespaces != nil || p.Pods != nil
		},
		func(i int, seen *before) match { return w.e.matchesAdminPort(&r.Ports[i], w.f, seen, w.o) })
}

// peersAndPorts reports whether one of a rule's peers matches, with one of its ports: none is all. A peer tells whether it selects pods.
func (w *walk) peersAndPorts(peers, ports int, peer func(int) (match, bool), port func(int, *before) match) (match, string) {
	anyPort := func(seen *before) match {
		if ports == 0 {
			return yes
		}
		result := no
		for i := 0; i < ports && result != yes; i++ {
			result = max(result, port(i, seen))
		}
		return result
	}
	if w.seen == nil { // then ports are the same whichever peer matches
		matched := when(peers == 0)
		for i := 0; i < peers && matched != yes; i++ {
			m, _ := peer(i)
			matched = max(matched, m)
		}
		if matched == no {
			return no, noPeer
		}
		m := both(matched, anyPort(nil))
		if m == no && matched == maybe {
			return no, mayPeer
		}
		if m == no {
			return no, noPort
		}
		return m, ""
	}
	if peers == 0 {
		return anyPort(w.seen), ""
	}
	result := no
	for i := 0; i < peers && result != yes; i++ {
		m, selects := peer(i)
		switch {
		case m == no:
		case selects:
			result = max(result, both(m, anyPort(nil)))
		default:
			result = max(result, both(m, anyPort(w.seen)))
		}
	}
	if result == no {
		return no, noPeer
	}
	return result, ""
}

// unknown reports whether the rule has to fail closed: for rules that allow, matching nothing; for others, denying
// everything (apis/v1alpha2, ClusterNetworkPolicyIngressPeer).
func (r *AdminRule) unknown() bool {
	for i := range r.Peers {
		if r.Peers[i].Unknown() {
			return true
		}
	}
	for i := range r.Ports {
		if r.Ports[i].Unknown() {
			return true
		}
	}
	return false
}

func (w *walk) broken(m *Meta, c Considered) {
	c.Says, c.Words = Unclear, "it has an error, and may decide anything"
	at := m.Errors[0]
	w.o.depends(Reason{Pos: at.Pos, Field: m.String(), Words: at.What})
	w.o.consider(c)
}

// policies asks the NetworkPolicies in the namespace of the pod. Once one isolates the pod, what no rule of any admits is denied, and
// later tiers are not asked.
func (w *walk) policies() outcome {
	var out outcome
	var isolating []*NetworkPolicy
	isolated, admitted := no, no
	for _, p := range w.self.pod.space.policies {
		c := Considered{Pos: p.Pos, Direction: w.d, Layer: NetworkPolicyLayer, Object: p.String()}
		if p.Broken() {
			w.broken(&p.Meta, c)
			isolated, admitted = max(isolated, maybe), max(admitted, maybe)
			continue
		}
		selected := w.e.selects(&p.PodSelector, w.self.pod, w.o)
		switch {
		case selected == no:
			c.Words = "does not select " + w.self.pod.String()
		case !p.Isolates(w.d):
			c.Words = "is not about " + w.d.String()
			selected = no
		}
		if selected == no {
			w.o.consider(c)
			continue
		}
		isolated = max(isolated, selected)
		isolating = append(isolating, p)
		admitted = max(admitted, w.policy(p, selected))
	}
	if isolated == no {
		return mayFall
	}
	if admitted != no {
		out |= mayAllow
	}
	if admitted != yes {
		out |= mayDeny
	}
	if isolated == maybe {
		out |= mayFall
	}
	if out == mayDeny {
		c := Considered{Direction: w.d, Layer: NetworkPolicyLayer, Says: Denies, Decides: true}
		c.Words = fmt.Sprintf("%s isolate it, and none of their rules admits this", several(isolating))
		if len(isolating) == 1 {
			p := isolating[0]
			c.Pos, c.Words = p.rulesPos(w.d), p.String()+" isolates it, and "+noneOf(len(p.Rules(w.d)), w.d)
		}
		w.o.consider(c)
	}
	return out
}

// isolates is why a flow is denied that no rule of a policy admits, where the policy and some more select the pod.
func isolates(more int) string {
	switch more {
	case 0:
		return "selects the pod, and no rule of it admits this"
	case 1:
		return "and another policy select the pod, and no rule of them admits this"
	}
	return fmt.Sprintf("and %d more policies select the pod, and no rule of them admits this", more)
}

// policy asks the rules of one NetworkPolicy that selects the pod.
func (w *walk) policy(p *NetworkPolicy, selected match) match {
	result := no
	rules := p.Rules(w.d)
	c := Considered{Direction: w.d, Layer: NetworkPolicyLayer, Object: p.String()}
	if len(rules) == 0 {
		c.Pos, c.Says, c.Words = p.rulesPos(w.d), DoesNotAdmit, "has no "+w.d.String()+" rule, and so admits nothing"
		w.o.consider(c)
	}
	for i := range rules {
		r := &rules[i]
		m, words := w.rule(p, r)
		m = both(m, selected)
		c := c
		c.Pos, c.Rule, c.Words = r.Pos, i+1, words
		c.Says = [...]Saying{no: DoesNotAdmit, maybe: Unclear, yes: Admits}[m]
		c.Decides = m == yes
		if m == no && w.o != nil {
			c.Words, c.OtherPorts = r.otherThan(words), words == noPort
		}
		w.o.consider(c)
		if result = max(result, m); result == yes {
			return yes
		}
	}
	return result
}

// rule reports whether a rule of a NetworkPolicy admits the flow.
func (w *walk) rule(p *NetworkPolicy, r *NetworkPolicyRule) (match, string) {
	return w.peersAndPorts(len(r.Peers), len(r.Ports),
		func(i int) (match, bool) {
			peer := &r.Peers[i]
			return w.e.matchesPeer(p.Namespace, peer, w.peer, w.seen, w.o), peer.IPBlock == nil
		},
		func(i int, seen *before) match { return w.e.matchesPort(&r.Ports[i], w.f, seen, w.o) })
}

// rulesPos is where the rules of a direction stand, or would.
func (p *NetworkPolicy) rulesPos(d Direction) Pos {
	at := p.IngressPos
	if d == Egress {
		at = p.EgressPos
	}
	if at.Line == 0 {
		return p.Pos
	}
	return at
}
