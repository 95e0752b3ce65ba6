package convert

import (
	"bytes"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

const pod = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
status: {podIPs: [{ip: 172.31.255.7}, {ip: "fd31::7"}]}
---
`

// db is a pod at an address that rules name.
const db = `
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: db, image: db}]}
status: {podIPs: [{ip: 10.1.2.3}]}
---
`

// readBack is what a pod may send to by the objects that were written, for addresses that are nobody's in the cluster.
func readBack(t *testing.T, r *Result) flowset.Set {
	t.Helper()
	text, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	cluster, problems := kube.Read(kube.Stream("pod.yaml", strings.NewReader(pod)), kube.Stream("written.yaml", bytes.NewReader(text)))
	for _, p := range problems {
		t.Errorf("reading back: %v", p.Error())
	}
	if t.Failed() {
		t.Fatalf("written:\n%s", text)
	}
	w, _ := cluster.Workload("Pod", "shop", "web")
	set := kube.Compile(cluster, kube.Assumptions{}).Egress(w)
	outer := flowset.Of(outside, ported)
	certain, possible := set.Certain.Intersect(outer), set.Possible.Intersect(outer)
	if !certain.Equal(possible) {
		t.Fatalf("undecidable: %v\nwritten:\n%s", possible.Subtract(certain), text)
	}
	return certain
}

// expected is what a result says that its objects allow: the profile's flows, less what it lists as lost, and what it lists as gained.
func expected(r *Result) flowset.Set {
	set := r.Profile.Flows(unbound)
	for _, l := range r.Lost {
		if l.Sources == "" && l.Kind != LostCluster { // none of the addresses asked about is the cluster's
			set = set.Subtract(l.Lost).Union(l.Gained)
		}
	}
	return set.Intersect(flowset.Of(outside, ported))
}

func roundTrip(t *testing.T, target Target, p *profile.Profile) *Result {
	t.Helper()
	r, err := To(target, p, Options{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	got, want := readBack(t, r), expected(r)
	if !got.Equal(want) {
		text, _ := r.YAML()
		source, _ := p.Encode()
		t.Fatalf("of %s read back too much: %v\ntoo little: %v\nprofile:\n%s\nwritten:\n%s", target, got.Subtract(want), want.Subtract(got), source, text)
	}
	return r
}

// testRandom takes profiles at random there and back, and looks at how much of them came through.
func testRandom(t *testing.T, target Target) {
	t.Helper()
	lossless := 0
	for seed := range uint64(200) {
		p := newWorld(seed).profile()
		r := roundTrip(t, target, p)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
		exact := true
		for _, l := range r.Lost {
			// Only what a target never decides about may be allowed on top.
			if l.Sources == "" && l.Kind != LostLoopback && l.Kind != LostPortZero && l.Kind != LostCluster && !l.Gained.IsEmpty() {
				t.Fatalf("seed %d: %s allows more than the profile: %s: %v", seed, target, l.String(), l.Gained)
			}
			if l.Kind == LostPorts && target != EgressFirewall {
				t.Fatalf("seed %d: %s loses ports: %s", seed, target, l.String())
			}
			exact = exact && (l.Lost.IsEmpty() || l.Kind == LostPortZero || l.Kind == LostTunnel)
		}
		if exact {
			lossless++
		}
	}
	t.Logf("%s: %d of 200 came through without loss", target, lossless)
	if lossless < 40 {
		t.Errorf("%d of 200 came through without loss: the test says little", lossless)
	}
}

func testSamples(t *testing.T, target Target) {
	t.Helper()
	for _, name := range profile.Builtins() {
		p, _ := profile.Builtin(name)
		roundTrip(t, target, p)
	}
	doc, err := os.ReadFile("../../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, part := range strings.Split(string(doc), "```") {
		if body, ok := strings.CutPrefix(part, "yaml\n"); ok && i%2 == 1 && strings.Contains(body, "kind: EgressProfile") {
			p, err := profile.Parse("docs/profile.md", []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, target, p)
			n++
		}
	}
	if n < 2 {
		t.Errorf("%d samples in docs/profile.md", n)
	}
	for _, p := range []*profile.Profile{
		{Name: "all"},
		{Name: "nothing", Egress: profile.Egress{Default: profile.Verdict{Kind: profile.Drop}}},
	} {
		r := roundTrip(t, target, p)
		want := flowset.Set{}
		if p.Name == "all" {
			want = expected(r)
			if n := len(r.Lost); n > 1 || n == 1 && r.Lost[0].Kind != LostTunnel {
				t.Errorf("of everything is lost: %v", r.Lost)
			}
		}
		if got := readBack(t, r); !got.Equal(want) {
			t.Errorf("%s: %v is allowed", p.Name, got)
		}
	}
}

// testCluster asks about a pod of the cluster, whose prefixes are told, so that what is lost there is exact.
func testCluster(t *testing.T, target Target) {
	t.Helper()
	told, differ := []netip.Prefix{netip.MustParsePrefix("10.1.2.0/24")}, 0
	address := netip.MustParseAddr("10.1.2.3")
	for seed := range uint64(200) {
		p := newWorld(seed + 500).profile()
		r, err := To(target, p, Options{Namespace: "shop", Cluster: told})
		if err != nil {
			t.Fatal(err)
		}
		text, err := r.YAML()
		if err != nil {
			t.Fatal(err)
		}
		cluster, problems := kube.Read(kube.Stream("pods.yaml", strings.NewReader(pod+db)), kube.Stream("written.yaml", bytes.NewReader(text)))
		if len(problems) > 0 {
			t.Fatal(problems[0].Error())
		}
		e := kube.Compile(cluster, kube.Assumptions{})
		web, _ := cluster.Workload("Pod", "shop", "web")
		to, _ := cluster.Workload("Pod", "shop", "db")
		got := e.Egress(web).Certain.ToPeer(flowset.Peer(slices.Index(e.Workloads(), to)))
		set := p.Flows(unbound)
		for _, l := range r.Lost {
			if l.Maybe {
				t.Fatalf("seed %d: the cluster was told, but not certain is: %s", seed, l.String())
			}
			if l.Sources == "" {
				set = set.Subtract(l.Lost).Union(l.Gained)
			}
			if l.Kind == LostCluster {
				differ++
			}
		}
		if want := set.To(address).Intersect(ported); got != want {
			source, _ := p.Encode()
			t.Fatalf("seed %d: to a pod %s allows %v, want %v\nprofile:\n%s\nwritten:\n%s", seed, target, got, want, source, text)
		}
	}
	if different := target == EgressFirewall || target == CiliumNetworkPolicy; different != (differ > 20) {
		t.Errorf("%s: %d profiles lose something about the cluster", target, differ)
	}
}

func testLarge(t *testing.T, target Target) {
	t.Helper()
	t.Parallel()
	n := 10_000
	if target == EgressFirewall {
		n = 6_000 // it takes 8,000 at most
	}
	p := newWorld(3).large(n, true)
	start := time.Now()
	r := roundTrip(t, target, p)
	text, err := r.YAML()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, %d rules: there and back in %v, %d objects, %d KB", target, n, time.Since(start), len(r.Objects), len(text)>>10)
	if n := strings.Count(string(text), "# service "); n < 1000 {
		t.Errorf("%d reasons came through", n)
	}
}

func TestNetworkPolicy(t *testing.T) {
	testSamples(t, NetworkPolicy)
	testRandom(t, NetworkPolicy)
	testCluster(t, NetworkPolicy)
}

func TestNetworkPolicyLarge(t *testing.T) { testLarge(t, NetworkPolicy) }
