package kube

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzDecide holds that whatever is read decides without a panic, that both ways of deciding agree on it, and that nothing is certain
// where something could not be read.
func FuzzDecide(f *testing.F) {
	for _, pattern := range []string{"testdata/*/*.yaml", "testdata/*/*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for doc := range strings.SplitSeq(string(data), "\n---\n") {
				f.Add(doc)
			}
		}
	}
	f.Add(egressOf("{to: [{ipBlock: {cidr: 10.96.0.0/16, except: [10.96.0.1/32]}}], ports: [{port: 80, endPort: 90}, {port: http}]}"))
	f.Add(policyOf("bank/in", "app: web", "ingress: [{from: [{namespaceSelector: {}, podSelector: {}}], ports: [{protocol: SCTP}]}]"))
	f.Fuzz(func(t *testing.T, text string) {
		c, _ := Read(Stream("town.yaml", strings.NewReader(town+"---\n"+text)))
		e := Compile(c, Assumptions{})
		work := e.Workloads()
		if len(work) > 40 {
			return
		}
		for row := range e.Matrix() {
			set, in := e.Egress(row.From), e.Ingress(row.From)
			if len(c.Unread) > 0 && (!set.Certain.IsEmpty() || !in.Certain.IsEmpty()) {
				t.Errorf("%v: something is certain, though %v", row.From, c.Unread[0])
			}
			for i, to := range work {
				if got := e.Allowed(row.From, to); got != *row.Reach[i] {
					t.Errorf("%v to %v: Allowed says %v, the matrix %v", row.From, to, got, *row.Reach[i])
				}
				for _, protocol := range []Protocol{TCP, SCTP} {
					d := e.Decide(Origin{Workload: row.From}, Destination{Workload: to}, protocol, 80)
					want := verdictOf(*row.Reach[i], protocol, 80)
					differ := want == Undecidable && e.byObject[row.From].family|e.byObject[to].family == ipv4|ipv6 // by their addresses' families
					if d.Verdict != want && d.Verdict != Partly && row.From != to && !differ {
						t.Errorf("%v to %v %v: decision %v, the matrix says %v", row.From, to, protocol, d.Verdict, want)
					}
					if d.Verdict == Undecidable && len(d.Reasons) == 0 {
						t.Errorf("%v to %v: undecidable, and for no reason", row.From, to)
					}
				}
			}
		}
		client := workload(c, "shop", "client")
		for _, s := range c.Services {
			e.Decide(Origin{Workload: client}, Destination{Service: s}, TCP, 80)
			for _, a := range append(s.ClusterIPs, s.ExternalIPs...) {
				e.Decide(Origin{Addr: netip.MustParseAddr("198.51.100.1")}, Destination{Addr: a}, TCP, 80)
			}
		}
		for _, p := range []string{"0.0.0.0/0", "10.0.0.0/8", "::/0"} {
			e.Decide(Origin{Workload: client}, Destination{Prefix: netip.MustParsePrefix(p)}, UDP, 53)
		}
	})
}
