package kube

import (
	"fmt"
	"strings"
)

// Why a rule does not match.
const (
	noPeer = "no peer of it matches"
	noPort = "its peer matches, its ports don't"
	// The objects don't tell whether the peer matches.
	mayPeer = "its peer may match, its ports don't"
)

// mostWords is how many peers or ports of a rule are named.
const mostWords = 3

// otherThan says what a rule that does not match is for.
func (r *NetworkPolicyRule) otherThan(why string) string {
	var peers []string
	for i := range r.Peers {
		peers = append(peers, r.Peers[i].words())
	}
	return isFor(why, peers, r.portWords())
}

func (r *AdminRule) otherThan(why string) string {
	var peers []string
	for i := range r.Peers {
		peers = append(peers, r.Peers[i].words())
	}
	return isFor(why, peers, r.portWords())
}

func isFor(why string, peers []string, ports string) string {
	switch why {
	case noPort:
		return "its peer matches, its ports are " + ports
	case mayPeer:
		return "its peer may match, its ports are " + ports
	}
	return "it is for " + listed(peers) + ", " + ports
}

// listed is a list in words, without its end where it is long.
func listed(list []string) string {
	if n := len(list) - mostWords; n > 0 {
		return strings.Join(list[:mostWords], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return orList(list)
}

func (p *NetworkPolicyPeer) words() string {
	if b := p.IPBlock; b != nil {
		s := b.CIDR.String()
		var except []string
		for _, x := range b.Except {
			except = append(except, x.CIDR.String())
		}
		if except != nil {
			s += " except " + listed(except)
		}
		return s
	}
	return podWords(p.NamespaceSelector, p.PodSelector)
}

// podWords is pods of namespaces: nothing is said where they are of the policy's own.
func podWords(namespaces, pods *LabelSelector) string {
	s := "pods"
	if pods != nil && !pods.Everything() {
		s += " " + pods.String()
	}
	switch {
	case namespaces == nil:
		return s
	case namespaces.Everything():
		return s + " of every namespace"
	}
	if r := namespaces.Requirements; len(r) == 1 && r[0].Key == NamespaceNameLabel && r[0].Op == In {
		return s + " of namespace " + orList(r[0].Values)
	}
	return s + " of namespaces " + namespaces.String()
}

func (p *AdminPeer) words() string {
	switch {
	case p.Namespaces != nil:
		return podWords(p.Namespaces, nil)
	case p.Pods != nil:
		return podWords(&p.Pods.NamespaceSelector, &p.Pods.PodSelector)
	case p.Nodes != nil && p.Nodes.Everything():
		return "nodes"
	case p.Nodes != nil:
		return "nodes " + p.Nodes.String()
	case p.Networks != nil:
		var list []string
		for _, n := range p.Networks {
			list = append(list, n.CIDR.String())
		}
		return listed(list)
	}
	var list []string
	for _, n := range p.Names {
		list = append(list, n.Name)
	}
	return listed(list)
}

func (r *NetworkPolicyRule) portWords() string {
	if len(r.Ports) == 0 {
		return "every port"
	}
	var list []string
	for _, p := range r.Ports {
		s := p.Protocol.String()
		switch {
		case p.Port.Name != "":
			s += " port " + p.Port.Name
		case p.EndPort != 0:
			s += fmt.Sprintf(" %d-%d", p.Port.Number, p.EndPort)
		case p.Port.Number != 0:
			s += fmt.Sprintf(" %d", p.Port.Number)
		default:
			s = "every " + s + " port"
		}
		list = append(list, s)
	}
	return listed(list)
}

func (r *AdminRule) portWords() string {
	if len(r.Ports) == 0 {
		return "every port"
	}
	var list []string
	for _, p := range r.Ports {
		s := p.Protocol.String()
		switch {
		case p.Name != "":
			s += " port " + p.Name
		case p.First <= 1 && p.Last == 65535:
			s = "every " + s + " port"
		case p.First != p.Last:
			s += fmt.Sprintf(" %d-%d", p.First, p.Last)
		default:
			s += fmt.Sprintf(" %d", p.First)
		}
		list = append(list, s)
	}
	return listed(list)
}

func noneOf(rules int, d Direction) string {
	switch rules {
	case 0:
		return "it has no " + d.String() + " rule"
	case 1:
		return "its rule does not admit this"
	}
	return fmt.Sprintf("none of its %d rules admits this", rules)
}

// several is "NetworkPolicies shop/a and shop/b", or how many.
func several(list []*NetworkPolicy) string {
	if len(list) > mostWords {
		return fmt.Sprintf("%d NetworkPolicies", len(list))
	}
	var names []string
	for _, p := range list {
		names = append(names, p.Namespace+"/"+p.Name)
	}
	return "NetworkPolicies " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
