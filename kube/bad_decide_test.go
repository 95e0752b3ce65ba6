package kube

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// TestBadInputDecides asks about clusters with something wrong in them. Where that may matter to the answer, there is none, and
// the reason has the place; where it cannot, the answer stands.
func TestBadInputDecides(t *testing.T) {
	policy := func(spec string) string {
		return "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: bad, namespace: shop}\nspec: " + spec + "\n"
	}
	egress := func(rule string) string {
		return policy("{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [" + rule + "]}")
	}
	fine := egress("{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}")
	line := strings.Count(town, "\n") + 2 // the first of what is added, behind its separator
	for _, tt := range []struct {
		name, added string
		want        Verdict
		at          int    // the line that the reason has, after line; where the answer stands the problem's
		says        string // in the reason, or the problem
	}{
		{"nothing wrong", fine, Allowed, -1, ""},
		{"broken YAML", "---\na: b\n c: d\n", Undecidable, 1, "is not YAML"},
		{"a template", "---\nmetadata: {name: {{ .Name }}}\n", Undecidable, 0, "render it first"},
		{"an object without a kind", "---\napiVersion: v1\nmetadata: {name: a}\n", Undecidable, 0, "has no kind"},
		{"an alias that stands for itself", "---\napiVersion: v1\nkind: Pod\nmetadata: &m\n  name: a\n  labels: *m\n", Undecidable, 4, "alias *m stands for something that holds the alias itself"},
		{"a kind that may decide, and is not read", "---\napiVersion: crd.antrea.io/v1beta1\nkind: ClusterGroup\nmetadata: {name: a}\n", Undecidable, 0, "may be a policy"},
		{"a policy twice, and the same", fine + fine, Allowed, 5, "is given twice"},
		{"a policy twice, and different", fine + egress("{to: [{ipBlock: {cidr: 10.0.0.0/9}}]}"), Undecidable, 0, "is given twice, and differs"},
		{"a namespace twice, and different", "---\n{apiVersion: v1, kind: Namespace, metadata: {name: bank, labels: {team: c}}}\n" + egress("{to: [{namespaceSelector: {matchLabels: {team: c}}}]}"), Undecidable, -2, "labels of Namespace bank"},
		{"a namespace twice, and not asked for", "---\n{apiVersion: v1, kind: Namespace, metadata: {name: bank, labels: {team: c}}}\n" + fine, Allowed, 0, "is given twice, and differs"},
		{"the destination twice, and different", "---\n{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: bank, labels: {app: other}}, spec: {containers: []}}\n", Undecidable, -2, ""},
		{"a selector that cannot be read", policy("{podSelector: {matchExpressions: [{key: app, operator: Is, values: [x]}]}}"), Undecidable, 3, `operator "Is"`},
		{"a label that is no text", policy("{podSelector: {matchLabels: {app: yes}}, policyTypes: [Egress]}"), Undecidable, 3, "the truth value"},
		{"a port out of range", egress("{ports: [{port: 65536}]}"), Undecidable, 3, "port 65536 is out of range"},
		{"a range that is reversed", egress("{ports: [{port: 90, endPort: 80}]}"), Undecidable, 3, "port range 90-80 is reversed"},
		{"a CIDR with host bits", egress("{to: [{ipBlock: {cidr: 10.2.0.7/16}}]}"), Allowed, 3, "is read as 10.2.0.0/16"},
		{"exceptions that overlap", egress("{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.3.0.0/16, 10.3.1.0/24]}}]}"), Allowed, 3, "overlaps"},
		{"an exception that is no part", egress("{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}"), Undecidable, 3, "is no part of 10.0.0.0/8"},
		{"a CIDR with a zone", egress("{to: [{ipBlock: {cidr: 'fe80::%eth0/64'}}]}"), Undecidable, 3, "has a zone"},
		{"a field that is not known", egress("{too: []}"), Undecidable, 3, "too"},
		{"a bad policy of another namespace", strings.ReplaceAll(egress("{ports: [{port: 65536}]}"), "namespace: shop", "namespace: far"), Allowed, 3, "port 65536 is out of range"},
		{"a bad policy about the other direction is one that may decide", policy("{podSelector: {matchLabels: {app: client}}, policyTypes: [Ingress], ingress: [{ports: [{port: 0}]}]}"), Undecidable, 3, "port 0 is out of range"},
		{"a priority out of range", "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: a}\nspec: {priority: 1001, subject: {namespaces: {}}}\n", Undecidable, 3, "priority 1001"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := Read(Stream("bad.yaml", strings.NewReader(town+tt.added)))
			e := Compile(c, Assumptions{})
			from, _ := c.Workload("Pod", "shop", "client")
			to := workload(c, "bank", "web-1")
			d := e.Decide(Origin{Workload: from}, Destination{Workload: to}, TCP, 8080)
			text := decisionText(&d)
			for _, p := range problems {
				if p.File != "bad.yaml" || p.Line == 0 {
					t.Errorf("%v: has no place", p)
				}
				text += p.Error() + "\n"
			}
			if d.Verdict != tt.want || !strings.Contains(text, tt.says) {
				t.Errorf("got %v, want %v, saying %q\n%s", d.Verdict, tt.want, tt.says, text)
			}
			if tt.at >= 0 && !strings.Contains(text, fmt.Sprintf("bad.yaml:%d: ", line+tt.at)) {
				t.Errorf("nothing is said of line %d:\n%s", line+tt.at, text)
			}
			if d.Verdict == Undecidable && (len(d.Reasons) == 0 || tt.at >= 0 && d.Reasons[0].File != "bad.yaml") {
				t.Errorf("undecidable for %v: want a place", d.Reasons)
			}
			// All at once has to say the same.
			r := e.Allowed(from, to)
			if got := verdictOf(r, TCP, 8080); got != d.Verdict {
				t.Errorf("the matrix says %v, the decision %v", got, d.Verdict)
			}
			outside := netip.MustParseAddr("203.0.113.77")
			set := e.Egress(from)
			d = e.Decide(Origin{Workload: from}, Destination{Addr: outside}, TCP, 443)
			if got := verdictOf(Reach{set.Certain.To(outside), set.Possible.To(outside)}, TCP, 443); got != d.Verdict {
				t.Errorf("outside: the set says %v, the decision %v", got, d.Verdict)
			}
		})
	}
}

