package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/profile/flowset"
)

// grouping divides the pods into classes that no rule tells apart, so that what is found for one holds for all of its class.
// Classes of a namespace have numbers that follow each other.
type grouping struct {
	e       *Evaluator
	classes []*class
	of      []int32 // class of each pod, by its index
	spaces  map[*space]span
	labels  map[string]map[string][]int32 // classes by the key and value of a label
	unsure  []int32                       // classes whose labels are not to be trusted
	blocks  map[string]touched
	peers   map[string]spansPair
	spaced  map[string][]span
	ports   map[portKey]map[uint16][]span
	rules   map[ruleKey][]instr
	calico  *calicoGroups // nil where Calico has no part
	hosts   bool          // a pod is on the host network

	once  sync.Mutex // guards the maps above, programs, and apart, for Allowed and Egress
	progs map[int32]*compiled
	apart map[int32]Outside // what passes between a class and addresses outside
}

// class is pods that are equal to all rules.
type class struct {
	*pod // one of them
	pods []*pod
}

// span is the classes from first to before end.
type span struct{ first, end int32 }

type spansPair struct{ yes, maybe []span }

// touched is the pods that a set of addresses has, and may have, by index.
type touched struct{ yes, maybe []int32 }

type portKey struct {
	name     string
	protocol Protocol
}

// group makes the classes.
func (e *Evaluator) group() *grouping {
	g := &grouping{
		e:      e,
		of:     make([]int32, len(e.pods)),
		spaces: map[*space]span{},
		labels: map[string]map[string][]int32{},
		blocks: map[string]touched{},
		peers:  map[string]spansPair{},
		spaced: map[string][]span{},
		ports:  map[portKey]map[uint16][]span{},
		rules:  map[ruleKey][]instr{},
		progs:  map[int32]*compiled{},
		apart:  map[int32]Outside{},
	}
	if e.calico != nil {
		e.calico.readyAll()
		g.calico = newCalicoGroups()
	}
	signs := g.signs()
	if e.cilium != nil {
		g.ciliumClasses(signs)
	}
	apart := layerSigns(e.layers)
	keys := make([]string, len(e.pods))
	order := make([]*pod, len(e.pods))
	for i, p := range e.pods {
		keys[i] = p.key() + signs[i]
		for _, l := range e.layers {
			keys[i] += "\x00" + l.key(p)
		}
		x := podEnd(p)
		for _, set := range apart {
			keys[i] += string('0' + rune(within(set, &x)))
		}
		order[i] = p
	}
	slices.SortStableFunc(order, func(a, b *pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(keys[a.index], keys[b.index]))
	})
	for i, p := range order {
		if i == 0 || order[i-1].space != p.space || keys[order[i-1].index] != keys[p.index] {
			g.classes = append(g.classes, &class{pod: p})
		}
		n := len(g.classes) - 1
		g.of[p.index] = int32(n)
		g.classes[n].pods = append(g.classes[n].pods, p)
	}
	for i, c := range g.classes {
		n := int32(i)
		s, there := g.spaces[c.space]
		if !there {
			s.first = n
		}
		s.end = n + 1
		g.spaces[c.space] = s
		g.hosts = g.hosts || c.Pod.HostNetwork
		if c.Broken() {
			g.unsure = append(g.unsure, n)
		}
		for k, v := range c.Pod.Labels {
			values := g.labels[k]
			if values == nil {
				values = map[string][]int32{}
				g.labels[k] = values
			}
			values[v] = append(values[v], n)
		}
	}
	return g
}

