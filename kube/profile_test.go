package kube

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// TestProfileAgrees compares profiles of the workloads of clusters made at random with the evaluator's own answers: the sets of
// what may be sent to addresses of no pod, and each pod by its address.
func TestProfileAgrees(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 20
	}
	var allowed, denied int
	for seed := range seeds {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		e := Compile(g.cluster(), Assumptions{})
		var pods flowset.AddrsBuilder
		for a := range e.byAddr {
			pods.AddRange(a, a)
		}
		for a := range e.vips {
			pods.AddRange(a, a)
		}
		pods.AddRange(netip.MustParseAddr("127.0.0.0"), netip.MustParseAddr("127.255.255.255"))
		pods.AddRange(netip.IPv6Loopback(), netip.IPv6Loopback())
		outside := flowset.Of(pods.Addrs().Complement(), ported)
		for _, w := range e.Workloads() {
			d, err := e.Profile(w)
			if err != nil {
				if !w.Broken() && len(e.cluster.Unread) == 0 {
					t.Fatalf("seed %d: %v: %v", seed, w, err)
				}
				continue
			}
			data, err := d.Profile.Encode()
			if err != nil {
				t.Fatalf("seed %d: %v: %v", seed, w, err)
			}
			p, err := profile.Parse("again", data)
			if err != nil || !p.Equal(d.Profile) {
				t.Fatalf("seed %d: %v: does not come back the same: %v\n%s", seed, w, err, data)
			}
			flows := p.Flows(attempt.Source{})
			want := e.Egress(w).Certain.Intersect(outside)
			families := flowset.Of(e.byObject[w].family.addrs(), ported) // what a pod has no address for is no matter of its policy
			if got := flows.Intersect(outside).Intersect(families); !got.Equal(want) {
				t.Fatalf("seed %d: %v: the profile lets out\n%v\nthe evaluator\n%v\n%s", seed, w, got, want, data)
			}
			for a, q := range e.byAddr {
				if q == e.byObject[w] || q.Broken() || !e.byObject[w].family.addrs().Contains(a) {
					continue
				}
				for _, port := range []uint16{80, 81, 90, 65535} {
					protocol := Protocol(g.IntN(3))
					dec := e.Decide(Origin{Workload: w}, Destination{Addr: a}, protocol, port)
					got := flows.Contains(a, protocol.transport(), port)
					if !got && e.byObject[w].family == ipv4|ipv6 && verdictOf(e.Allowed(w, q.Workload), protocol, port) == Undecidable {
						continue // one family alone may be allowed
					}
					if want := dec.Verdict == Allowed; got != want {
						t.Fatalf("seed %d: %v to %v at %v %v/%d: the profile says %t, the evaluator %v\n%v\n%s", seed, w, q, a, protocol, port, got, dec.Verdict, dec.Chain, data)
					}
					if got {
						allowed++
					} else {
						denied++
					}
				}
			}
		}
	}
	if allowed < 100 || denied < 100 {
		t.Errorf("only %d allowed and %d denied: the clusters are too much alike", allowed, denied)
	}
}

const shopYAML = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, env: [{name: HTTPS_PROXY, value: "http://10.1.1.1:3128"}, {name: SECRET, value: x}]}]}
status: {podIP: 10.244.0.5, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: db, ports: [{name: pg, containerPort: 5432}]}]}
status: {podIP: 10.244.0.6, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: cache, namespace: shop, labels: {app: cache}}
spec: {containers: [{name: cache}]}
status: {podIP: 10.244.0.7, phase: Running}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: db}, ports: [{port: 5432, targetPort: pg}]}
---
apiVersion: v1
kind: Service
metadata: {name: gone, namespace: shop}
spec: {clusterIP: 10.96.0.10, selector: {app: gone}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: pg}]
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]
    ports: [{port: 443}]
`

func TestProfile(t *testing.T) {
	e := compileText(t, shopYAML)
	w, _ := e.cluster.Workload("", "shop", "web")
	d, err := e.Profile(w)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Profile.Facts.Environment; len(got) != 1 || got["HTTPS_PROXY"] == "" {
		t.Errorf("environment %v", got)
	}
	for _, c := range []struct {
		to    string
		want  profile.VerdictKind
		from  string
		words string
	}{
		{"10.96.0.9:5432", profile.Allow, "NetworkPolicy shop/web rule 1", "Service shop/db"},
		{"10.96.0.9:5433", profile.Drop, "NetworkPolicy shop/web", "selects the pod, and no rule of it admits this"},
		{"10.96.0.10:80", profile.Drop, "NetworkPolicy shop/web", "selects the pod, and no rule of it admits this"},
		{"127.0.0.1:80", profile.Allow, "Pod shop/web", "stays in the pod"},
		{"10.244.0.5:80", profile.Allow, "Pod shop/web", "stays in the pod"},
		{"10.244.0.6:5432", profile.Allow, "NetworkPolicy shop/web rule 1", "Pod shop/db"},
		{"10.244.0.6:443", profile.Drop, "NetworkPolicy shop/web", "selects the pod, and no rule of it admits this"},
		{"10.244.0.7:5432", profile.Drop, "NetworkPolicy shop/web", "selects the pod, and no rule of it admits this"},
		{"192.0.2.1:443", profile.Allow, "NetworkPolicy shop/web rule 2", ""},
		{"10.1.1.1:443", profile.Drop, "NetworkPolicy shop/web", "selects the pod, and no rule of it admits this"},
	} {
		dec := d.Profile.DecideEgress(attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort(c.to)})
		by := dec.By()
		if by == nil || dec.Verdict.Kind != c.want || by.From.Object != c.from || by.Reason != c.words {
			t.Errorf("%s: %v by %+v, want %v by %s: %s", c.to, dec.Verdict, by, c.want, c.from, c.words)
		}
	}
	if !slices.IsSorted(d.Notes) || len(d.Undecided) > 0 {
		t.Errorf("notes %v, undecided %v", d.Notes, d.Undecided)
	}
}

func compileText(t *testing.T, text string) *Evaluator {
	t.Helper()
	c, problems := Read(Stream("test.yaml", strings.NewReader(text)))
	for _, p := range problems {
		t.Errorf("%v", p)
	}
	return Compile(c, Assumptions{})
}

// TestProfileWildcards has a policy about addresses that a profile has no destination for.
func TestProfileWildcards(t *testing.T) {
	e := compileText(t, `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: web, securityContext: {privileged: true}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/32}}]
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [0.0.0.0/32, 10.0.0.0/8]}}]
    ports: [{port: 443}]
`)
	w, _ := e.cluster.Workload("", "shop", "web")
	d, err := e.Profile(w)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Profile.Encode(); err != nil {
		t.Error(err)
	}
}
