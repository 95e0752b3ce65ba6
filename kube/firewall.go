package kube

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/flowset"
)

// firewalls is the layer of EgressFirewall, or that of EgressNetworkPolicy. They hold what the pods of their namespace send out of the
// cluster, nodes included; what goes to pods is left to NetworkPolicies. The first rule that matches decides, and what none matches
// is allowed.
//
// EgressFirewall is OVN-Kubernetes' (go-controller/pkg/ovn/controller/egressfirewall/egressfirewall.go): its rules become ACLs behind
// the load balancers, so that they see what a service leads to. Addresses in the cluster network are taken out of every CIDR
// and every name. Rules are for one family, as their CIDRs are.
//
// EgressNetworkPolicy is OpenShift SDN's (UpdateEgressNetworkPolicyRules in pkg/network/node/ovscontroller.go): its rules become flows,
// which a packet to a service's address never comes to. What a service may lead to is held by the proxy instead, by the policy of the
// service's own namespace (endpointsBlocked in pkg/network/proxy/proxy.go).
type firewalls struct {
	e       *Evaluator
	layer   Layer
	cluster flowset.Addrs        // the cluster network, as far as it is known
	vips    flowset.Addrs        // the network of services, as far as it is known
	of      map[string]*firewall // by namespace
	// Other is the other of the two. One plugin runs, so that of two in one namespace one has no effect.
	other *firewalls
}

// firewall is what holds the pods of a namespace.
type firewall struct {
	*EgressFirewall // one of those in force
	rules           []firewallRule
	unknown         *Reason // why it is not known what of it is in force
	dropsAll        string  // why everything is dropped
	ignored         string  // why it is not in force
	wild            bool    // a rule has a wildcard
}

// firewallRule is a rule, and the addresses outside of the cluster network that it matches, and may.
type firewallRule struct {
	*EgressFirewallRule
	addrs, some flowset.Addrs
	ports       flowset.Transports
	unsure      bool // it is not certain that it is in force
}

func (e *Evaluator) compileFirewalls() []layer {
	if len(e.cluster.EgressFirewalls) == 0 {
		return nil
	}
	cluster, vips := e.clusterNetwork()
	ovn := &firewalls{e: e, layer: EgressFirewallLayer, cluster: cluster, vips: vips, of: map[string]*firewall{}}
	sdn := &firewalls{e: e, layer: EgressNetworkPolicyLayer, cluster: cluster, vips: vips, of: map[string]*firewall{}, other: ovn}
	ovn.other = sdn
	plugin := e.networkType()
	several := map[string][]*EgressFirewall{}
	for _, o := range e.cluster.EgressFirewalls {
		if o.Kind == "EgressFirewall" {
			ovn.of[o.Namespace] = ovn.compile(o, plugin)
		} else {
			several[o.Namespace] = append(several[o.Namespace], o)
		}
	}
	for space, list := range several {
		sdn.of[space] = sdn.compileSeveral(space, list, plugin)
	}
	var layers []layer
	for _, l := range []*firewalls{ovn, sdn} {
		if len(l.of) > 0 {
			layers = append(layers, l)
		}
	}
	return layers
}

// networkType is the network plugin of an OpenShift cluster, "" where it is not known.
func (e *Evaluator) networkType() string {
	for _, n := range e.cluster.Networks {
		if n.Name == "cluster" && !n.Broken() {
			return n.Type
		}
	}
	return ""
}

// clusterNetwork is where pods have their addresses: by the object Network, by the nodes' podCIDRs and by what OVN-Kubernetes writes on
// nodes. Where services have theirs, only Network tells.
func (e *Evaluator) clusterNetwork() (pods, services flowset.Addrs) {
	var b, vips flowset.AddrsBuilder
	for _, n := range e.cluster.Networks {
		if n.Name == "cluster" {
			for _, p := range n.Pods {
				b.AddPrefix(p)
			}
			for _, p := range n.Services {
				vips.AddPrefix(p)
			}
		}
	}
	for _, n := range e.cluster.Nodes {
		for _, p := range n.PodCIDRs {
			b.AddPrefix(p)
		}
		var subnets map[string][]string
		if json.Unmarshal([]byte(n.Annotations["k8s.ovn.org/node-subnets"]), &subnets) == nil {
			for _, s := range subnets["default"] {
				if p, err := netip.ParsePrefix(s); err == nil {
					b.AddPrefix(p.Masked())
				}
			}
		}
	}
	pods = b.Addrs()
	return pods, vips.Addrs().Subtract(pods)
}

// OpenShift's names of the two plugins (spec.networkType).
const (
	ovnKubernetes = "OVNKubernetes"
	openShiftSDN  = "OpenShiftSDN"
)

func (l *firewalls) compile(o *EgressFirewall, plugin string) *firewall {
	w := &firewall{EgressFirewall: o}
	if plugin != "" && plugin != ovnKubernetes {
		w.ignored = "OVN-Kubernetes heeds it, and the cluster's network is " + plugin
		return w
	}
	switch {
	case o.Broken():
		at := o.Errors[0]
		w.unknown = &Reason{Pos: at.Pos, Field: o.String(), Words: at.What + ": OVN-Kubernetes takes an object as a whole, and holds what it had before, if anything"}
	case o.Status.Refused:
		w.unknown = &Reason{Pos: o.Status.Pos, Field: "status of " + o.String(), Words: "OVN-Kubernetes could not apply it, and holds what it had before, if anything: " + o.Status.Message}
	}
	w.rules = l.compileRules(o)
	w.wild = o.Status.Line == 0 && slices.ContainsFunc(o.Rules, func(r EgressFirewallRule) bool { return strings.HasPrefix(r.Name, "*.") })
	return w
}

