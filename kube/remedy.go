package kube

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// Remedy is a change that lets a denied flow pass at one of its ends, as far as what it names goes: where several layers deny, each
// has its own.
type Remedy struct {
	Pos       // of what is to change: zero for a new policy
	Direction Direction
	Object    string // what is to change: "" for a new NetworkPolicy
	// Policy is the NetworkPolicy that is to get Rule, nil for a new one in Namespace that selects Selector. Widen, from 1,
	// is the rule of it that needs nothing but Rule's port.
	Policy    *NetworkPolicy
	Namespace string
	Selector  Labels
	Widen     int
	Rule      *NetworkPolicyRule // nil: there is nothing to add
	Words     string             // what to know, or to do where there is no rule to add
}

// remedies are what to change where a flow is denied, for each end that denies.
func (e *Evaluator) remedies(f *flow, about flowset.Addrs, chain []Considered) []Remedy {
	var list []Remedy
	for _, c := range chain {
		if !c.Decides || c.Says != Denies || c.Layer == Routing {
			continue
		}
		self, peer := &f.from, f.to
		if c.Direction == Ingress {
			self, peer = &f.to, f.from
		}
		if self.pod == nil {
			continue
		}
		if c.Direction == Egress && peer.pod == nil && peer.name == "" && !about.IsEmpty() {
			peer.addrs = about
		}
		switch {
		case c.Layer == NetworkPolicyLayer && c.Object == "":
			list = append(list, e.admitting(self.pod, &peer, f, c.Direction))
		case c.Layer == CiliumLayer && c.Object == "":
			list = append(list, e.ciliumRemedy(self, &peer, f, c.Direction))
		case c.Layer == BaselineLayer:
			r := e.newPolicy(self.pod, &peer, f, c.Direction)
			r.Words = fmt.Sprintf("a NetworkPolicy is asked before %s; once it selects the pods, they have what it admits, and nothing else", c.Object)
			list = append(list, r)
		case c.Layer == AdminLayer:
			list = append(list, Remedy{
				Pos: c.Pos, Direction: c.Direction, Object: c.Object,
				Words: fmt.Sprintf("NetworkPolicies cannot overrule it: who administers the cluster has to change rule %d, or to let an earlier one pass this", c.Rule),
			})
		default:
			list = append(list, Remedy{Pos: c.Pos, Direction: c.Direction, Object: c.Object, Words: layerWords(&c, f, &peer)})
		}
	}
	return list
}

func endWords(x *end) string {
	switch {
	case x.pod != nil:
		return x.pod.String()
	case x.name != "":
		return x.name
	}
	return x.addrs.String()
}

// admitting is the change of a NetworkPolicy: of a rule that has the peer already, else of the policy that selects fewest. To one that
// selects all pods of its namespace no rule is added, since all would have it.
func (e *Evaluator) admitting(p *pod, peer *end, f *flow, d Direction) Remedy {
	var best *NetworkPolicy
	fewest := len(e.pods) + 1
	for _, policy := range p.space.policies {
		if policy.Broken() || !policy.Isolates(d) || e.selects(&policy.PodSelector, p, nil) != yes {
			continue
		}
		if n := e.nearRule(policy, peer, f, d); n > 0 {
			rule := NetworkPolicyRule{Ports: portsOf(f)}
			return Remedy{Pos: policy.Rules(d)[n-1].Pos, Direction: d, Object: policy.String(), Policy: policy, Widen: n, Rule: &rule}
		}
		if policy.PodSelector.Everything() {
			continue
		}
		count := 0
		for _, other := range e.pods {
			if other.space == p.space && policy.PodSelector.Matches(other.Pod.Labels) {
				count++
			}
		}
		if count < fewest {
			best, fewest = policy, count
		}
	}
	if best == nil {
		return e.newPolicy(p, peer, f, d)
	}
	r := Remedy{Pos: best.rulesPos(d), Direction: d, Object: best.String(), Policy: best}
	r.Rule, r.Words = e.ruleFor(p, peer, f)
	return r
}

// nearRule is the first rule that has the peer, and not the port.
func (e *Evaluator) nearRule(policy *NetworkPolicy, peer *end, f *flow, d Direction) int {
	for i := range policy.Rules(d) {
		r := &policy.Rules(d)[i]
		for j := range r.Peers { // a rule for everywhere is not widened
			if e.matchesPeer(policy.Namespace, &r.Peers[j], peer, nil, nil) == yes && len(r.Ports) > 0 {
				return i + 1
			}
		}
	}
	return 0
}

func (e *Evaluator) newPolicy(p *pod, peer *end, f *flow, d Direction) Remedy {
	r := Remedy{Direction: d, Namespace: p.Namespace, Selector: lasting(p.Pod.Labels)}
	r.Rule, r.Words = e.ruleFor(p, peer, f)
	return r
}

// ruleFor is a rule of a NetworkPolicy that admits a flow: nil with the reason where there can be none.
func (e *Evaluator) ruleFor(self *pod, peer *end, f *flow) (*NetworkPolicyRule, string) {
	rule := &NetworkPolicyRule{Ports: portsOf(f)}
	var words string
	switch {
	case peer.name != "":
		return nil, "a NetworkPolicy knows addresses, and no names: admit those that " + peer.name + " has, by an ipBlock"
	case peer.pod != nil && !peer.pod.Pod.HostNetwork:
		labels := LabelSelector{}
		for k, v := range lasting(peer.pod.Pod.Labels) {
			labels.Requirements = append(labels.Requirements, Requirement{Key: k, Op: In, Values: []string{v}})
		}
		slices.SortFunc(labels.Requirements, func(a, b Requirement) int { return strings.Compare(a.Key, b.Key) })
		to := NetworkPolicyPeer{PodSelector: &labels}
		if peer.pod.Namespace != self.Namespace {
			to.NamespaceSelector = &LabelSelector{Requirements: []Requirement{{Key: NamespaceNameLabel, Op: In, Values: []string{peer.pod.Namespace}}}}
		}
		rule.Peers = []NetworkPolicyPeer{to}
	case peer.pod != nil && !peer.pod.known:
		return nil, peer.pod.String() + " is on the host network: plugins know it by its node's address, which the objects don't tell"
	default:
		if peer.pod != nil {
			words = peer.pod.String() + " is on the host network, so that most plugins know it by its node's address alone"
		}
		for _, b := range peer.addrs.Blocks() {
			block := &IPBlock{CIDR: b.Prefix}
			for _, x := range b.Except {
				block.Except = append(block.Except, Except{CIDR: x})
			}
			rule.Peers = append(rule.Peers, NetworkPolicyPeer{IPBlock: block})
		}
	}
	return rule, words
}

func portsOf(f *flow) []NetworkPolicyPort {
	return []NetworkPolicyPort{{Protocol: f.protocol, Port: PortRef{Number: f.port}}}
}

// lasting is the labels that stay when a pod is made anew.
func lasting(l Labels) Labels {
	out := Labels{}
	for k, v := range l {
		switch k {
		case "pod-template-hash", "controller-revision-hash", "pod-template-generation", "statefulset.kubernetes.io/pod-name",
			"apps.kubernetes.io/pod-index", "controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name":
		default:
			out[k] = v
		}
	}
	return out
}