// workload is the first with a name: one may be there twice.
func workload(c *Cluster, namespace, name string) *Workload {
	for _, w := range c.Workloads {
		if w.Namespace == namespace && w.Name == name {
			return w
		}
	}
	return nil
}

// TestMissingInputDecides asks where a source could not be read at all.
func TestMissingInputDecides(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/town/town.yaml", town)
	if err := os.Mkdir(dir+"/empty", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", dir+"/town/link.yaml"); err != nil {
		t.Fatal(err)
	}
	for name, sources := range map[string][]Source{
		"an empty directory":       Paths(dir+"/town/town.yaml", dir+"/empty"),
		"no such file":             Paths(dir+"/town/town.yaml", dir+"/none.yaml"),
		"a file that is not there": Paths(dir + "/town"),
	} {
		c, problems := Read(sources...)
		e := Compile(c, Assumptions{})
		d := e.Decide(Origin{Workload: workload(c, "shop", "client")}, Destination{Workload: workload(c, "bank", "web-1")}, TCP, 80)
		if len(problems) == 0 || d.Verdict != Undecidable || len(d.Reasons) == 0 || !strings.HasPrefix(d.Reasons[0].File, dir) {
			t.Errorf("%s: %v for %v: want it undecidable, with the file (problems: %v)", name, d.Verdict, d.Reasons, problems)
		}
		for row := range e.Matrix() {
			for _, r := range row.Reach {
				if *r != unknownReach {
					t.Errorf("%s: of %v it is certain: %v", name, row.From, *r)
				}
			}
		}
	}
}

