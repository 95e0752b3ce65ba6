package kube

import (
	"fmt"
	"slices"
	"strings"
)

// calico asks the policies as Calico enforces them (endpointIptablesChain in felix/rules/endpoints.go): tier by tier; a tier that has a
// policy for the pod and direction ends with its default action, and after the last one the profile of the namespace allows.
func (w *walk) calico() outcome {
	k, o := w.e.calico, w.o
	var drop match
	var out outcome
	if w.d == Egress {
		if k.vxlan != 0 && w.f.protocol == UDP && w.f.port == k.vxlan {
			words := fmt.Sprintf("Calico drops what pods send to VXLAN's port, UDP %d (allowVXLANPacketsFromWorkloads)", k.vxlan)
			if k.unset == nil {
				w.decide(Denies, words, k.setting(""))
				return mayDeny
			}
			w.decide(Unclear, words, k.setting(""))
			o.depends(*k.unset)
			out |= mayDeny
		}
		if drop = k.drops(w.self.pod, w.peer); drop == yes {
			w.decide(Denies, "the peer is the pod's own node, which defaultEndpointToHostAction: Drop keeps pods from", k.setting(w.self.pod.Pod.NodeName))
			return mayDeny
		}
	}
	if k.forward != nil {
		o.depends(*k.forward)
		out |= mayDeny
	}
	s := k.space(w.self.pod.space)
	for _, p := range s.lost {
		o.consider(Considered{Pos: p.meta.Pos, Direction: w.d, Layer: p.layer, Object: p.object, Says: Unclear, Words: "its place or its rules are not known, and it may decide anything"})
		o.depends(*p.lost)
		out |= mayAllow | mayDeny
	}
	out |= w.calicoTiers(s)
	if drop == maybe && out&mayAllow != 0 {
		why := Reason{Pos: w.self.pod.Pos, Field: "spec.nodeName", Words: "not known, and defaultEndpointToHostAction: Drop keeps pods from their own node"}
		if f := k.setting(w.self.pod.Pod.NodeName); f != nil && f.Broken() {
			at := f.Errors[0]
			why = Reason{Pos: at.Pos, Field: f.String(), Words: at.What}
		}
		o.depends(why)
		out |= mayDeny
	}
	if isHost := w.peer.node != nil || w.peer.pod != nil && !w.peer.isPod(); w.d == Ingress && isHost && s.selects(w) {
		o.note("what a node sends to pods of other nodes has the address of its tunnel, where Calico uses IPIP or VXLAN: decided for the node's own address")
	}
	if w.d == Egress && out&mayAllow != 0 && w.e.isOwnNode(w.self.pod, w.peer) != no && k.endpointToHost(w.self.pod.Pod.NodeName) == "" {
		o.note("to a pod's own node, Calico's defaultEndpointToHostAction has to be Accept or Return as well: the usual installations set it, Felix's own default is Drop")
	}
	return out
}

// selects reports whether a policy is asked about the pod.
func (s *calicoSpace) selects(w *walk) bool {
	return slices.ContainsFunc(s.tiers, func(t tierPolicies) bool { return len(w.asked(t.orders[0])) > 0 })
}

func (w *walk) decide(says Saying, words string, f *FelixConfiguration) {
	c := Considered{Direction: w.d, Layer: CalicoLayer, Says: says, Words: words, Decides: says != Unclear}
	if f != nil {
		c.Pos, c.Object = f.Pos, f.String()
	}
	w.o.consider(c)
}

func (w *walk) calicoTiers(s *calicoSpace) outcome {
	var out outcome
	for i := range s.tiers {
		t := w.calicoTier(&s.tiers[i])
		out |= t &^ (mayPass | mayFall)
		if t&(mayPass|mayFall) == 0 {
			return out
		}
	}
	w.o.consider(Considered{
		Direction: w.d, Layer: CalicoLayer, Says: Admits, Decides: true,
		Words: "no tier decides, and the namespace's profile kns." + w.self.pod.Namespace + " allows",
	})
	return out | mayAllow
}

// calicoTier asks the policies of a tier. Where versions of Calico ask them in different orders, what may come of any is the answer.
func (w *walk) calicoTier(t *tierPolicies) outcome {
	out := w.inOrder(t, t.orders[0], w.o)
	if len(t.orders) == 1 {
		return out
	}
	asked := [][]*enforced{w.asked(t.orders[0])}
	all := out
	for _, order := range t.orders[1:] {
		mine := w.asked(order)
		if more := addOrder(asked, mine); len(more) > len(asked) {
			asked = more
			var unseen observer
			all |= w.inOrder(t, order, &unseen)
		}
	}
	if all != out {
		a, b := firstChange(asked[0], asked[1])
		w.o.depends(Reason{
			Pos: b.meta.Pos, Field: "spec.order of " + b.object,
			Words: "the same as that of " + a.object + ": which is asked first depends on the version of Calico (v3.32 sorts by name, earlier ones by the tier's name and the namespace too)",
		})
	}
	return all
}