// key is what rules may look at in a pod, but for its addresses, of which only the families count here.
func (p *pod) key() string {
	var b strings.Builder
	keys := make([]string, 0, len(p.Pod.Labels))
	for k := range p.Pod.Labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b.WriteString(k + "=" + p.Pod.Labels[k] + ",")
	}
	for i := range p.Pod.Containers {
		c := &p.Pod.Containers[i]
		if c.Init && !c.Sidecar {
			continue
		}
		for _, port := range c.Ports {
			if port.Name != "" {
				fmt.Fprintf(&b, "%t %s %d %d,", c.Init, port.Name, port.Number, port.Protocol)
			}
		}
	}
	fmt.Fprintf(&b, "\x00%d", p.family)
	if p.Pod.HostNetwork || p.Broken() {
		fmt.Fprintf(&b, "\x00%t %s %d", p.Broken(), p.Pod.NodeName, p.index)
	}
	return b.String()
}

// signs are, for each pod, the address blocks of any rule that have its address, or may.
func (g *grouping) signs() []string {
	signs := make([]strings.Builder, len(g.e.pods))
	number := 0
	add := func(set flowset.Addrs) {
		key := set.String()
		if _, there := g.blocks[key]; there {
			return
		}
		number++
		t := g.touches(set)
		g.blocks[key] = t
		for _, i := range t.yes {
			fmt.Fprintf(&signs[i], "\x00%d", number)
		}
		for _, i := range t.maybe {
			fmt.Fprintf(&signs[i], "\x00?%d", number)
		}
	}
	for _, set := range g.e.blocks {
		add(set)
	}
	if g.e.calico != nil {
		for _, set := range g.e.calico.addrs {
			add(set)
		}
		for i, p := range g.e.pods {
			g.e.calico.sign(&signs[i], p)
		}
	}
	for _, list := range [][]*AdminPolicy{g.e.admin, g.e.baseline} {
		for _, p := range list {
			for i := range p.Egress {
				for j := range p.Egress[i].Peers {
					if peer := &p.Egress[i].Peers[j]; peer.Networks != nil {
						add(peer.networks())
					}
				}
			}
		}
	}
	result := make([]string, len(signs))
	for i := range signs {
		result[i] = signs[i].String()
	}
	return result
}

// networks is the addresses of a peer's networks.
func (p *AdminPeer) networks() flowset.Addrs {
	var b flowset.AddrsBuilder
	for _, n := range p.Networks {
		b.AddPrefix(n.CIDR)
	}
	return b.Addrs()
}

// touches is the pods whose addresses are in a set. Pods without known addresses are all alike.
func (g *grouping) touches(set flowset.Addrs) touched {
	var t touched
	unknown, found := no, false
	for _, p := range g.e.pods {
		var m match
		if !p.known && !p.Pod.HostNetwork && found {
			m = unknown
		} else {
			x := podEnd(p)
			if g.e.calico != nil {
				m = g.e.calico.in(set, &x, nil, Pos{})
			} else {
				m = g.e.in(set, &x, nil, nil, Pos{})
			}
			if !p.known && !p.Pod.HostNetwork {
				unknown, found = m, true
			}
		}
		switch m {
		case yes:
			t.yes = append(t.yes, int32(p.index))
		case maybe:
			t.maybe = append(t.maybe, int32(p.index))
		}
	}
	return t
}

// spansOf is the classes of a list of numbers in any order.
func spansOf(list []int32) []span {
	slices.Sort(list)
	var spans []span
	for _, n := range list {
		if k := len(spans) - 1; k >= 0 && n <= spans[k].end {
			spans[k].end = max(spans[k].end, n+1)
			continue
		}
		spans = append(spans, span{n, n + 1})
	}
	return spans
}

// intersect is the classes in both lists.
func intersect(a, b []span) []span {
	var both []span
	for len(a) > 0 && len(b) > 0 {
		if s := (span{max(a[0].first, b[0].first), min(a[0].end, b[0].end)}); s.first < s.end {
			both = append(both, s)
		}
		if a[0].end < b[0].end {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}

// has reports whether a class is in a list.
func has(spans []span, n int32) bool {
	i, _ := slices.BinarySearchFunc(spans, n, func(s span, n int32) int {
		return cmp.Compare(s.end, n+1)
	})
	return i < len(spans) && spans[i].first <= n
}

func (g *grouping) all() []span { return []span{{0, int32(len(g.classes))}} }
