package kube

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/sheet"
)

// Around is what a sheet of a workload's pods says beside their profile, which is d.
func (e *Evaluator) Around(d *Declared) sheet.Around {
	a := &surveyor{e: e, from: e.byObject[d.Workload]}
	around := sheet.Around{
		Title:  d.Workload.String(),
		Inside: slices.Concat(a.services(), a.absent(), a.named()),
		Names:  a.names(),
		Proxy:  a.proxy(),
		SeenAs: a.seenAs(),
		Notes:  slices.Clone(d.Notes),
	}
	for _, r := range d.Undecided {
		around.Notes = append(around.Notes, "not decidable, and shown as denied: "+r.String())
	}
	return around
}

// surveyor looks at a cluster from one workload.
type surveyor struct {
	e    *Evaluator
	from *pod
}

// mostServices is how many services of its own namespace, and how many of others, a page has.
const mostServices = 8

// services are the services of the cluster: those of the workload's own namespace, and those of others that it reaches.
func (a *surveyor) services() []sheet.Place {
	list := slices.Clone(a.e.cluster.Services)
	own := func(s *Service) int {
		if s.Namespace == a.from.Namespace {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(s, t *Service) int { return cmp.Compare(own(s), own(t)) })
	var places []sheet.Place
	var shown [2]int
	more, denied := 0, 0
	for _, s := range list {
		if s.Broken() || s.Type == "ExternalName" {
			continue
		}
		for _, p := range a.service(s) {
			home := own(s)
			switch {
			case home == 1 && p.Verdict == sheet.No:
				denied++
			case shown[home] == mostServices:
				more++
			default:
				shown[home]++
				places = append(places, p)
			}
		}
	}
	if more > 0 {
		places = append(places, sheet.Place{Name: fmt.Sprintf("%d more", more), Statement: sheet.Statement{Verdict: sheet.Unknown, Text: "see sallyport check"}})
	}
	if denied > 0 {
		places = append(places, sheet.Place{Name: fmt.Sprintf("%d of other namespaces", denied), Statement: sheet.Statement{Verdict: sheet.No, Text: "denied"}})
	}
	return places
}

// service is a service, an entry for each answer of its ports.
func (a *surveyor) service(s *Service) []sheet.Place {
	var places []sheet.Place
	for i := range s.Ports {
		p := &s.Ports[i]
		d := a.e.Decide(Origin{Workload: a.from.Workload}, Destination{Service: s}, p.Protocol, p.Port)
		st := statement(&d, s)
		port := fmt.Sprintf("%d/%s", p.Port, strings.ToLower(p.Protocol.String()))
		k := slices.IndexFunc(places, func(x sheet.Place) bool { return x.Text == st.Text && slices.Equal(x.From, st.From) })
		if k >= 0 {
			places[k].Ports += ", " + port
			continue
		}
		places = append(places, sheet.Place{Name: s.Name + "." + s.Namespace, Ports: port, Statement: st})
	}
	return places
}

// statement is a decision as a sheet has it.
func statement(d *Decision, about fmt.Stringer) sheet.Statement {
	from, words, routed := d.decider()
	st := sheet.Statement{}
	if from.Object != "" {
		st.From = []string{from.String()}
		switch {
		case d.Verdict == Allowed:
			st.From[0] += ": " + about.String()
		case words != "" && d.Verdict == Denied && !routed:
			st.From[0] += ": " + words
		}
	}
	switch d.Verdict {
	case Allowed:
		st.Verdict, st.Text = sheet.Yes, "yes"
	case Denied:
		st.Verdict, st.Text = sheet.No, "dropped"
		if routed {
			st.Text = "refused: " + words
		}
	case Partly:
		st.Verdict, st.Text, st.From = sheet.Partly, "only some of its pods: it works by chance", nil
	default:
		st.Verdict, st.Text, st.From = sheet.Unknown, "not decidable", nil
		if len(d.Reasons) > 0 {
			st.Text += ": " + d.Reasons[0].String()
		}
	}
	return st
}

// absent is what rules admit by labels that no object has: it may be elsewhere, or not be deployed yet.
func (a *surveyor) absent() []sheet.Place {
	var places []sheet.Place
	for _, p := range a.from.space.policies {
		if p.Broken() || a.e.selects(&p.PodSelector, a.from, nil) != yes || !p.Isolates(Egress) {
			continue
		}
		for i := range p.Egress {
			r := &p.Egress[i]
			for j := range r.Peers {
				peer := &r.Peers[j]
				if peer.IPBlock != nil || a.isThere(p.Namespace, peer) {
					continue
				}
				from := origin{Pos: r.Pos, object: &p.Meta, rule: i + 1}
				places = append(places, sheet.Place{
					Name: peerWords(p.Namespace, peer), Ports: portWords(r.Ports),
					Statement: sheet.Statement{
						Verdict: sheet.Yes, Text: "yes, as far as this end goes: no such pod is among the objects",
						From: []string{from.String() + " (" + r.Pos.String() + ")"},
					},
				})
			}
		}
	}
	return places
}

func (a *surveyor) isThere(home string, peer *NetworkPolicyPeer) bool {
	return slices.ContainsFunc(a.e.pods, func(q *pod) bool {
		x := podEnd(q)
		return a.e.matchesPeer(home, peer, &x, nil, nil) == yes
	})
}

// peerWords is "pods app=db in shop".
func peerWords(home string, peer *NetworkPolicyPeer) string {
	pods, where := "all pods", "in "+home
	if s := peer.PodSelector; s != nil && !s.Everything() {
		pods = "pods " + s.String()
	}
	if s := peer.NamespaceSelector; s != nil {
		switch name, only := strings.CutPrefix(s.String(), NamespaceNameLabel+"="); {
		case s.Everything():
			where = "in any namespace"
		case only && len(s.Requirements) == 1:
			where = "in " + name
		default:
			where = "in namespaces " + s.String()
		}
	}
	return pods + " " + where
}

// portWords is "5432/tcp, 53/udp"; "" for every port.
func portWords(ports []NetworkPolicyPort) string {
	var list []string
	for _, p := range ports {
		protocol := strings.ToLower(p.Protocol.String())
		switch {
		case p.Port.Name != "":
			list = append(list, p.Port.Name+"/"+protocol)
		case p.Port.Number == 0:
			list = append(list, "all/"+protocol)
		case p.EndPort != 0:
			list = append(list, fmt.Sprintf("%d-%d/%s", p.Port.Number, p.EndPort, protocol))
		default:
			list = append(list, fmt.Sprintf("%d/%s", p.Port.Number, protocol))
		}
	}
	return strings.Join(list, ", ")
}

// resolvers are the services that pods ask for names, as distributions have them.
var resolvers = []struct {
	namespace, name string
	labels          Labels
	port            uint16 // of the pods
}{
	{"kube-system", "kube-dns", Labels{"k8s-app": "kube-dns"}, 53},
	{"openshift-dns", "dns-default", Labels{"dns.operator.openshift.io/daemonset-dns": "default"}, 5353},
	{"kube-system", "coredns", Labels{"k8s-app": "kube-dns"}, 53},
	{"kube-system", "rke2-coredns-rke2-coredns", Labels{"k8s-app": "kube-dns"}, 53},
}

// dns is the service that the cluster's pods ask for names; nil where it is not among the objects.
func (e *Evaluator) dns() *Service {
	for _, r := range resolvers {
		for _, s := range e.cluster.Services {
			if s.Namespace == r.namespace && s.Name == r.name && !s.Broken() {
				return s
			}
		}
	}
	return nil
}

// names tells whether the pods can ask the cluster's resolver. It is nil where they ask another.
func (a *surveyor) names() *sheet.Statement {
	if policy := a.from.Pod.DNSPolicy; policy == "None" || policy == "Default" || a.from.Pod.HostNetwork && policy != "ClusterFirstWithHostNet" {
		return nil
	}
	service, who := a.e.dns(), ""
	var about fmt.Stringer = usualResolver
	var d Decision
	if service != nil {
		who, about = service.String(), service
		if len(service.ClusterIPs) > 0 {
			who += " at " + service.ClusterIPs[0].String()
		}
		d = a.e.Decide(Origin{Workload: a.from.Workload}, Destination{Service: service}, UDP, 53)
	} else {
		who = "the cluster's DNS (k8s-app=kube-dns in kube-system, as it is by default: it is not among the objects)"
		d = a.e.withResolver().Decide(Origin{Workload: a.from.Workload}, Destination{Workload: usualResolver}, UDP, 53)
	}
	st := statement(&d, about)
	switch d.Verdict {
	case Allowed:
		st.Text = "yes, by " + who
	case Denied:
		st.Text = "no: " + who + " may not be asked, and each lookup fails after seconds. Let a rule allow 53/udp and 53/tcp to it"
	case Partly:
		st.Text = "only by some pods of " + who
	default:
		st.Text = who + ": " + st.Text
	}
	return &st
}

// usualResolver is CoreDNS as most clusters run it.
var usualResolver = &Workload{
	Meta:     Meta{Kind: "Deployment", Namespace: "kube-system", Name: "coredns"},
	Pod:      PodTemplate{Labels: Labels{"k8s-app": "kube-dns"}},
	Replicas: -1,
}

// withResolver is the cluster as it would be with the usual resolver.
func (e *Evaluator) withResolver() *Evaluator {
	c := *e.cluster
	c.Workloads = append(slices.Clone(c.Workloads), usualResolver)
	return Compile(&c, e.assume)
}

// seenAs is by which addresses others see the pods: inside their own, outside what [Evaluator.SourceSeen] tells.
func (a *surveyor) seenAs() *sheet.Statement {
	list := a.e.SourceSeen(a.from.Workload)
	if len(list) == 0 {
		return nil
	}
	st := &sheet.Statement{Verdict: sheet.Yes}
	var outside []string
	for i := range list {
		s := &list[i]
		words := s.Words
		if len(s.Addresses) > 0 {
			words = addrList(s.Addresses)
			if s.Object == nil && !s.Certain {
				words += ", " + s.Words
			}
		}
		if !s.Certain {
			st.Verdict = sheet.Partly
		}
		if !slices.Contains(outside, words) {
			outside = append(outside, words)
		}
		switch {
		case s.Object != nil:
			st.From = append(st.From, s.Object.String()+" ("+s.Pos.String()+"): "+s.Words)
		case s.File != "":
			st.From = append(st.From, s.Pos.String()+": "+s.Words)
		}
	}
	st.Text = "outside " + strings.Join(outside, "; ")
	if !a.from.Pod.HostNetwork {
		inside := "in the cluster its own"
		if len(a.from.own) > 0 {
			inside += ", " + addrList(a.from.own)
		}
		st.Text = inside + "; " + st.Text
	}
	return st
}

func addrList(addrs []netip.Addr) string {
	list := make([]string, len(addrs))
	for i, x := range addrs {
		list[i] = x.String()
	}
	return strings.Join(list, " or ")
}

// proxy tells of the proxy of the cluster, where that is not in the variables of the pods. It is nil where the variables tell all.
func (a *surveyor) proxy() *sheet.Statement {
	u := a.e.ProxyUse(a.from.Workload)
	if u.Cluster == nil {
		if len(u.Containers) == 0 && len(u.Reasons) > 0 {
			return &sheet.Statement{Verdict: sheet.Unknown, Text: "not known: " + u.Reasons[0].String()}
		}
		return nil
	}
	st := &sheet.Statement{Verdict: sheet.Partly, From: []string{u.Cluster.String() + " (" + u.Cluster.Pos.String() + ")"}}
	value := u.HTTPS.Value
	if value == "" {
		value = u.HTTP.Value
	}
	st.Text = "the cluster's is " + sheet.WithoutPassword(value)
	if len(u.Containers) == 0 {
		st.Text += ", and the pods are not told: set HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
		return st
	}
	st.Verdict = sheet.Yes
	for _, v := range u.Containers[0].Variables {
		if v.Value != "" {
			st.Text += ", " + v.Name + "=" + sheet.WithoutPassword(v.Value)
		}
	}
	return st
}
