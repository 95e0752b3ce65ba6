package kube

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// evaluate compiles objects. Warnings are of no interest here; errors have to be wanted by the test.
func evaluate(t *testing.T, yaml ...string) *Evaluator {
	t.Helper()
	var sources []Source
	for i, y := range yaml {
		sources = append(sources, Stream("f"+strconv.Itoa(i)+".yaml", strings.NewReader(y)))
	}
	c, problems := Read(sources...)
	for _, p := range problems {
		if p.Severity == Error {
			t.Log(p.Error())
		}
	}
	return Compile(c, Assumptions{})
}

// ask decides for "NS/POD" and a destination "ADDRESS:PORT", "NAME:PORT", "PREFIX:PORT", "pod NS/NAME:PORT" or "service NS/NAME:PORT", each with
// "/UDP" or the like behind it where it is not TCP.
func askLayers(t *testing.T, e *Evaluator, from, to string) Decision {
	t.Helper()
	find := func(name string) *Workload {
		ns, n, _ := strings.Cut(name, "/")
		w, several := e.cluster.Workload("", ns, n)
		if w == nil || several {
			t.Fatalf("no workload %s", name)
		}
		return w
	}
	protocol := TCP
	for _, p := range []Protocol{UDP, SCTP} {
		if s, found := strings.CutSuffix(to, "/"+p.String()); found {
			to, protocol = s, p
		}
	}
	i := strings.LastIndexByte(to, ':')
	port, err := strconv.ParseUint(to[i+1:], 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	to = to[:i]
	var d Destination
	switch {
	case strings.HasPrefix(to, "pod "):
		d.Workload = find(to[4:])
	case strings.HasPrefix(to, "service "):
		i := slices.IndexFunc(e.cluster.Services, func(s *Service) bool { return s.Namespace+"/"+s.Name == to[8:] })
		if i < 0 {
			t.Fatalf("no %s", to)
		}
		d.Service = e.cluster.Services[i]
	case strings.Contains(to, "/"):
		d.Prefix = netip.MustParsePrefix(to)
	default:
		var err error
		if d.Addr, err = netip.ParseAddr(strings.Trim(to, "[]")); err != nil {
			d.Addr, d.Name = netip.Addr{}, to
		}
	}
	return e.Decide(Origin{Workload: find(from)}, d, protocol, uint16(port))
}

// want is a question, and what has to come of it.
type want struct {
	to      string
	verdict Verdict
	chain   string // what a line of the chain has in it, that decides
	reason  string // what a reason has in it
	note    string // what a note has in it
}

func check(t *testing.T, e *Evaluator, from string, wants []want) {
	t.Helper()
	for _, w := range wants {
		d := askLayers(t, e, from, w.to)
		if d.Verdict != w.verdict {
			t.Errorf("%s to %s: %v, want %v\n%s\n%v", from, w.to, d.Verdict, w.verdict, lines(d), d.Reasons)
			continue
		}
		if !strings.Contains(lines(d), w.chain) {
			t.Errorf("%s to %s: the chain lacks %q:\n%s", from, w.to, w.chain, lines(d))
		}
		reasons := ""
		for _, r := range d.Reasons {
			reasons += r.String() + "\n"
		}
		if !strings.Contains(reasons, w.reason) {
			t.Errorf("%s to %s: the reasons lack %q:\n%s", from, w.to, w.reason, reasons)
		}
		if notes := strings.Join(d.Notes, "\n"); !strings.Contains(notes, w.note) || w.note == "-" && notes != "" {
			t.Errorf("%s to %s: the notes lack %q:\n%s", from, w.to, w.note, notes)
		}
	}
}

// lines are the chain, with those of the parts, one that decides with "=> " before it.
func lines(d Decision) string {
	var b strings.Builder
	var write func(d Decision)
	write = func(d Decision) {
		for _, c := range d.Chain {
			if c.Decides {
				b.WriteString("=> ")
			}
			b.WriteString(c.String() + "\n")
		}
		for _, p := range d.Parts {
			b.WriteString("[" + p.To + "]\n")
			write(p.Decision)
		}
	}
	write(d)
	return b.String()
}

const clusterYAML = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c}]}
status: {podIPs: [{ip: 10.128.0.5}, {ip: "fd01::5"}], phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: n2, containers: [{name: c}]}
status: {podIPs: [{ip: 10.128.2.6}, {ip: "fd01::6"}], phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop, labels: {app: agent}}
spec: {nodeName: n2, hostNetwork: true, containers: [{name: c}]}
status: {podIPs: [{ip: 192.0.2.2}], phase: Running}
---
apiVersion: v1
kind: Node
metadata:
  name: n1
  labels: {role: control}
  annotations: {k8s.ovn.org/host-cidrs: '["192.0.2.1/24","198.51.100.1/24"]'}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {role: worker}}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 172.30.0.9, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {clusterIP: 172.30.0.1, ports: [{port: 443, targetPort: 6443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-1, namespace: shop, labels: {kubernetes.io/service-name: api}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.1]}]
