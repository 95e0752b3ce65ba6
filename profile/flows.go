package profile

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Flows is the exact set of flows that egress and all layers allow to a socket with the given source, without the bind
// that the source may ask for. It holds the flows that [Profile.DecideEgress] allows, by the addresses that
// they reach: the wildcard address is no destination, so what the set says of it means nothing.
func (p *Profile) Flows(source attempt.Source) flowset.Set { return p.flows(senderOf(source)) }

func (p *Profile) flows(s sender) flowset.Set {
	allowed := everywhere
	for _, l := range p.load().gates {
		rules := l.ruleSets(s)
		passed, denied := settle(rules)
		if l.def.Denies() {
			allowed = allowed.Intersect(passed)
		} else {
			allowed = allowed.Subtract(denied)
		}
	}
	return allowed
}

// Binds is the exact set of binds that the bind rules allow: the flows of the set are the addresses, protocols and ports bound to.
func (p *Profile) Binds() flowset.Set {
	passed, denied := settle(p.bindSets())
	if p.Bind.Default.Denies() {
		return passed
	}
	return everywhere.Subtract(denied)
}

// everywhere is all that profiles decide about: they know addresses, and no peers.
var everywhere = flowset.Of(flowset.AllAddrs(), flowset.AllTransports())

// sender is a socket by its source, as rules tell sources apart.
type sender struct {
	bound bool
	addr  netip.Addr // that it is bound to
}

func senderOf(s attempt.Source) sender {
	switch {
	case s.Kind == attempt.SourceNone:
		return sender{}
	case s.Addr.IsValid():
		return sender{true, s.Addr.Addr()}
	}
	return sender{true, netip.IPv4Unspecified()}
}

func (r *EgressRule) about(s sender) bool {
	if !s.bound {
		return r.ofNone()
	}
	return r.Sources == nil || blockSet(r.Sources).contains(addrKey(s.addr))
}

// Flows is what the rule matches, whatever the source.
func (r *EgressRule) Flows() flowset.Set {
	return flowset.Of(blockAddrs(r.Destinations), transports(r.Protocols, r.Ports))
}

// Unbound reports whether the rule is about sockets that were not bound, too.
func (r *EgressRule) Unbound() bool { return r.ofNone() }

// ruleSet is what a rule matches, and its verdict.
type ruleSet struct {
	flows  flowset.Set
	denies bool
	index  int32
}

// ruleSets is the rules of a layer that are about a sender.
func (l *layer) ruleSets(s sender) []ruleSet {
	rules := make([]ruleSet, 0, len(l.rules))
	for i := range l.rules {
		r := &l.rules[i]
		if r.about(s) {
			rules = append(rules, ruleSet{
				r.Flows(), r.Verdict.Denies(), int32(i),
			})
		}
	}
	return rules
}

func (p *Profile) bindSets() []ruleSet {
	rules := make([]ruleSet, len(p.Bind.Rules))
	for i, r := range p.Bind.Rules {
		rules[i] = ruleSet{flowset.Of(blockAddrs(r.Addresses), transports(r.Protocols, r.Ports)), r.Verdict.Denies(), int32(i)}
	}
	return rules
}

// settle is what a list of rules allows and denies, the first that matches deciding. The rest is for the default. Halves are put
// together, so that the time is that of a sort: what the second says holds where the first says nothing else.
func settle(rules []ruleSet) (passed, denied flowset.Set) {
	switch len(rules) {
	case 0:
		return
	case 1:
		if rules[0].denies {
			return flowset.Set{}, rules[0].flows
		}
		return rules[0].flows, flowset.Set{}
	}
	half := len(rules) / 2
	passed, denied = settle(rules[:half])
	later, laterDenied := settle(rules[half:])
	return passed.Union(later.Subtract(denied)), denied.Union(laterDenied.Subtract(passed))
}