// firstChange is the first two policies that two orders have differently.
func firstChange(x, y []*enforced) (a, b *enforced) {
	for i := range x {
		if x[i] != y[i] {
			return x[i], y[i]
		}
	}
	return x[0], y[0]
}

// selects reports whether a policy is asked about a pod in a direction.
func (k *calico) selects(p *enforced, q *pod, d Direction, o *observer) match {
	k.ready(p)
	switch {
	case p.broken != nil:
		o.depends(*p.broken)
		return maybe
	case p.notPods != "" || !p.applies[d]:
		return no
	}
	m := k.meets(p.subject, q, o)
	if m != no && p.unsure != nil {
		o.depends(*p.unsure)
		return maybe
	}
	return m
}

// asked is the policies that select the pod, and are about the direction.
func (w *walk) asked(list []*enforced) []*enforced {
	return slices.DeleteFunc(slices.Clone(list), func(p *enforced) bool {
		return w.e.calico.selects(p, w.self.pod, w.d, nil) == no
	})
}

func (w *walk) inOrder(t *tierPolicies, list []*enforced, o *observer) outcome {
	var out outcome
	applies := no
	for _, p := range list {
		c := Considered{Pos: p.meta.Pos, Direction: w.d, Layer: p.layer, Object: p.object}
		subject := w.e.calico.selects(p, w.self.pod, w.d, o)
		applies = max(applies, subject)
		switch {
		case p.broken != nil:
			c.Says, c.Words = Unclear, "it has an error, and may decide anything"
			for _, a := range p.may {
				out |= actionOutcome(a)
			}
		case p.notPods != "":
			c.Words = p.notPods
		case !p.applies[w.d]:
			c.Words = "is not about " + w.d.String()
		case subject == no:
			c.Words = "does not select " + w.self.pod.String()
		}
		if c.Words != "" {
			o.consider(c)
			continue
		}
		x := w.calicoPolicy(p, c, subject, o)
		out |= x &^ mayFall
		if x&mayFall == 0 {
			return out
		}
	}
	if applies == no || t.action == Pass {
		return out | mayFall
	}
	c := Considered{
		Pos: t.pos, Direction: w.d, Layer: CalicoLayer, Says: Denies, Decides: applies == yes && out == 0,
		Words: "policies of tier " + t.name + " select " + w.self.pod.String() + ", and no rule of theirs matches: the tier ends with Deny",
	}
	if t.name == "default" && !slices.ContainsFunc(list, func(p *enforced) bool { return p.layer == CalicoLayer }) {
		c.Layer, c.Words = NetworkPolicyLayer, "policies select "+w.self.pod.String()+", and no rule of theirs admits this"
	}
	if applies == maybe {
		c.Says = Unclear
		out |= mayFall
	}
	o.consider(c)
	return out | mayDeny
}

// calicoPolicy asks the rules of a policy: the first that matches decides, but for those that only log.
func (w *walk) calicoPolicy(p *enforced, c Considered, subject match, o *observer) outcome {
	var out outcome
	rules := p.rules[w.d]
	if len(rules) == 0 {
		c.Says, c.Words = DoesNotAdmit, "has no "+w.d.String()+" rule, and so admits nothing"
		o.consider(c)
	}
	for _, r := range rules {
		m, words := w.e.calico.matches(r, w.f, o)
		m = both(m, subject)
		c := c
		c.Pos, c.Rule, c.Name, c.Words = r.pos, r.index, r.name, words
		switch {
		case r.action == Log && m != no:
			c.Says, c.Words = NotApplicable, "logs, and goes on"
		case m == no:
			c.Says = DoesNotAdmit
			if r.action != Allow {
				c.Says = NotApplicable
			}
		case m == maybe:
			c.Says = Unclear
			out |= actionOutcome(r.action)
		default:
			c.Says = [...]Saying{Allow: Admits, Deny: Denies, Pass: Passes}[r.action]
			c.Decides = r.action != Pass
			out |= actionOutcome(r.action)
		}
		if r.http != nil && m != no {
			c.Words = strings.TrimPrefix(c.Words+"; with an application layer policy only the HTTP requests that it lists", "; ")
			o.note(fmt.Sprintf("%s rule %d (%s) narrows HTTP requests, where Calico's application layer policy is on", p.object, r.index, *r.http))
		}
		o.consider(c)
		if m == yes && r.action != Log {
			return out
		}
	}
	return out | mayFall
}