ports: [{port: 6443}]
---
apiVersion: v1
kind: Service
metadata: {name: outside, namespace: shop}
spec: {clusterIP: 172.30.0.2, ports: [{port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: outside-1, namespace: shop, labels: {kubernetes.io/service-name: outside}}
addressType: IPv4
endpoints: [{addresses: [203.0.113.9]}]
ports: [{port: 443}]
`

const networkYAML = `apiVersion: config.openshift.io/v1
kind: Network
metadata: {name: cluster}
spec: {networkType: OVNKubernetes, clusterNetwork: [{cidr: 10.128.0.0/14, hostPrefix: 23}, {cidr: "fd01::/48", hostPrefix: 64}], serviceNetwork: [172.30.0.0/16]}
status: {networkType: OVNKubernetes, clusterNetwork: [{cidr: 10.128.0.0/14, hostPrefix: 23}, {cidr: "fd01::/48", hostPrefix: 64}], serviceNetwork: [172.30.0.0/16], clusterNetworkMTU: 1400}
`

// TestAskAboutBadObjects asks everything about objects that have something wrong with them: no answer may be certain that needs one.
func TestAskAboutBadObjects(t *testing.T) {
	c, _ := Read(Path("testdata/bad"), Path("testdata/fine"))
	c.Unread = nil           // which would make everything undecidable
	calico, cilium := *c, *c // of both at once nothing is certain
	calico.CiliumPolicies, calico.CIDRGroups = nil, nil
	cilium.CalicoPolicies, cilium.CalicoTiers, cilium.NetworkSets, cilium.HostEndpoints, cilium.FelixConfigurations = nil, nil, nil, nil, nil
	for _, c := range []*Cluster{&calico, &cilium} {
		askAboutBad(t, Compile(c, Assumptions{}))
	}
}

func askAboutBad(t *testing.T, e *Evaluator) {
	t.Helper()
	for row := range e.Matrix() {
		e.Egress(row.From)
		e.SourceSeen(row.From)
		e.ProxyUse(row.From)
		for _, d := range e.Bind(row.From, 80) {
			if row.From.Broken() && d.Verdict != Undecidable {
				t.Errorf("%v: binds are %v", row.From, d.Verdict)
			}
		}
		d := e.Decide(Origin{Workload: row.From}, Destination{Addr: netip.MustParseAddr("203.0.113.7")}, TCP, 443)
		if !row.From.Broken() && row.From.Namespace == "shop" && !row.From.Pod.HostNetwork && d.Verdict == Allowed {
			t.Errorf("%v: allowed, with an EgressFirewall and a Sidecar that have errors: %s", row.From, lines(d))
		}
		if _, err := e.Profile(row.From); err != nil && !row.From.Broken() {
			t.Error(err)
		}
	}
}
