package kube

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/profile/flowset"
)

// Evaluator decides what the workloads of a cluster may reach, by its NetworkPolicies and the tiers of admin policies around
// them. It is safe for use by several goroutines. The cluster must not change while it is in use.
type Evaluator struct {
	cluster *Cluster
	assume  Assumptions

	spaces   map[string]*space
	pods     []*pod // every workload that has, or makes, pods that run
	byObject map[*Workload]*pod
	byAddr   map[netip.Addr]*pod // pods with an address of their own
	nodes    map[netip.Addr]*Node
	named    map[string]*Node
	vips     map[netip.Addr][]*Service // several may share an external address, with different ports
	twins    map[netip.Addr]*pod       // of addresses that several pods say they have: another one
	anywhere flowset.Addrs             // what a pod's address may be, where it is not known

	admin    []*AdminPolicy // by priority
	baseline []*AdminPolicy
	blocks   map[*IPBlock]flowset.Addrs
	calico   *calico  // nil where the cluster has nothing of Calico
	cilium   *cilium  // nil: the plugin is none that is known
	both     *Problem // the cluster has policies of two plugins

	layers []layer // beside the tiers

	groups func() *grouping // classes of equal pods, and programs: made once, when first asked for
}

// Assumptions are what is not in the objects, and changes verdicts. The zero value assumes nothing.
type Assumptions struct {
	// BlocksSelectPods tells whether the network plugin compares the addresses of pods with ipBlock and networks peers. The
	// API's own conformance tests want it, and most do; Cilium does not. Unset is taken for True, with a note in a
	// decision that depends on it. Of a cluster with objects of Cilium it is False.
	BlocksSelectPods Tristate
	// EgressAfterTranslation tells whether the network plugin judges egress to a service by the pod that it leads to (Calico, Cilium,
	// OVN-Kubernetes, Antrea, and any that passes Kubernetes' own tests), or by the service's address and port (Amazon VPC CNI). The
	// API leaves it open: where it matters, and this is Unset, a decision is undecidable. Objects of Calico's own tell that it is True.
	EgressAfterTranslation Tristate
}

// space is a namespace, and the policies in it.
type space struct {
	*Namespace
	policies []*NetworkPolicy
}

// pod is a pod, or the pods of a template, which are all alike.
type pod struct {
	*Workload
	index int
	space *space
	addrs flowset.Addrs // what its address may be
	known bool          // its addresses are known
	// Family is the families of addresses that it has, or may have.
	family family
	own    []netip.Addr
}

// family is a set of address families.
type family uint8

const (
	ipv4 family = 1 << iota
	ipv6
)

func familiesOf(a flowset.Addrs) (f family) {
	if a.Overlaps(flowset.AllIPv4()) {
		f |= ipv4
	}
	if a.Overlaps(flowset.AllIPv6()) {
		f |= ipv6
	}
	return f
}

// addrs is every address of the families.
func (f family) addrs() flowset.Addrs {
	return [...]flowset.Addrs{{}, flowset.AllIPv4(), flowset.AllIPv6(), flowset.AllAddrs()}[f]
}

// Compile prepares a cluster for questions. What is needed for one decision is done here; what only [Evaluator.Matrix] and the
// like need is done when they are first called.
func Compile(c *Cluster, assume Assumptions) *Evaluator {
	e := &Evaluator{
		cluster:  c,
		assume:   assume,
		spaces:   make(map[string]*space, len(c.Namespaces)),
		byObject: make(map[*Workload]*pod, len(c.Workloads)),
		byAddr:   map[netip.Addr]*pod{},
		nodes:    map[netip.Addr]*Node{},
		named:    make(map[string]*Node, len(c.Nodes)),
		vips:     map[netip.Addr][]*Service{},
		twins:    map[netip.Addr]*pod{},
		blocks:   map[*IPBlock]flowset.Addrs{},
	}
	for _, n := range c.Namespaces {
		if _, twice := e.spaces[n.Name]; !twice {
			e.spaces[n.Name] = &space{Namespace: n}
		}
	}
	for _, p := range c.NetworkPolicies {
		s := e.space(p.Namespace)
		s.policies = append(s.policies, p)
		e.compileBlocks(p)
	}
	for _, p := range c.AdminPolicies {
		if p.Tier == AdminTier {
			e.admin = append(e.admin, p)
		} else {
			e.baseline = append(e.baseline, p)
		}
	}
	byPriority := func(a, b *AdminPolicy) int { return cmp.Compare(a.Priority, b.Priority) }
	slices.SortStableFunc(e.admin, byPriority)
	slices.SortStableFunc(e.baseline, byPriority)
	e.addNodes()
	e.anywhere = e.podAddrs()
	e.addPods()
	e.addServices()
	e.calico = e.compileCalico()
	if e.calico != nil && len(c.CiliumPolicies) > 0 {
		return mixed(c, assume)
	}
	e.compileLayers()
	if c.hasCilium() {
		e.compileCilium()
	}
	e.groups = sync.OnceValue(e.group)
	return e
}

// space is the namespace with a name. Of one that nothing declares only the name is known.
func (e *Evaluator) space(name string) *space {
	s := e.spaces[name]
	if s == nil {
		s = &space{Namespace: &Namespace{Meta: Meta{Kind: "Namespace", Name: name, Labels: Labels{NamespaceNameLabel: name}}}}
		e.spaces[name] = s
	}
	return s
}

