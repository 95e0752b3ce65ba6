package kube

import (
	"fmt"
	"strings"
)

// cilium asks Cilium's rules about one flow. An end is in default deny in a direction as soon as one rule that is about it asks for that;
// what denies wins over all that admits; and a pod's own node reaches it, unless something denies that too (Repository.computePolicyEnforcementAndRules
// in pkg/policy/repository.go, Documentation/security/policy/deny.rst).
func (w *walk) cilium() outcome {
	c := w.e.cilium
	var out outcome
	_, host := w.self.isHost()
	if !host {
		out = w.mayBeTier(w.e.admin, AdminLayer)
		for _, p := range c.passed {
			w.o.consider(Considered{Pos: p.Pos, Direction: w.d, Layer: AdminLayer, Object: p.String(), Words: "Cilium does not know " + p.Kind + ", and does not enforce it"})
		}
	}
	v := ciliumVerdict{walk: w}
	for _, s := range c.specs(w.self) {
		v.spec(s)
	}
	if v.denied != yes && v.admitted != yes && !host {
		out |= w.mayBeTier(w.e.baseline, BaselineLayer)
	}
	out |= v.end(host)
	if host && out&mayDeny != 0 {
		w.o.depends(Reason{Words: "policies for nodes are in force where Cilium's host firewall is enabled (hostFirewall.enabled), which is not in the objects"})
		out |= mayAllow
	}
	return out
}

// mayBeTier asks a tier of ClusterNetworkPolicies, which Cilium enforces only when told to.
func (w *walk) mayBeTier(policies []*AdminPolicy, layer Layer) outcome {
	out := w.tier(policies, layer) &^ (mayPass | mayFall)
	if out != 0 {
		w.o.depends(Reason{Field: "enable-k8s-cluster-network-policy", Words: "Cilium enforces ClusterNetworkPolicies where this option is on; by default it is off"})
	}
	return out
}

// ciliumUnpoliced is the outcome where no policy is asked: 0 where policies are.
func (e *Evaluator) ciliumUnpoliced(self, peer *end, d Direction, o *observer) outcome {
	say := func(words string) outcome {
		o.consider(Considered{Direction: d, Layer: Routing, Says: NotApplicable, Words: words, Decides: true})
		return mayAllow
	}
	_, host := self.isHost()
	switch {
	case self.pod == nil && self.node == nil:
		return say("policies don't apply to what is no pod of the cluster")
	case self.pod == peer.pod && self.pod != nil && self.pod.IsPod():
		return say("a pod always reaches itself")
	case !host:
		return 0
	case e.cilium.ownHost(self, peer, nil) == yes:
		return say("what is on one node's network reaches itself")
	}
	for _, s := range e.cilium.hosts {
		if sec := &s.sections[d]; s.meta.Broken() || sec.isolates || len(sec.rules) > 0 {
			return 0
		}
	}
	if self.pod == nil {
		return say("no policy is about nodes")
	}
	return say(self.pod.String() + " is on the host network: only policies with a nodeSelector are about it, and there is none")
}

// ciliumVerdict is what Cilium's rules have said so far.
type ciliumVerdict struct {
	*walk
	isolated, admitted, denied match
	admits, denies             int // where in the chain the first that does so is, from 1
	notes                      []string
	plain                      string // a rule that admits without narrowing
}

func (v *ciliumVerdict) consider(c Considered) {
	v.o.consider(c)
	if v.o == nil {
		return
	}
	switch {
	case c.Says == Admits && v.admits == 0:
		v.admits = len(v.o.chain)
	case c.Says == Denies && v.denies == 0:
		v.denies = len(v.o.chain)
	}
}

// spec asks a set of rules.
func (v *ciliumVerdict) spec(s *ciliumSpec) {
	base := Considered{Pos: s.pos, Direction: v.d, Layer: s.layer, Object: s.meta.String()}
	own := s.layer == CiliumLayer
	if s.meta.Broken() {
		v.broken(s.meta, base)
		v.isolated, v.admitted = max(v.isolated, maybe), max(v.admitted, maybe)
		if own {
			v.denied = max(v.denied, maybe)
		}
		return
	}
	prefix := ""
	if s.nth > 0 {
		prefix = fmt.Sprintf("specs %d: ", s.nth)
	}
	sec := &s.sections[v.d]
	selected := v.e.cilium.subject(s, v.self, v.o)
	switch {
	case selected == no:
		base.Words = prefix + "does not select " + v.self.String()
	case !sec.isolates && len(sec.rules) == 0:
		base.Words = prefix + "is not about " + v.d.String()
		selected = no
	}
	if selected == no {
		v.consider(base)
		return
	}
	for _, f := range s.flags {
		v.o.depends(Reason{Pos: f.Pos, Field: f.Field, Words: "Cilium refuses the object unless its option " + f.Name + " is on; by default it is off"})
		selected = maybe
	}
	if sec.isolates {
		v.isolated = max(v.isolated, selected)
	}
	if len(sec.rules) == 0 {
		base.Pos, base.Says, base.Words = sec.pos, DoesNotAdmit, "has no "+v.d.String()+" rule, and so admits nothing"
		v.consider(base)
	}
	for _, r := range sec.rules {
		c := base
		c.Pos, c.Rule = r.Pos, r.index+1
		m, words := v.rule(r)
		m = both(m, selected)
		c.Words = words
		if r.deny {
			c.Says = [...]Saying{no: NotApplicable, maybe: Unclear, yes: Denies}[m]
			v.denied = max(v.denied, m)
			if c.Words == "" {
				c.Words = "what denies wins over what admits"
			}
			c.Words = v.d.String() + "Deny: " + c.Words
		} else {
			c.Says = [...]Saying{no: DoesNotAdmit, maybe: Unclear, yes: Admits}[m]
			v.admitted = max(v.admitted, m)
			if m == yes {
				v.narrowed(r)
			}
		}
		c.Words = strings.TrimSuffix(prefix+c.Words, ": ")
		v.consider(c)
	}
}

