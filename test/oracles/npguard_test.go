package oracles

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

const npguard = "github.com/np-guard/netpol-analyzer@v1.4.4"

func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Skipf("%s cannot be had: %v", module, err)
	}
	var m struct{ Dir string }
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m.Dir
}

func TestNPGuardLists(t *testing.T) {
	root := moduleDir(t, npguard)
	dirs := subdirectories(t, filepath.Join(root, "tests"))
	var y tally
	worlds := map[string]*world{}
	for _, sub := range []string{"connlist", "cli"} {
		for _, file := range texts(t, filepath.Join(root, "test_outputs", sub)) {
			name := strings.TrimSuffix(filepath.Base(file), ".txt")
			q, ok := questionOf(name, dirs)
			if !ok {
				if name == "test_pod_exposed_only_to_representative_peers_connlist_output" {
					continue // no directory has this name, and no test of netpol-analyzer's reads it
				}
				if !strings.HasSuffix(name, "_from_parsed_res") && !strings.HasPrefix(name, "diff_between_") {
					t.Errorf("%s: not known what is listed", name)
				}
				continue
			}
			y.files++
			if worlds[q.dir] == nil {
				worlds[q.dir] = newWorld(t, kube.Path(filepath.Join(root, "tests", q.dir)))
			}
			w := worlds[q.dir]
			if !q.resolve(w) {
				t.Errorf("%s: it is not known which workloads are meant", name)
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			list, _, _ := strings.Cut(string(data), "Exposure Analysis Result")
			parse := func(s string) ([]row, error) { return parseList(s, q.port) }
			if strings.HasPrefix(q.kind, "explain") {
				parse = parseExplained
			}
			rows, err := parse(list)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			compareList(t, &y, name, wrongThere[q.dir], w, &q, rows)
		}
	}
	y.report(t, "netpol-analyzer: lists")
}

func subdirectories(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func texts(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	return files
}

// compareList compares what a file lists with what we decide: all that it asks about, whether it is listed or not.
func compareList(t *testing.T, y *tally, name, why string, w *world, q *question, rows []row) {
	t.Helper()
	want := map[[2]string]flowset.Transports{}
	listed := map[[2]string]bool{}
	outside := map[side]*flowset.Builder{}
	for _, r := range rows {
		s, addrs, is := r.outside()
		if w.ended[r.from] && w.pods[r.from] == nil || w.ended[r.to] && w.pods[r.to] == nil {
			y.count(t, name, r.from, r.to, hasEnded, false, nil, nil)
			continue
		}
		if !is {
			w.unknown(t, name, r.from, r.to)
			want[[2]string{r.from, r.to}] = r.open.Intersect(q.port)
			listed[[2]string{r.from, r.to}] = true
			continue
		}
		w.unknown(t, name, s.name)
		if outside[s] == nil {
			outside[s] = &flowset.Builder{}
		}
		outside[s].Add(addrs, r.open.Intersect(q.port))
		if q.only == "deny" { // what is listed is what cannot connect
			outside[s].Add(addrs, q.port)
		}
	}
	for _, to := range w.names {
		for _, from := range w.sources() {
			if !q.includes(from, to) || from == router && q.only == "deny" { // that lists none of the router's
				continue
			}
			why := why
			if x := w.why(from, to); x != "" {
				why = x
			}
			pair := [2]string{from, to}
			got, err := w.reach(from, to)
			got = got.Intersect(q.port)
			good := got == want[pair]
			if q.only == "deny" {
				good = got.IsEmpty() == listed[pair]
			}
			y.count(t, name, from, to, why, err == nil && good, []any{got, err}, want[pair])
		}
	}
	for _, n := range w.names {
		for _, d := range []kube.Direction{kube.Ingress, kube.Egress} {
			from, to := "", n
			if d == kube.Egress {
				from, to = n, ""
			}
			if !q.includes(from, to) {
				continue
			}
			why := why
			if w.onHost(n) {
				why = onHostNetwork
			}
			var want flowset.Set
			if b := outside[side{n, d}]; b != nil {
				want = b.Set()
			}
			got, err := w.outside(n, d)
			got = got.Intersect(flowset.Of(flowset.AllIPv4(), q.port))
			if q.only == "deny" {
				got = flowset.Of(flowset.AllIPv4().Subtract(got.Addrs()), q.port)
			}
			y.count(t, name, from, to, why, err == nil && got.Equal(want), []any{got, err}, want)
		}
	}
}

// side is a workload as destination or source of what goes from addresses, or to them.
type side struct {
	name string
	d    kube.Direction
}

// outside is the workload and the addresses of a row, where one end is such.
func (r *row) outside() (side, flowset.Addrs, bool) {
	if a, is := addresses(r.from); is {
		return side{r.to, kube.Ingress}, a, true
	}
	a, is := addresses(r.to)
	return side{r.from, kube.Egress}, a, is
}
