package kube

import (
	"net/netip"
	"strconv"
)

// Verdict is an answer to whether a connection may be made.
type Verdict uint8

const (
	Undecidable Verdict = iota // the objects don't tell
	Allowed
	Denied
	Partly // to some of what the destination stands for: see [Decision.Parts]
)

func (v Verdict) String() string {
	return [...]string{"undecidable", "allowed", "denied", "partly allowed"}[v]
}

// Decision is the answer to one question.
type Decision struct {
	Verdict Verdict
	// Egress and Ingress are what the verdict comes of, where there are no parts: the source's policies, and the destination's.
	Egress, Ingress Verdict
	// Reasons are what the verdict depends on, where it is undecidable: fields that are not known, and behaviour that the API leaves
	// to network plugins.
	Reasons []Reason
	// Chain is everything that was considered, in its order: egress of the source first, then ingress of the destination.
	Chain []Considered
	// Parts are the decisions for each of what the destination stands for: the endpoints of a service, the families of an
	// address, the addresses of a prefix. Where there is one only, it is not listed.
	Parts []DecisionPart
	// Remedies are what to change where the verdict is denied.
	Remedies []Remedy
	// Notes are what the verdict takes for granted, and what else there is to know.
	Notes []string
}

// considered is the chain, with those of the parts.
func (d *Decision) considered() []Considered {
	all := d.Chain
	for i := range d.Parts {
		all = append(all[:len(all):len(all)], d.Parts[i].considered()...)
	}
	return all
}

// DecisionPart is a part of the destination.
type DecisionPart struct {
	To       string // "Pod shop/db-0 port 5432", "10.0.0.0/8 except 10.1.0.0/16"
	Addrs    []netip.Prefix
	Workload *Workload // where the part is one
	Decision
}

// Reason is what a verdict depends on.
type Reason struct {
	Pos          // of the field
	Field string // "status.podIPs of Deployment shop/db"; "" for behaviour
	Words string // "depends on the network plugin: ..."
}

func (r Reason) String() string {
	s := r.Words
	if r.Field != "" {
		s = r.Field + ": " + s
	}
	if r.File != "" {
		s = r.Pos.String() + ": " + s
	}
	return s
}

// Layer is a part of the chain.
type Layer uint8

const (
	Routing Layer = iota // services, nodes, the pod itself: what is not policy
	AdminLayer
	NetworkPolicyLayer
	BaselineLayer
	DefaultLayer // what holds where no policy decides

	// Layers beside the tiers, which all have to let an attempt pass.
	EgressFirewallLayer
	EgressNetworkPolicyLayer
	MeshLayer // Istio

	CalicoLayer // policies of Calico, in the place of the tiers
	CiliumLayer // the rules of Cilium, of the tiers
)

func (l Layer) String() string {
	return [...]string{
		"routing", "admin tier", "NetworkPolicy", "baseline tier", "default",
		EgressFirewallLayer: "EgressFirewall", EgressNetworkPolicyLayer: "EgressNetworkPolicy", MeshLayer: "Istio", CalicoLayer: "Calico", CiliumLayer: "Cilium",
	}[l]
}

// Saying is what an object or rule says of the connection.
type Saying uint8

const (
	NotApplicable Saying = iota
	DoesNotAdmit         // a rule or policy that could have, and does not match
	Admits
	Denies
	Passes
	Unclear
)

func (s Saying) String() string {
	return [...]string{"not applicable", "does not admit", "admits", "denies", "passes", "undecidable"}[s]
}

// Considered is one object, or one of its rules, and what it says.
type Considered struct {
	Pos
	Direction Direction
	Layer     Layer
	Object    string // "NetworkPolicy shop/db"; "" for what comes of no object
	Rule      int    // from 1; 0 for the object as a whole
	Name      string // the rule's, where it has one
	Says      Saying
	Words     string // why
	Decides   bool   // what its layer says comes of it
	// OtherPorts tells of a rule that does not admit that it is for others of the destination's ports.
	OtherPorts bool
}

// String is a line of the chain.
func (c Considered) String() string {
	s := c.Direction.String() + ": " + c.Layer.String()
	if c.Object != "" {
		s = c.Direction.String() + ": " + c.Object
	}
	if c.Rule > 0 {
		s += " rule " + strconv.Itoa(c.Rule)
	}
	s += " " + c.Says.String()
	if c.Words != "" {
		s += ": " + c.Words
	}
	if c.File != "" {
		s += " (" + c.Pos.String() + ")"
	}
	return s
}

// outcome is the set of what may come of a flow. Both is undecidable.
type outcome uint8

const (
	mayAllow outcome = 1 << iota
	mayDeny
	mayPass // to the next tier
	mayFall // to what comes after: nothing matched
)

func (o outcome) verdict() Verdict {
	switch o & (mayAllow | mayDeny) {
	case mayAllow:
		return Allowed
	case mayDeny:
		return Denied
	}
	return Undecidable
}