// String is the object behind an end, or its addresses.
func (x *end) String() string {
	switch {
	case x.pod != nil:
		return x.pod.String()
	case x.node != nil:
		return x.node.String()
	}
	return x.addrs.String()
}

// rule reports whether a rule is about the flow.
func (v *ciliumVerdict) rule(r *ciliumRule) (match, string) {
	c := v.e.cilium
	peer := when(r.all)
	for i := range r.peers {
		if peer == yes {
			break
		}
		peer = max(peer, c.is(&r.peers[i], v.self, v.peer, v.o))
	}
	switch {
	case peer == no && r.Nothing != Pos{}:
		return no, "an empty list of peers selects nothing"
	case peer == no && len(r.peers) == 0:
		return no, "has neither peers nor ports, and so is about nothing"
	case peer == no:
		return no, "no peer of it matches"
	}
	port := c.port(r, v.f, v.o)
	if port == no {
		if r.ICMP {
			return no, "is about ICMP"
		}
		return no, "its peer matches, its ports don't"
	}
	if r.Authentication.Mode == "test-always-fail" {
		v.o.depends(Reason{Pos: r.Authentication.Pos, Field: "authentication", Words: "test-always-fail: what this rule admits fails to authenticate, unless another rule admits it without"})
		return maybe, ""
	}
	return both(peer, port), ""
}

// narrowed notes what a rule that admits asks for beyond the connection.
func (v *ciliumVerdict) narrowed(r *ciliumRule) {
	if v.o == nil {
		return
	}
	plain := len(r.Ports) == 0
	for i := range r.Ports {
		p := &r.Ports[i]
		if v.e.cilium.portOf(p, v.f, nil) == no {
			continue
		}
		plain = plain || len(p.Narrowing) == 0
		for _, n := range p.Narrowing {
			v.notes = append(v.notes, fmt.Sprintf("%s: allowed, and narrowed by %s (%v): Cilium's proxy accepts the connection, and refuses what they don't let pass", v.d, n.What, n.Pos))
		}
	}
	if a := r.Authentication; a.Mode == "required" {
		v.notes = append(v.notes, fmt.Sprintf("%s: both ends have to authenticate (%v)", v.d, a.Pos))
		plain = false
	}
	if plain && v.plain == "" {
		v.plain = r.Pos.String()
	}
}

// end is the outcome.
func (v *ciliumVerdict) end(host bool) outcome {
	if v.denied == yes {
		v.decides(v.denies)
		return mayDeny
	}
	if v.d == Ingress && !host && v.isolated != no && v.admitted != yes {
		if m := v.e.cilium.ownHost(v.self, v.peer, v.o); m != no {
			v.admitted = max(v.admitted, m)
			v.consider(Considered{
				Direction: v.d, Layer: DefaultLayer, Says: [...]Saying{maybe: Unclear, yes: Admits}[m],
				Words: "a pod's own node always reaches it (Cilium's option allow-localhost)",
			})
		}
	}
	var out outcome
	if v.denied == maybe {
		out = mayDeny
	}
	switch {
	case v.isolated == no && v.admitted == no:
		v.o.consider(Considered{Direction: v.d, Layer: DefaultLayer, Says: Admits, Words: "no policy asks for default deny, and what none denies is allowed", Decides: out == 0})
		return out | mayAllow
	case v.isolated == no || v.admitted == yes:
		v.decides(v.admits)
		v.note()
		return out | mayAllow
	case v.admitted == maybe || v.isolated == maybe:
		return out | mayAllow | mayDeny
	}
	words := "policies select " + v.self.String() + ", and no rule of theirs admits this"
	v.o.consider(Considered{Direction: v.d, Layer: CiliumLayer, Says: Denies, Words: words, Decides: true})
	return mayDeny
}

// decides marks what the verdict comes of.
func (v *ciliumVerdict) decides(n int) {
	if v.o != nil && n > 0 {
		v.o.chain[n-1].Decides = true
	}
}

// note hands on what is to be known of an allowed flow.
func (v *ciliumVerdict) note() {
	if v.o == nil {
		return
	}
	for _, n := range v.notes {
		if v.plain != "" {
			n += "; the rule at " + v.plain + " admits it without"
		}
		v.o.note(n)
	}
}
