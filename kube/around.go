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

// Sheet is the one-page policy of a workload's pods.
func (e *Evaluator) Sheet(w *Workload) (*sheet.Sheet, error) {
	d, err := e.Profile(w)
	if err != nil {
		return nil, err
	}
	return sheet.OfPlace(d.Profile, e.Around(d)), nil
}

// NamespaceSheet is the page of a namespace: that of a new pod in it, which has no labels, and so what holds for all whom no policy
// selects by theirs. The workloads that have another are named.
func (e *Evaluator) NamespaceSheet(namespace string) (*sheet.Sheet, error) {
	if e.cluster.Namespace(namespace) == nil {
		return nil, fmt.Errorf("no object is in, or of, a namespace %s", namespace)
	}
	w := &Workload{Meta: Meta{Kind: "Pod", Name: "new-pod", Namespace: namespace}, Replicas: -1}
	c := *e.cluster
	c.Workloads = append(slices.Clone(c.Workloads), w)
	e = Compile(&c, e.assume)
	d, err := e.Profile(w)
	if err != nil {
		return nil, err
	}
	d.Profile.Name = namespace
	d.Profile.Description = "what sockets of a pod without labels may do there, by its cluster's objects"
	around := e.Around(d)
	around.Title = "namespace " + namespace
	if others := e.unlike(w); len(others) > 0 {
		var names []string
		for _, x := range others {
			names = append(names, x.Namespace+"/"+x.Name)
		}
		more := ""
		if n := len(names) - 4; n > 0 {
			names, more = names[:4], fmt.Sprintf(" and %d more", n)
		}
		around.Notes = append([]string{"of workloads whose labels policies select, the page is another: " + strings.Join(names, ", ") + more}, around.Notes...)
	}
	return sheet.OfPlace(d.Profile, around), nil
}

// unlike are the workloads of a namespace whose egress is another than that of one of them.
func (e *Evaluator) unlike(w *Workload) []*Workload {
	var others []*Workload
	set := e.Egress(w)
	for _, x := range e.Workloads() {
		if x == w || x.Namespace != w.Namespace {
			continue
		}
		if o := e.Egress(x); !o.Certain.Equal(set.Certain) || !o.Possible.Equal(set.Possible) {
			others = append(others, x)
		}
	}
	return others
}