// compileSeveral compiles the EgressNetworkPolicies of a namespace, of which there should be one.
func (l *firewalls) compileSeveral(space string, list []*EgressFirewall, plugin string) *firewall {
	var full []*EgressFirewall
	for _, o := range list {
		if len(o.Rules) > 0 || o.Broken() {
			full = append(full, o)
		}
	}
	w := &firewall{EgressFirewall: list[0]}
	if len(full) > 0 {
		w.EgressFirewall = full[0]
	}
	switch {
	case plugin != "" && plugin != openShiftSDN:
		w.ignored = "OpenShift SDN heeds it, and the cluster's network is " + plugin
	case space == "default":
		w.ignored = "OpenShift SDN ignores it in the namespace default, whose network is the global one"
	case len(full) > 1:
		w.dropsAll = fmt.Sprintf("the namespace has %d of them (%s too): OpenShift SDN drops everything then", len(full), full[1].Name)
	case len(list) > 1:
		w.unknown = &Reason{Pos: list[1].Pos, Field: list[1].String(), Words: "the namespace has several, all but one without rules: OpenShift SDN drops everything once it was restarted"}
	}
	for _, o := range full {
		if o.Broken() {
			at := o.Errors[0]
			w.unknown, w.dropsAll = &Reason{Pos: at.Pos, Field: o.String(), Words: at.What}, ""
		}
	}
	w.rules = l.compileRules(w.EgressFirewall)
	for i := range w.rules {
		if r := &w.rules[i]; r.CIDR.IsValid() && r.CIDR.Addr().Is6() {
			w.unknown = &Reason{Pos: r.Pos, Field: "cidrSelector", Words: "OpenShift SDN has IPv4 only, and fails to apply an object with an IPv6 block"}
		}
	}
	return w
}

func (l *firewalls) compileRules(o *EgressFirewall) []firewallRule {
	rules := make([]firewallRule, len(o.Rules))
	for i := range o.Rules {
		r := firewallRule{EgressFirewallRule: &o.Rules[i], ports: ported}
		switch {
		case r.CIDR.IsValid():
			p := r.CIDR
			if o.Kind != "EgressFirewall" && p == netip.MustParsePrefix("0.0.0.0/32") {
				p = netip.MustParsePrefix("0.0.0.0/0") // OpenShift SDN reads it so
			}
			r.addrs = flowset.AddrsOf(p).Subtract(l.cluster)
			r.unsure = r.HostBits && o.Kind == "EgressFirewall"
		case r.NodeSelector != nil:
			r.addrs, r.some = l.e.addrsOfNodes(r.NodeSelector)
		default:
			r.some = flowset.AllAddrs().Subtract(l.cluster)
		}
		if len(r.Ports) > 0 {
			r.ports = flowset.Transports{}
			for _, p := range r.Ports {
				ports := flowset.AllPorts()
				if p.Port != 0 {
					ports = flowset.Port(p.Port)
				}
				r.ports = r.ports.Union(flowset.Transport(p.Protocol.transport(), ports))
			}
		}
		rules[i] = r
	}
	return rules
}

// addrsOfNodes is the addresses of the nodes that a selector selects, and may select. OVN-Kubernetes writes on a node which addresses
// it has (GetNodeHostAddrs in go-controller/pkg/util/node_annotations.go); without, those of its status stand for them.
func (e *Evaluator) addrsOfNodes(s *LabelSelector) (sure, unsure flowset.Addrs) {
	if len(e.cluster.Nodes) == 0 {
		return flowset.Addrs{}, flowset.AllAddrs()
	}
	var yes, maybe flowset.AddrsBuilder
	for _, n := range e.cluster.Nodes {
		to := &yes
		switch {
		case n.Broken():
			to = &maybe
		case !s.Matches(n.Labels):
			continue
		}
		for _, a := range n.hostAddrs() {
			to.AddRange(a, a)
		}
	}
	return yes.Addrs(), maybe.Addrs()
}

// hostAddrs are the addresses on a node's own network.
func (n *Node) hostAddrs() []netip.Addr {
	var addrs []netip.Addr
	for _, name := range []string{"k8s.ovn.org/host-cidrs", "k8s.ovn.org/host-addresses"} {
		var list []string
		if json.Unmarshal([]byte(n.Annotations[name]), &list) != nil {
			continue
		}
		for _, s := range list {
			s, _, _ = strings.Cut(s, "/")
			if a, err := netip.ParseAddr(s); err == nil {
				addrs = append(addrs, a.Unmap().WithZone(""))
			}
		}
		return addrs
	}
	for _, a := range n.Addresses {
		if a.Address.IsValid() && a.Type != "ExternalIP" {
			addrs = append(addrs, a.Address.Unmap())
		}
	}
	return addrs
}

// Matches reports whether a DNS name is that of the rule. The asterisk of a wildcard stands for one label (EgressFirewallDestination in
// go-controller/pkg/crd/egressfirewall/v1/types.go).
func (r *EgressFirewallRule) Matches(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if suffix, wild := strings.CutPrefix(r.Name, "*"); wild {
		label, found := strings.CutSuffix(name, suffix)
		return found && label != "" && !strings.Contains(label, ".")
	}
	return name == r.Name
}

// To is a rule's destination in words.
func (r *EgressFirewallRule) To() string {
	switch {
	case r.CIDR.IsValid():
		return r.CIDR.String()
	case r.NodeSelector != nil && r.NodeSelector.Everything():
		return "the nodes"
	case r.NodeSelector != nil:
		return "nodes with " + r.NodeSelector.String()
	}
	return r.Name
}
