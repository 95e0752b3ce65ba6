package kube

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ciliumAsk is "# shop/web > shop/db TCP/5432: allowed"; lines that follow say what has to be found in the decision.
var ciliumAsk = regexp.MustCompile(`^# (\S+) > (svc )?(\S+) (TCP|UDP|SCTP)/(\d+): (\w[\w ]*)$`)

// TestCilium asks about testdata/cilium what its comments answer. Both ways of deciding have to say it.
func TestCilium(t *testing.T) {
	files, err := filepath.Glob("testdata/cilium/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		if filepath.Base(file) == "cluster.yaml" {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, problems := Read(Path("testdata/cilium/cluster.yaml"), Stream(filepath.Base(file), strings.NewReader(string(data))))
			for _, p := range problems {
				if p.Severity == Error && filepath.Base(file) != "broken.yaml" {
					t.Errorf("%s", p.Error())
				}
			}
			e := Compile(c, Assumptions{})
			if e.cilium == nil {
				t.Fatal("the plugin is not Cilium")
			}
			asked := 0
			var d Decision
			for i, line := range strings.Split(string(data), "\n") {
				if kind, want, found := strings.Cut(strings.TrimPrefix(line, "#   "), ": "); found && strings.HasPrefix(line, "#   ") {
					if !isIn(d, kind, want) {
						t.Errorf("line %d: %s %q is not in\n%v\n%v\n%v", i+1, kind, want, d.Chain, d.Reasons, d.Notes)
					}
					continue
				}
				m := ciliumAsk.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				asked++
				d = askCilium(t, e, c, m)
				if d.Verdict.String() != m[6] {
					t.Errorf("line %d: %s: got %v\n%v\n%v", i+1, line, d.Verdict, d.Chain, d.Reasons)
				}
			}
			if asked == 0 {
				t.Error("nothing is asked")
			}
		})
	}
}

// isIn reports whether a part of a decision has a text in it.
func isIn(d Decision, kind, want string) bool {
	var list []string
	switch kind {
	case "chain":
		for _, c := range d.Chain {
			list = append(list, c.String())
		}
		for _, p := range d.Parts {
			for _, c := range p.Chain {
				list = append(list, c.String())
			}
		}
	case "reason":
		for _, r := range d.Reasons {
			list = append(list, r.String())
		}
	case "note":
		list = d.Notes
	case "remedy":
		for _, r := range d.Remedies {
			list = append(list, fmt.Sprintf("%v %s in %s: %s", r.Direction, r.Object, r.Namespace, r.Words))
		}
	}
	for _, s := range list {
		if strings.Contains(s, want) {
			return true
		}
	}
	return false
}

func askCilium(t *testing.T, e *Evaluator, c *Cluster, m []string) Decision {
	t.Helper()
	workload := func(s string) *Workload {
		namespace, name, _ := strings.Cut(s, "/")
		w, _ := c.Workload("Pod", namespace, name)
		if w == nil {
			t.Fatalf("no pod %s", s)
		}
		return w
	}
	var from Origin
	if a, err := netip.ParseAddr(m[1]); err == nil {
		from.Addr = a
	} else {
		from.Workload = workload(m[1])
	}
	var to Destination
	a, err := netip.ParseAddr(m[3])
	if p, err := netip.ParsePrefix(m[3]); err == nil {
		to.Prefix = p
	}
	switch {
	case to.Prefix.IsValid():
	case m[2] != "":
		for _, s := range c.Services {
			if s.Namespace+"/"+s.Name == m[3] {
				to.Service = s
			}
		}
	case err == nil:
		to.Addr = a
	case strings.Contains(m[3], "/"):
		to.Workload = workload(m[3])
	default:
		to.Name = m[3]
	}
	protocol := map[string]Protocol{"TCP": TCP, "UDP": UDP, "SCTP": SCTP}[m[4]]
	port, err := strconv.ParseUint(m[5], 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	d := e.Decide(from, to, protocol, uint16(port))
	if from.Workload != nil && to.Workload != nil {
		if v := verdictOf(e.Allowed(from.Workload, to.Workload), protocol, uint16(port)); v != d.Verdict {
			t.Errorf("%s: Allowed says %v, Decide %v", m[0], v, d.Verdict)
		}
	}
	return d
}

func TestCiliumNames(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no string
	}{
		{"*", "a a.b a.b.c", ""},
		{"**", "a a.b", ""},
		{"*.cilium.io", "www.cilium.io", "cilium.io a.b.cilium.io google.com"},
		{"*cilium.io", "cilium.io subcilium.io sub-cilium.io", "www.cilium.io"},
		{"sub*.cilium.io", "sub.cilium.io subdomain.cilium.io", "www.cilium.io cilium.io sub.x.cilium.io"},
		{"**.cilium.io", "app.cilium.io test.app.cilium.io", "cilium.io appcilium.io"},
		{"***.cilium.io", "app.cilium.io a.b.cilium.io", "cilium.io"},
		{"**cilium.io", "cilium.io xcilium.io", "a.cilium.io"},
		{"a.**.b", "a.x.b", "a.x.y.b a..c"},
		{"**.a*.b", "x.a.b x.y.ab.b", "a.b x.a.c.b"},
	} {
		n := CiliumName{Pattern: tt.pattern}
		for _, name := range strings.Fields(tt.yes) {
			if !n.Matches(name) || !n.Matches(strings.ToUpper(name)+".") {
				t.Errorf("%s does not match %s", tt.pattern, name)
			}
		}
		for _, name := range strings.Fields(tt.no) {
			if n.Matches(name) {
				t.Errorf("%s matches %s", tt.pattern, name)
			}
		}
	}
}
