package test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

const goNetTimeout = 5 * time.Minute

// TestGoNet runs the tests of Go's own net and net/http packages bare and under sallyport, and compares the result of each
// of them. Nothing is left out.
func TestGoNet(t *testing.T) {
	if testing.Short() {
		t.Skip("two minutes: not with -short")
	}
	testhost.NeedRoot(t)
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range []string{"net", "net/http"} {
		t.Run(pkg, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "package.test")
			if out, err := exec.Command("go", "test", "-c", "-o", program, pkg).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			dir := filepath.Join(strings.TrimSpace(string(root)), "src", pkg)
			run := func(under ...string) []string {
				// The tests look for their files below their directory, and want a network that goes nowhere.
				argv := append([]string{"/bin/sh", "-c", `cd "$0" && exec "$@"`, dir}, under...)
				argv = append(argv, program, "-test.short", "-test.v", "-test.timeout=4m")
				return goResults(testhost.NewPair(t).Client.Run(goNetTimeout, "", argv...))
			}
			want, got := run(), run(sallyport(t), "run", "--report", "/dev/null", "--")
			if len(want) < 300 {
				t.Fatalf("%d results bare, want hundreds", len(want))
			}
			for _, line := range onlyIn(want, got) {
				t.Errorf("bare only: %s", line)
			}
			for _, line := range onlyIn(got, want) {
				t.Errorf("under sallyport only: %s", line)
			}
			t.Logf("%d results, all the same", len(want))
		})
	}
}

var goResult = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+)`)

// goResults is the result of each test, sorted, and the exit status.
func goResults(r testhost.Result) []string {
	var out []string
	for _, m := range goResult.FindAllStringSubmatch(r.Stdout, -1) {
		out = append(out, m[1]+" "+m[2])
	}
	if r.Status != 0 {
		out = append(out, "exit status not 0")
	}
	slices.Sort(out)
	return out
}

func onlyIn(a, b []string) []string {
	var out []string
	for _, x := range a {
		if _, found := slices.BinarySearch(b, x); !found {
			out = append(out, x)
		}
	}
	return out
}
