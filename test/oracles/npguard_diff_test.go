package oracles

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// TestNPGuardDiffs compares what netpol-analyzer finds different between two directories with our own two matrices: each pair
// that differs, with what may go before and after, and no other.
func TestNPGuardDiffs(t *testing.T) {
	root := moduleDir(t, npguard)
	dirs := subdirectories(t, filepath.Join(root, "tests"))
	var y tally
	seen := map[string]bool{}
	for _, pattern := range []string{"diff/*.txt", "diff/*.csv", "cli/diff_*.txt", "cli/diff_*.csv"} {
		files, err := filepath.Glob(filepath.Join(root, "test_outputs", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, file := range files {
			name, commas := strings.CutSuffix(strings.TrimSuffix(filepath.Base(file), ".txt"), ".csv")
			after, before, ok := diffOf(name, dirs)
			if !ok {
				t.Errorf("%s: not known which directories are meant", name)
				continue
			}
			if seen[before+" "+after] { // the same, in another format
				continue
			}
			seen[before+" "+after] = true
			y.files++
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := parseDiff(string(data), commas)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			x, z := newWorld(t, kube.Path(filepath.Join(root, "tests", before))), newWorld(t, kube.Path(filepath.Join(root, "tests", after)))
			why := wrongThere[before] + wrongThere[after]
			compareDiff(t, &y, name, why, x, z, rows)
		}
	}
	y.report(t, "netpol-analyzer: diffs")
}

// diffOf takes "diff_between_AFTER_and_BEFORE" apart.
func diffOf(name string, dirs []string) (after, before string, ok bool) {
	_, both, ok := strings.Cut(name, "diff_between_")
	for at := 0; ok; {
		i := strings.Index(both[at:], "_and_")
		if i < 0 {
			break
		}
		after, before = both[:at+i], both[at+i+len("_and_"):]
		if slices.Contains(dirs, after) && slices.Contains(dirs, before) {
			return after, before, true
		}
		at += i + 1
	}
	return "", "", false
}

// compareDiff compares rows, which tell what was open before and after, with two worlds.
func compareDiff(t *testing.T, y *tally, name, why string, before, after *world, rows []row) {
	t.Helper()
	want := map[[2]string]row{}
	outside := map[side]*changes{}
	for _, r := range rows {
		s, addrs, is := r.outside()
		if !is {
			want[[2]string{r.from, r.to}] = r
			continue
		}
		if outside[s] == nil {
			outside[s] = &changes{}
		}
		outside[s].add(addrs, r)
	}
	names := map[string]bool{}
	for _, n := range slices.Concat(before.names, after.names) {
		names[n] = true
	}
	all := slices.Sorted(maps.Keys(names))
	sources := all
	if before.routed() || after.routed() {
		sources = append([]string{router}, all...)
	}
	for _, to := range all {
		for _, from := range sources {
			pair := [2]string{from, to}
			r := want[pair]
			delete(want, pair)
			why := why
			if w := before.why(from, to); w != "" {
				why = w
			} else if w := after.why(from, to); w != "" {
				why = w
			}
			a, err1 := before.reach(from, to)
			b, err2 := after.reach(from, to)
			y.count(t, name, from, to, why, err1 == nil && err2 == nil && a == r.before && b == r.open || a == b && r.from == "", []any{a, b, err1, err2}, []any{r.before, r.open})
		}
	}
	for pair := range want {
		y.count(t, name, pair[0], pair[1], why, false, nil, "names that we don't know")
	}
	for _, n := range all {
		for _, d := range []kube.Direction{kube.Ingress, kube.Egress} {
			why := why
			if before.onHost(n) || after.onHost(n) {
				why = onHostNetwork
			}
			a, err1 := before.outside(n, d)
			b, err2 := after.outside(n, d)
			differ := a.Subtract(b).Union(b.Subtract(a)).Addrs()
			a, b = a.Intersect(flowset.Of(differ, ported)), b.Intersect(flowset.Of(differ, ported))
			c := outside[side{n, d}]
			if c == nil {
				c = &changes{}
			}
			good := err1 == nil && err2 == nil && differ.Equal(c.addrs.Addrs()) && a.Equal(c.before.Set()) && b.Equal(c.after.Set())
			y.count(t, name, n, d.String(), why, good, []any{a, b, err1, err2}, []any{c.before.Set(), c.after.Set()})
		}
	}
}

// changes are what is different for addresses.
type changes struct {
	addrs         flowset.AddrsBuilder
	before, after flowset.Builder
}

func (c *changes) add(addrs flowset.Addrs, r row) {
	c.addrs.Add(addrs)
	c.before.Add(addrs, r.before)
	c.after.Add(addrs, r.open)
}
