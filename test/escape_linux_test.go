package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestEscape tries to reach a destination that a profile denies, in every way that names an address. Bare, nearly all of
// them arrive; under the profile none may.
func TestEscape(t *testing.T) {
	cc := testhost.Need(t, "cc", "gcc")
	dir := t.TempDir()
	program := filepath.Join(dir, "escape")
	if out, err := exec.Command(cc, "-O1", "-Wall", "-Werror", "-o", program, testdata(t, "escape.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	bare := testhost.NewPair(t).Client.Run(transparencyTimeout, "", program)
	if n := strings.Count(bare.Stdout, "ARRIVED"); n < 25 {
		t.Fatalf("bare: %d ways arrive, want 25\n%s%s", n, bare.Stdout, bare.Stderr)
	}
	for _, verdict := range []string{"{errno: EACCES}", "refuse", "unreachable", "drop\n      timeout: 1s"} {
		for _, flags := range [][]string{nil, {"--inject"}} {
			name := strings.Join(append([]string{strings.Fields(verdict)[0]}, flags...), " ")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "deny.yaml")
				text := "apiVersion: sallyport.dev/v1alpha1\nkind: EgressProfile\nmetadata: {name: deny}\nspec:\n  egress:\n    rules:\n" +
					"    - ports: [7001]\n      verdict: " + verdict + "\n"
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				argv := append([]string{sallyport(t), "run", "--no-counterfactuals", "--report", "/dev/null", "--profile", file}, flags...)
				got := testhost.NewPair(t).Client.Run(transparencyTimeout, "", append(argv, "--", program)...)
				if got.Status != 0 || strings.Count(got.Stdout, "\n") != strings.Count(bare.Stdout, "\n") {
					t.Errorf("status %d\n%s%s", got.Status, got.Stdout, got.Stderr)
				}
				for _, line := range strings.Split(got.Stdout, "\n") {
					if strings.Contains(line, "ARRIVED") {
						t.Error(line)
					}
				}
			})
		}
	}
}
