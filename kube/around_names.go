package kube

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/sheet"
)

// mostNames is how many DNS names a page has.
const mostNames = 12

// namedPorts is a DNS name of a rule, and the ports that the rule is about: none for all.
type namedPorts struct {
	name  string
	ports []EgressFirewallPort
}

// named are the DNS names that rules about the workload name, as they are decided when asked by that name.
func (a *surveyor) named() []sheet.Place {
	var places []sheet.Place
	for _, n := range a.e.rulesByName(a.from) {
		if len(places) == mostNames {
			break
		}
		asked := strings.ReplaceAll(n.name, "*", "a")
		ports := n.ports
		if len(ports) == 0 {
			ports = []EgressFirewallPort{{Protocol: TCP}}
		}
		for _, p := range ports {
			port, words := p.Port, fmt.Sprintf("%d/%s", p.Port, strings.ToLower(p.Protocol.String()))
			switch {
			case p.Port == 0 && len(n.ports) == 0:
				port, words = 443, ""
			case p.Port == 0:
				port, words = 443, "all/"+strings.ToLower(p.Protocol.String())
			}
			d := a.e.Decide(Origin{Workload: a.from.Workload}, Destination{Name: asked}, p.Protocol, port)
			place := sheet.Place{Name: n.name, Ports: words, Statement: statement(&d, textOf(n.name))}
			i := slices.IndexFunc(places, func(x sheet.Place) bool {
				return x.Name == place.Name && x.Text == place.Text && slices.Equal(x.From, place.From)
			})
			switch {
			case i < 0:
				places = append(places, place)
			case !strings.Contains(places[i].Ports, words):
				places[i].Ports += ", " + words
			}
		}
	}
	return places
}

type textOf string

func (t textOf) String() string { return string(t) }

// rulesByName are the DNS names that rules which may concern a pod name.
func (e *Evaluator) rulesByName(p *pod) []namedPorts {
	var list []namedPorts
	for _, f := range e.cluster.EgressFirewalls {
		if f.Namespace != p.Namespace || f.Broken() {
			continue
		}
		for i := range f.Rules {
			if r := &f.Rules[i]; r.Name != "" {
				list = append(list, namedPorts{r.Name, r.Ports})
			}
		}
	}
	x := podEnd(p)
	if e.cilium != nil {
		list = append(list, e.cilium.named(&x)...)
	}
	for _, a := range slices.Concat(e.admin, e.baseline) {
		if a.Broken() || e.matchesAdminPeer(&a.Subject, &x, nil, nil) == no {
			continue
		}
		for i := range a.Egress {
			r := &a.Egress[i]
			for j := range r.Peers {
				for _, n := range r.Peers[j].Names {
					named := namedPorts{name: n.Name}
					for _, q := range r.Ports {
						if q.Name == "" && q.First == q.Last && q.Protocol != AnyProtocol {
							named.ports = append(named.ports, EgressFirewallPort{Protocol: q.Protocol, Port: q.First})
						}
					}
					list = append(list, named)
				}
			}
		}
	}
	return list
}

// named are the DNS names in rules of Cilium that may be about an end.
func (c *cilium) named(x *end) []namedPorts {
	var list []namedPorts
	for _, s := range c.specs(x) {
		if s.meta.Broken() || c.subject(s, x, nil) == no {
			continue
		}
		for _, r := range s.sections[Egress].rules {
			var ports []EgressFirewallPort
			for i := range r.Ports {
				for _, p := range r.Ports[i].Ports {
					for _, protocol := range p.Protocols {
						if p.Name == "" && p.First == p.Last {
							ports = append(ports, EgressFirewallPort{Protocol: protocol, Port: p.First})
						}
					}
				}
			}
			for i := range r.Peers {
				if n := r.Peers[i].Name; n != nil {
					list = append(list, namedPorts{n.Name + n.Pattern, ports})
				}
			}
		}
	}
	return list
}