func (e *Evaluator) compileBlocks(p *NetworkPolicy) {
	for _, rules := range [][]NetworkPolicyRule{p.Ingress, p.Egress} {
		for i := range rules {
			for j := range rules[i].Peers {
				b := rules[i].Peers[j].IPBlock
				if b == nil {
					continue
				}
				except := make([]netip.Prefix, len(b.Except))
				for k := range b.Except {
					except[k] = b.Except[k].CIDR
				}
				e.blocks[b] = flowset.AddrsOf(b.CIDR).Except(except...)
			}
		}
	}
}

func (e *Evaluator) addNodes() {
	for _, n := range e.cluster.Nodes {
		e.named[n.Name] = n
		for _, a := range n.Addresses {
			if a.Address.IsValid() {
				e.nodes[a.Address.Unmap()] = n
			}
		}
	}
}

// podAddrs is where pods without a known address may have one: in the nodes' pod ranges where all nodes tell theirs, else at
// any address of the families that the cluster's objects show.
func (e *Evaluator) podAddrs() flowset.Addrs {
	var ranges flowset.AddrsBuilder
	told := len(e.cluster.Nodes) > 0
	for _, n := range e.cluster.Nodes {
		told = told && len(n.PodCIDRs) > 0
		for _, p := range n.PodCIDRs {
			ranges.AddPrefix(p)
		}
	}
	if told {
		return ranges.Addrs()
	}
	return e.families()
}

// families is every address of the families that the objects show: both where they show none.
func (e *Evaluator) families() flowset.Addrs {
	var four, six bool
	see := func(a netip.Addr) {
		four = four || a.Unmap().Is4()
		six = six || a.Unmap().Is6()
	}
	for _, w := range e.cluster.Workloads {
		for _, a := range w.PodIPs {
			see(a)
		}
	}
	for _, s := range e.cluster.Services {
		for _, a := range s.ClusterIPs {
			see(a)
		}
	}
	for a := range e.nodes {
		see(a)
	}
	switch {
	case four && !six:
		return flowset.AllIPv4()
	case six && !four:
		return flowset.AllIPv6()
	}
	return flowset.AllAddrs()
}

func (e *Evaluator) addPods() {
	families := e.families()
	for _, w := range e.cluster.Workloads {
		p := &pod{Workload: w, index: len(e.pods), space: e.space(w.Namespace)}
		own := w.PodIPs
		if w.Pod.HostNetwork {
			own = e.hostAddrs(w)
		}
		p.own, p.known = own, len(own) > 0
		switch {
		case len(own) > 0:
			var b flowset.AddrsBuilder
			for _, a := range own {
				b.AddRange(a.Unmap(), a.Unmap())
			}
			p.addrs = b.Addrs()
		case w.Pod.HostNetwork:
			p.addrs = families
		default:
			p.addrs = e.anywhere
		}
		p.family = familiesOf(p.addrs)
		e.pods = append(e.pods, p)
		e.byObject[w] = p
		if !w.Pod.HostNetwork && !w.Ended() {
			for _, a := range own {
				if other := e.byAddr[a.Unmap()]; other != nil && other != p {
					e.twins[a.Unmap()] = p
					continue
				}
				e.byAddr[a.Unmap()] = p
			}
		}
	}
}

// hostAddrs are the addresses of a pod on the host network: those of its node.
func (e *Evaluator) hostAddrs(w *Workload) []netip.Addr {
	var addrs []netip.Addr
	if n := e.named[w.Pod.NodeName]; n != nil {
		for _, a := range n.Addresses {
			if a.Address.IsValid() && a.Type != "ExternalIP" {
				addrs = append(addrs, a.Address)
			}
		}
	}
	for _, list := range [][]netip.Addr{addrs, w.PodIPs, w.HostIPs} {
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

func (e *Evaluator) addServices() {
	for _, s := range e.cluster.Services {
		for _, list := range [][]netip.Addr{s.ClusterIPs, s.ExternalIPs, s.LoadBalancerIPs} {
			for _, a := range list {
				a = a.Unmap()
				if n := len(e.vips[a]); n == 0 || e.vips[a][n-1] != s {
					e.vips[a] = append(e.vips[a], s)
				}
			}
		}
	}
}

// Workloads are those that the matrix has rows for, in the order of reading: of an object and the pods that it made, the
// pods, which tell most; no pods that have ended, and no templates of no pods.
func (e *Evaluator) Workloads() []*Workload {
	type name struct{ kind, namespace, name string }
	owners := map[name]bool{}
	for _, p := range e.pods {
		if p.Owner.Name != "" && !p.Ended() {
			owners[name{p.Owner.Kind, p.Namespace, p.Owner.Name}] = true
			if d := p.deployment(); d != "" { // also where its ReplicaSet was not given
				owners[name{"Deployment", p.Namespace, d}] = true
			}
		}
	}
	var list []*Workload
	for _, p := range e.pods {
		made := !p.IsPod() && owners[name{p.Kind, p.Namespace, p.Name}]
		if !made && !p.Ended() && p.Replicas != 0 {
			list = append(list, p.Workload)
		}
	}
	return list
}

// mixed is the evaluator of a cluster with policies of both Cilium and Calico: which of them is its network plugin is not in the objects, so
// that nothing is certain.
func mixed(c *Cluster, assume Assumptions) *Evaluator {
	at := &c.CiliumPolicies[0].Meta
	p := Problem{Pos: at.Pos, Severity: Error, Object: at.String(), What: "is of Cilium, and the cluster has policies of Calico too: which of them is enforced is not known"}
	both := *c
	both.CiliumPolicies = nil
	both.Unread = append([]Problem{p}, c.Unread...)
	e := Compile(&both, assume)
	e.both = &p
	return e
}
