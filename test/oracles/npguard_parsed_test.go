package oracles

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/kube"
)

// madeUp is a case whose objects netpol-analyzer's tests make in Go.
type madeUp struct {
	Name, ExpectedOutputFileName string
	EvalTests                    []struct{ Src, Dst, ExpResult string }
	Objects                      []json.RawMessage
}

// printer prints these cases. Their package is internal to the module, so it is compiled in a copy of it.
const printer = `package main

import (
	"encoding/json"
	"os"

	"github.com/np-guard/netpol-analyzer/pkg/netpol/internal/examples"
)

func main() {
	for _, list := range [][]examples.ParsedResourcesTest{
		examples.ANPConnectivityFromParsedResourcesTest, examples.BANPConnectivityFromParsedResourcesTest,
		examples.ANPWithNetPolV1FromParsedResourcesTest, examples.BANPWithNetPolV1FromParsedResourcesTest,
		examples.ANPWithBANPFromParsedResourcesTest,
	} {
		for i := range list {
			test := &list[i]
			var objects []any
			for _, o := range test.GetK8sObjects() {
				switch {
				case o.Namespace != nil:
					o.Namespace.APIVersion, o.Namespace.Kind = "v1", "Namespace"
					objects = append(objects, o.Namespace)
				case o.Pod != nil:
					objects = append(objects, o.Pod)
				case o.NetworkPolicy != nil:
					o.NetworkPolicy.APIVersion, o.NetworkPolicy.Kind = "networking.k8s.io/v1", "NetworkPolicy"
					objects = append(objects, o.NetworkPolicy)
				case o.AdminNetworkPolicy != nil:
					o.AdminNetworkPolicy.APIVersion, o.AdminNetworkPolicy.Kind = "policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"
					objects = append(objects, o.AdminNetworkPolicy)
				case o.BaselineAdminNetworkPolicy != nil:
					o.BaselineAdminNetworkPolicy.APIVersion, o.BaselineAdminNetworkPolicy.Kind = "policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy"
					objects = append(objects, o.BaselineAdminNetworkPolicy)
				}
			}
			err := json.NewEncoder(os.Stdout).Encode(map[string]any{
				"Name": test.Name, "ExpectedOutputFileName": test.ExpectedOutputFileName, "EvalTests": test.EvalTests, "Objects": objects,
			})
			if err != nil {
				panic(err)
			}
		}
	}
}
`

// noter notes each case of the tests of netpol-analyzer's engine, which make their objects in their own bodies.
const noter = `package eval

import (
	"encoding/json"
	"os"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
)

var (
	noted []any
	entry = json.NewEncoder(os.Stderr)
)

func note(policies []*netv1.NetworkPolicy, pods []*corev1.Pod, namespaces []*corev1.Namespace) {
	noted = nil
	for _, n := range namespaces {
		n.APIVersion, n.Kind = "v1", "Namespace"
		noted = append(noted, n)
	}
	for _, p := range pods {
		p.APIVersion, p.Kind = "v1", "Pod"
		noted = append(noted, p)
	}
	for i, p := range policies {
		p := p.DeepCopy()
		p.APIVersion, p.Kind = "networking.k8s.io/v1", "NetworkPolicy"
		if p.Name == "" {
			p.Name = "policy-" + string(rune('a'+i))
		}
		noted = append(noted, p)
	}
}

func noteCase(name, src, dst, open string) {
	err := entry.Encode(map[string]any{
		"Name": name, "Objects": noted, "EvalTests": []map[string]string{{"Src": src, "Dst": dst, "ExpResult": open}},
	})
	if err != nil {
		panic(err)
	}
}
`

// madeUpCases compiles and runs the printer, and the engine's tests with the noter.
func madeUpCases(t *testing.T, root string) (cases []madeUp) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "pkg"} {
		if err := copyTree(filepath.Join(dir, name), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "pkg/netpol/printer/main.go"), printer)
	write(t, filepath.Join(dir, "pkg/netpol/eval/note.go"), noter)
	insert(t, filepath.Join(dir, "pkg/netpol/eval/resources.go"), "func (pe *PolicyEngine) SetResources(", "\nnote(policies, pods, namespaces)")
	insert(t, filepath.Join(dir, "pkg/netpol/eval/eval_test.go"), "func checkTestAllConnectionsEntry(", "\nnoteCase(test.name, test.src, test.dst, test.allConnsRes)")
	out := goTool(t, dir, "run", "./pkg/netpol/printer")
	out = append(out, goTool(t, dir, "test", "-count=1", "-v", "-run", "^(TestBasic|TestNew)$", "./pkg/netpol/eval")...)
	for line := range bytes.Lines(out) {
		var m madeUp
		if json.Unmarshal(line, &m) == nil {
			cases = append(cases, m)
		}
	}
	return cases
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// insert puts a line at the begin of a function.
func insert(t *testing.T, name, function, line string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(data), function)
	head, body, brace := strings.Cut(after, "{\n")
	if !ok || !brace {
		t.Fatalf("%s has no %s", name, function)
	}
	write(t, name, before+function+head+"{"+line+"\n"+body)
}

func goTool(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("go %v: %v\n%.2000s", args, err, out)
	}
	return out
}

func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := to + strings.TrimPrefix(path, from)
		if d.IsDir() {
			return os.MkdirAll(name, 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(name, data, 0o644)
	})
}

// TestNPGuardMadeUp compares the cases that netpol-analyzer makes in Go, and feeds to its engine without files. Here they are written as
// JSON and read.
func TestNPGuardMadeUp(t *testing.T) {
	root := moduleDir(t, npguard)
	cases := madeUpCases(t, root)
	var y tally
	for _, c := range cases {
		var text bytes.Buffer
		for _, o := range c.Objects {
			text.WriteString("---\n")
			// In Go a protocol that is not given is empty; in a manifest it is not there.
			text.WriteString(strings.ReplaceAll(string(o), `"protocol":"",`, ""))
			text.WriteString("\n")
		}
		w := newWorld(t, kube.Stream(c.Name, &text))
		if c.ExpectedOutputFileName != "" {
			data, err := os.ReadFile(filepath.Join(root, "test_outputs", "connlist", c.ExpectedOutputFileName))
			if err != nil {
				t.Fatal(err)
			}
			rows, err := parseList(string(data), ported)
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			compareList(t, &y, c.Name, "", w, &question{port: ported}, rows)
		}
		y.files++
		for _, v := range c.EvalTests {
			want, err := connections(v.ExpResult)
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
				continue
			}
			got, err := w.between(v.Src, v.Dst)
			y.count(t, c.Name, v.Src, v.Dst, "", err == nil && got == want, []any{got, err}, want)
		}
	}
	y.report(t, "netpol-analyzer: made in Go")
}
