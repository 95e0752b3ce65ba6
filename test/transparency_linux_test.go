package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

const transparencyTimeout = time.Minute

// transparencyProgram compiles the program that makes socket calls in all ways and says what came of each.
func transparencyProgram(t testing.TB) string {
	t.Helper()
	cc := testhost.Need(t, "cc", "gcc")
	path := filepath.Join(t.TempDir(), "transparency")
	if out, err := exec.Command(cc, "-O1", "-Wall", "-Werror", "-pthread", "-o", path, testdata(t, "transparency.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A program in a container, or one that drops its rights, must be able to execute it.
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTransparency compares what a program sees of its socket calls under sallyport with what it sees bare: results, errnos,
// addresses, events, timeouts, interruptions, and a storm of signals, in which nothing may be done twice.
func TestTransparency(t *testing.T) {
	program := transparencyProgram(t)
	want := testhost.NewPair(t).Client.Run(transparencyTimeout, "", program)
	if n := strings.Count(want.Stdout, "\n"); want.Status != 0 || n < 130 {
		t.Fatalf("bare: status %d, %d lines\n%s%s", want.Status, n, want.Stdout, want.Stderr)
	}
	allow := filepath.Join(t.TempDir(), "allow.yaml")
	if err := os.WriteFile(allow, []byte("apiVersion: sallyport.dev/v1alpha1\nkind: EgressProfile\nmetadata: {name: allow}\nspec:\n  bind: {default: allow}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		flags []string
		// differs are the lines that may differ, by what they begin with, and why.
		differs []string
	}{
		{name: "run"},
		{name: "by injection", flags: []string{"--inject"}},
		{
			name: "under a profile that allows all", flags: []string{"--profile", allow},
			// The data is read before the address is looked at, since the kernel must not read the address again.
			differs: []string{"  sendto null data:"},
		},
		{
			name: "without bind", flags: []string{"--without-bind"},
			// What was asked for: the source is the kernel's choice, and a bind is answered, not performed.
			differs: []string{"  connected:", "  dissolved:", "  bind as nobody:", "  bind not local as nobody:", "  bind in a user namespace:"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			argv := append([]string{sallyport(t), "run", "--no-counterfactuals"}, tt.flags...)
			got := testhost.NewPair(t).Client.Run(transparencyTimeout, "", append(argv, "--", program)...)
			if got.Status != want.Status {
				t.Errorf("status %d, want %d", got.Status, want.Status)
			}
			compareLines(t, got.Stdout, want.Stdout, tt.differs)
		})
	}
}

// compareLines compares two outputs line by line, but for lines that begin with one of the given words.
func compareLines(t *testing.T, got, want string, differs []string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b && !beginsWithAny(b, differs) {
			t.Errorf("line %d:\ngot  %s\nwant %s", i+1, a, b)
		}
	}
}

func beginsWithAny(s string, words []string) bool {
	for _, w := range words {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	return false
}
