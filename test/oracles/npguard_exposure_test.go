package oracles

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// TestNPGuardExposure compares by what netpol-analyzer finds workloads exposed to pods that could be there: to all ("entire-cluster"), and
// to those that a rule's selectors select. Such pods are put into the cluster, and asked about.
func TestNPGuardExposure(t *testing.T) {
	root := moduleDir(t, npguard)
	dirs := subdirectories(t, filepath.Join(root, "tests"))
	var y tally
	for _, sub := range []string{"connlist", "cli"} {
		for _, file := range texts(t, filepath.Join(root, "test_outputs", sub)) {
			name := strings.TrimSuffix(filepath.Base(file), ".txt")
			q, ok := questionOf(name, dirs)
			if !ok || !strings.HasSuffix(q.kind, "exposure") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, text, _ := strings.Cut(string(data), "Exposure Analysis Result")
			lines, err := parseExposure(text, q.port)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			y.files++
			compareExposure(t, &y, name, filepath.Join(root, "tests", q.dir), &q, lines)
		}
	}
	y.report(t, "netpol-analyzer: exposure")
}

// exposed is a line of an exposure analysis.
type exposed struct {
	side
	to   string
	open flowset.Transports
	port string // a port by name, which pods that are not there have not
}

// parseExposure reads lines such as "ns/web[Deployment] \t<= \tentire-cluster : TCP 80". Those with addresses repeat the list.
func parseExposure(text string, focus flowset.Transports) (lines []exposed, err error) {
	for line := range strings.Lines(text) {
		m := regexp.MustCompile(`^(\S+\])\s+(=>|<=)\s+(.+?)(?: : (.*?))?\s*$`).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if _, is := addresses(m[3]); is {
			continue
		}
		x := exposed{side: side{m[1], kube.Egress}, to: m[3], open: focus}
		if m[2] == "<=" {
			x.d = kube.Ingress
		}
		if m[4] != "" {
			if x.open, err = connections(m[4]); err != nil {
				x.port = m[4]
			}
		}
		lines = append(lines, x)
	}
	return lines, nil
}

const entireCluster = "entire-cluster"

// compareExposure compares the lines.
func compareExposure(t *testing.T, y *tally, name, dir string, q *question, lines []exposed) {
	t.Helper()
	c, _ := kube.Read(kube.Path(dir))
	for _, n := range c.Namespaces {
		n.Declared = true
	}
	c.Nodes = []*kube.Node{{Meta: kube.Meta{Kind: "Node", Name: "none"}}}
	m := newMaybes(c)
	for i := range lines {
		if lines[i].to != entireCluster {
			if err := m.addLike(lines[i].to); err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
		}
	}
	w := &world{eval: kube.Compile(c, assumptions), pods: map[string][]*kube.Workload{}}
	number := map[*kube.Workload]flowset.Peer{}
	for i, x := range w.eval.Workloads() {
		number[x] = flowset.Peer(i)
		if !m.is[x] {
			w.pods[nameOf(x)] = append(w.pods[nameOf(x)], x)
		}
	}
	// What a workload may exchange with each of some pods.
	common := func(x *kube.Workload, d kube.Direction, with []*kube.Workload) (t flowset.Transports, err error) {
		s := w.eval.Egress(x)
		if d == kube.Ingress {
			s = kube.EgressSet(w.eval.Ingress(x))
		}
		t = ported
		for _, y := range with {
			certain, possible := s.Certain.ToPeer(number[y]), s.Possible.ToPeer(number[y])
			if certain != possible {
				return t, fmt.Errorf("not certain: %v, or %v", certain, possible)
			}
			t = t.Intersect(certain)
		}
		return t, nil
	}
	w.names = slices.Sorted(maps.Keys(w.pods))
	if !q.resolve(w) {
		t.Errorf("%s: it is not known which workloads are meant", name)
		return
	}
	// What is open to all pods is not listed where there is nothing.
	for n := range w.pods {
		for _, d := range []kube.Direction{kube.Ingress, kube.Egress} {
			s := side{n, d}
			none := !slices.ContainsFunc(lines, func(l exposed) bool { return l.side == s && l.to == entireCluster })
			if focus := (&question{focus: q.focus}); none && focus.includes(n, n) && (q.direction == "" || q.direction == d.String()) {
				lines = append(lines, exposed{side: s, to: entireCluster})
			}
		}
	}
	for _, l := range lines {
		why := ""
		switch {
		case q.dir == "exposure_test_with_anp_10_with_real_pod" && l.to == entireCluster:
			why = "all pods but those that a rule selects, of which one is there: then they are not listed apart"
		case w.onHost(l.name):
			why = onHostNetwork
		case l.port != "":
			why = "a port by name, of pods that are not there"
		}
		if len(w.pods[l.name]) == 0 {
			t.Errorf("%s: %s is no workload that we know", name, l.name)
			continue
		}
		if l.to == entireCluster && q.port != ported {
			why = "all pods but some, in a list for one port: those are not named there"
		}
		x := w.pods[l.name][0]
		if l.to == entireCluster { // but those that are listed apart
			others := slices.DeleteFunc(slices.Clone(m.all), func(p *kube.Workload) bool { return m.listed(p, l.side, lines) })
			got, err := common(x, l.d, others)
			y.count(t, name, l.name, fmt.Sprint(l.d, " ", l.to), why, err == nil && got.Intersect(q.port) == l.open, []any{got, err}, l.open)
			continue
		}
		for _, p := range m.like[l.to] {
			got, err := common(x, l.d, []*kube.Workload{p})
			got = got.Intersect(q.port)
			all := l.open
			for _, o := range lines { // a pod that several rules select is listed for each of them
				if o.side == l.side && m.selects(o.to, p) {
					all = all.Union(o.open)
				}
			}
			y.count(t, name, l.name, fmt.Sprint(l.d, " ", l.to), why, err == nil && (got == l.open || got == all), []any{got, err}, []any{l.open, all})
		}
	}
}
