package cilium

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/labelsfilter"
	"github.com/cilium/cilium/pkg/policy/api"

	"github.com/sallyport/sallyport/kube"
)

// TestNames compares what patterns of names match.
func TestNames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(alphabet string, n int) string {
		var b strings.Builder
		for range 1 + r.IntN(n) {
			b.WriteByte(alphabet[r.IntN(len(alphabet))])
		}
		return b.String()
	}
	count := map[bool]int{}
	for range 300_000 {
		pattern, name := text("ab***..-", 7), text("aaabb...-", 9)
		if strings.HasPrefix(pattern, ".") || strings.Contains(pattern, "..") || strings.HasPrefix(name, ".") || strings.Contains(name, "..") {
			continue // the CRD takes no such pattern, and DNS has no such name
		}
		s := api.FQDNSelector{MatchPattern: pattern}
		regex, err := s.ToRegex()
		if err != nil {
			t.Fatal(err)
		}
		want := regex.MatchString(strings.TrimSuffix(name, ".") + ".")
		ours := kube.CiliumName{Pattern: strings.TrimSuffix(pattern, ".")}
		if got := ours.Matches(name); got != want {
			t.Fatalf("%s and %s: got %v, Cilium says %v", pattern, name, got, want)
		}
		count[want]++
	}
	t.Logf("Cilium v1.20.2: %d patterns and names agreed, of which %d match", count[true]+count[false], count[true])
	if count[true] < 10_000 {
		t.Errorf("only %d match", count[true])
	}
}

// TestLabels compares by which labels Cilium knows pods.
func TestLabels(t *testing.T) {
	configure(t)
	for _, key := range []string{
		"app", "app.kubernetes.io/name", "kubernetes.io/name", "x.kubernetes.io/name", "beta.kubernetes.io/os", "x.beta.kubernetes.io/os", "k8s.io/a", "x-k8s.io/a",
		"k8s-app", "topology.kubernetes.io/zone", "node.kubernetes.io/x", "pod-template-hash", "pod-template-hash-2", "pod-template-generation",
		"controller-revision-hash", "controller-uid", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "annotation", "annotations.x",
		"etcd_node", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "io.kubernetes.x", "io.cilium.k8s.policy.name", "tier",
	} {
		l := labels.Map2Labels(map[string]string{key: "v"}, labels.LabelSourceK8s)
		known, _ := labelsfilter.Filter(l)
		want := len(known) > 0 && !strings.HasPrefix(key, "io.cilium.k8s") // of these agents strip what pods bring along
		c, problems := kube.Read(kube.Stream("l.yaml", strings.NewReader(fmt.Sprintf(`
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns, labels: {%q: v}}, spec: {containers: [{name: c}]}, status: {podIPs: [{ip: 10.0.0.1}]}}
---
{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: a, namespace: ns}, spec: {endpointSelector: {matchLabels: {%q: v}}, egress: [{}]}}
`, key, key))))
		for _, p := range problems {
			if p.Severity == kube.Error {
				t.Fatal(p)
			}
		}
		d := kube.Compile(c, kube.Assumptions{}).Decide(kube.Origin{Workload: c.Workloads[0]}, kube.Destination{Name: "example.org"}, kube.TCP, 80)
		if got := d.Verdict == kube.Denied; got != want {
			t.Errorf("label %s: selects the pod %v, by Cilium's filter %v", key, got, want)
		}
	}
}