// Addresses that two have are nobody's for certain.
func TestSharedAddresses(t *testing.T) {
	twin := "---\n{apiVersion: v1, kind: Pod, metadata: {name: twin, namespace: bank}, spec: {containers: []}, status: {podIPs: [{ip: 10.2.0.1}]}}\n"
	service := func(name, address string, port int) string {
		return fmt.Sprintf("---\n{apiVersion: v1, kind: Service, metadata: {name: %s, namespace: bank}, spec: {selector: {app: web}, externalIPs: [%s], ports: [{port: %d, targetPort: 8080}]}}\n", name, address, port)
	}
	runDecisions(t, []decisionCase{
		{"two pods", twin, "shop/client", "10.2.0.1", TCP, 8080, Undecidable, "is the address of Pod bank/web-1 and of Pod bank/twin"},
		{"two pods, as the source", twin, "10.2.0.1", "shop/client", TCP, 80, Undecidable, "which has it is not known"},
		{"one of them by its name", twin, "shop/client", "bank/web-1", TCP, 8080, Allowed, ""},
		{"two services with different ports", service("a", "198.51.100.7", 8443), "shop/client", "198.51.100.7", TCP, 8443, Allowed, ""},
		{"two services, the other's port", service("a", "198.51.100.7", 8443), "shop/client", "198.51.100.7", TCP, 80, Allowed, ""},
		{"two services, a port of neither", service("a", "198.51.100.7", 8443), "shop/client", "198.51.100.7", TCP, 443, Denied, "has no port 443"},
		{"two services with one port", service("a", "198.51.100.7", 80), "shop/client", "198.51.100.7", TCP, 80, Undecidable, "is an address of Service bank/web and of Service bank/a"},
	})
}

// TestReadingIsLinear compares reading some thousands of lines and ten times as many: time that grows with the square would be a hundred times as
// long. The machine may be busy, so the better of two times counts.
func TestReadingIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out by -short, which CI does not give")
	}
	const policies = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p%d, namespace: shop}\nspec:\n  podSelector: {}\n  ingress:\n  - from:\n    - podSelector: {}\n    ports:\n    - port: 80\n"
	var objects strings.Builder
	for i := range 2_000 {
		fmt.Fprintf(&objects, policies, i)
	}
	for name, part := range map[string]string{
		"one object":       strings.Repeat("    - port: 80\n", 20_000),
		"a scalar":         strings.Repeat("        text\n", 20_000),
		"many errors":      strings.Repeat("    - port: 0\n", 20_000),
		"comments":         strings.Repeat("# nothing\n", 20_000),
		"separators":       strings.Repeat("---\n", 20_000),
		"what is not read": strings.Repeat("\t}\n", 20_000),
	} {
		head := "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: big}\nspec:\n  podSelector: {}\n  ingress:\n  - ports:\n"
		if name == "a scalar" {
			head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n  a: |\n"
		}
		small, large := fastest(head+part), fastest(head+strings.Repeat(part, 10))
		t.Logf("%s: %v, ten times as much: %v", name, small, large)
		if large > 40*small && large > time.Second {
			t.Errorf("%s: ten times as much takes %v, and not %v", name, large, small)
		}
	}
	small, large := fastest(objects.String()), fastest(strings.Repeat(objects.String(), 10))
	t.Logf("many objects: %v, ten times as many: %v", small, large)
	if large > 40*small && large > time.Second {
		t.Errorf("many objects: ten times as many take %v, and not %v", large, small)
	}
}

// fastest is the shorter of two times that a text takes to read.
func fastest(text string) (best time.Duration) {
	for i := range 2 {
		start := time.Now()
		Read(Stream("big", strings.NewReader(text)))
		if took := time.Since(start); i == 0 || took < best {
			best = took
		}
	}
	return best
}
