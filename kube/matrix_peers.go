package kube

import (
	"cmp"
	"slices"

	"github.com/sallyport/sallyport/profile/flowset"
)

// tidy sorts both lists, and joins what overlaps. What matches for certain is not left in maybe.
func (s spansPair) tidy() spansPair {
	s.yes, s.maybe = tidy(s.yes), tidy(s.maybe)
	return s
}

func tidy(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	joined := spans[:1]
	for _, s := range spans[1:] {
		if last := &joined[len(joined)-1]; s.first <= last.end {
			last.end = max(last.end, s.end)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// peer is the classes that a peer of a NetworkPolicy in a namespace is.
func (g *grouping) peer(home string, peer *NetworkPolicyPeer) spansPair {
	if peer.IPBlock != nil {
		return g.classesOf(g.blocks[g.e.blocks[peer.IPBlock].String()])
	}
	key := "s" + home
	if peer.NamespaceSelector != nil {
		key = "n" + peer.NamespaceSelector.String()
	}
	if peer.PodSelector != nil {
		key += "\x00" + peer.PodSelector.String()
	}
	if s, there := g.peers[key]; there {
		return s
	}
	var found []span
	if peer.NamespaceSelector == nil {
		if s, there := g.spaces[g.e.spaces[home]]; there {
			found = []span{s}
		}
	} else {
		found = g.inSpaces(peer.NamespaceSelector)
	}
	s := g.those(g.candidates(found, peer.PodSelector), func(x *end) match { return g.e.matchesPeer(home, peer, x, nil, nil) })
	g.peers[key] = s
	return s
}

// adminPeer is the like for admin policies.
func (g *grouping) adminPeer(peer *AdminPeer) spansPair {
	match := func(x *end) match { return g.e.matchesAdminPeer(peer, x, nil, nil) }
	switch {
	case peer.Networks != nil:
		return g.classesOf(g.blocks[peer.networks().String()])
	case peer.Namespaces != nil:
		key := "a" + peer.Namespaces.String()
		s, there := g.peers[key]
		if !there {
			s = g.those(g.inSpaces(peer.Namespaces), match)
			g.peers[key] = s
		}
		return s
	case peer.Pods != nil:
		key := "p" + peer.Pods.NamespaceSelector.String() + "\x00" + peer.Pods.PodSelector.String()
		s, there := g.peers[key]
		if !there {
			s = g.those(g.candidates(g.inSpaces(&peer.Pods.NamespaceSelector), &peer.Pods.PodSelector), match)
			g.peers[key] = s
		}
		return s
	}
	return g.those(g.all(), match)
}

// inSpaces is the classes of the namespaces that a selector selects, or may.
func (g *grouping) inSpaces(s *LabelSelector) []span {
	key := s.String()
	if spans, there := g.spaced[key]; there {
		return spans
	}
	var spans []span
	for space, classes := range g.spaces {
		if g.e.selectsSpace(s, space, nil) != no {
			spans = append(spans, classes)
		}
	}
	spans = tidy(spans)
	g.spaced[key] = spans
	return spans
}

// candidates narrows classes to those that have one of the labels that a selector asks for, where it asks for one by its value.
func (g *grouping) candidates(spans []span, s *LabelSelector) []span {
	if s == nil {
		return spans
	}
	var best []int32
	found := false
	for i := range s.Requirements {
		r := &s.Requirements[i]
		if r.Op != In {
			continue
		}
		var list []int32
		for _, v := range r.Values {
			list = append(list, g.labels[r.Key][v]...)
		}
		if !found || len(list) < len(best) {
			best, found = list, true
		}
	}
	if !found {
		return spans
	}
	return intersect(spans, spansOf(append(best, g.unsure...)))
}

// those is the classes of some that match.
func (g *grouping) those(spans []span, match func(*end) match) spansPair {
	var s spansPair
	for _, x := range spans {
		for n := x.first; n < x.end; n++ {
			p := g.classes[n].pod
			var to *[]span
			switch match(&end{pod: p, addrs: p.addrs}) {
			case yes:
				to = &s.yes
			case maybe:
				to = &s.maybe
			default:
				continue
			}
			if k := len(*to) - 1; k >= 0 && (*to)[k].end == n {
				(*to)[k].end++
			} else {
				*to = append(*to, span{n, n + 1})
			}
		}
	}
	return s
}

// classesOf is the classes of pods: the rules' blocks don't tell pods of a class apart.
func (g *grouping) classesOf(t touched) spansPair {
	numbers := func(pods []int32) []span {
		list := make([]int32, len(pods))
		for i, p := range pods {
			list[i] = g.of[p]
		}
		return spansOf(list)
	}
	return spansPair{numbers(t.yes), numbers(t.maybe)}
}

// nodesOf is the addresses of pods on the host network.
func (g *grouping) nodesOf(spans []span) flowset.Addrs {
	var b flowset.AddrsBuilder
	for _, s := range spans {
		for n := s.first; n < s.end; n++ {
			if c := g.classes[n]; c.Pod.HostNetwork && c.known {
				b.Add(c.addrs)
			}
		}
	}
	return b.Addrs()
}

// outside is the addresses that a peer of an admin policy has, and may have, where they are no pod's.
func (g *grouping) outside(peer *AdminPeer) (yes, some flowset.Addrs) {
	switch {
	case peer.Networks != nil:
		return peer.networks(), flowset.Addrs{}
	case peer.Names != nil:
		return flowset.Addrs{}, flowset.AllAddrs()
	case peer.Nodes != nil && len(g.e.cluster.Nodes) == 0:
		return flowset.Addrs{}, flowset.AllAddrs()
	case peer.Nodes != nil:
		var sure, unsure flowset.AddrsBuilder
		for a, n := range g.e.nodes {
			switch {
			case n.Broken():
				unsure.AddRange(a, a)
			case peer.Nodes.Matches(n.Labels):
				sure.AddRange(a, a)
			}
		}
		return sure.Addrs(), unsure.Addrs()
	}
	return flowset.Addrs{}, flowset.Addrs{}
}
