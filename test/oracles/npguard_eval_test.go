package oracles

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// TestNPGuardMaps compares the lists of pods, two and two, that stand beside some of netpol-analyzer's manifests: what may go, or only
// whether something may.
func TestNPGuardMaps(t *testing.T) {
	root := moduleDir(t, npguard)
	files, err := filepath.Glob(filepath.Join(root, "tests", "*", "connections_map*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	var y tally
	line := regexp.MustCompile(`(?m)^src: (\S+), dest: (\S+), allowed conns: (.*?)\r?$`)
	for _, file := range files {
		y.files++
		w := newWorld(t, kube.Path(filepath.Dir(file)))
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// Without a port it is asked whether all may go, with one (TestConnectionsMapExamples) it is this.
		port := ported
		if filepath.Base(filepath.Dir(file)) != "onlineboutique" {
			port = flowset.Transport(flowset.TCP, flowset.Port(80))
		}
		for _, m := range line.FindAllStringSubmatch(string(data), -1) {
			got, err := w.between(m[1], m[2])
			good := got.Covers(port) == (m[3] == "true")
			if m[3] != "true" && m[3] != "false" {
				want, err := connections(m[3])
				if err != nil {
					t.Fatal(err)
				}
				good = got == want
			}
			y.count(t, file, m[1], m[2], "", err == nil && good, []any{got, err}, m[3])
		}
	}
	y.report(t, "netpol-analyzer: maps")
}

// TestNPGuardEvals compares the single questions that netpol-analyzer's tests ask about directories. They are tables in its source.
func TestNPGuardEvals(t *testing.T) {
	root := moduleDir(t, npguard)
	var y tally
	for file, function := range map[string]string{
		"pkg/netpol/eval/eval_test.go": "TestDirPathEvalResults",
		"pkg/cli/command_test.go":      "TestEvalCommandOutput",
	} {
		y.files++
		for _, c := range tableOf(t, filepath.Join(root, file), function) {
			dir := c["dir"]
			w := newWorld(t, kube.Path(filepath.Join(root, "tests", dir)))
			from := w.workload(c["sourceNs"], c["sourceWorkload"]+c["sourcePod"])
			to := w.workload(c["destNs"], c["destWorkload"]+c["destPod"])
			if len(from) == 0 || len(to) == 0 {
				y.count(t, dir, c["sourcePod"], c["destPod"], wrongThere[dir], false, nil, "workloads of these names")
				continue
			}
			protocol := flowset.TCP
			if c["protocol"] != "" {
				var err error
				if protocol, err = protocolNamed(c["protocol"]); err != nil {
					t.Fatal(err)
				}
			}
			port, err := strconv.ParseUint(c["port"], 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			got, err := w.same(from, to)
			good := got.Contains(protocol, uint16(port)) == (c["evalResult"] == "true")
			y.count(t, dir, from[0].String(), to[0].String(), wrongThere[dir], err == nil && good, []any{got, err}, c)
		}
	}
	y.report(t, "netpol-analyzer: single questions")
	if y.agreed+y.left[wrongThere["onlineboutique_with_pods_severe_error"]] < 14 {
		t.Errorf("%d questions were found, want 14", y.agreed)
	}
}

// workload is the workloads with a name of their own or their owner's.
func (w *world) workload(namespace, name string) (list []*kube.Workload) {
	if namespace == "" {
		namespace = "default"
	}
	for _, x := range w.eval.Workloads() {
		if x.Namespace == namespace && (x.Name == name || x.Owner.Name == name) {
			list = append(list, x)
		}
	}
	return list
}

// tableOf is the cases of a table test in a Go file: their fields of literals, as text.
func tableOf(t *testing.T, file, function string) (cases []map[string]string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range parsed.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			continue
		}
		table := f.Body.List[0].(*ast.AssignStmt).Rhs[0].(*ast.CompositeLit)
		for _, e := range table.Elts {
			c := map[string]string{}
			for _, field := range e.(*ast.CompositeLit).Elts {
				kv := field.(*ast.KeyValueExpr)
				switch v := kv.Value.(type) {
				case *ast.BasicLit:
					if c[kv.Key.(*ast.Ident).Name], err = strconv.Unquote(v.Value); err != nil {
						t.Fatal(err)
					}
				case *ast.Ident:
					c[kv.Key.(*ast.Ident).Name] = v.Name
				}
			}
			cases = append(cases, c)
		}
	}
	return cases
}
