package kube

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// moduleDir is where a module lies in the module cache. It is test data only: no code of it is used.
func moduleDir(t *testing.T, module string) string {
	t.Helper()
	out, err := exec.Command("go", "mod", "download", "-json", module).Output()
	if err != nil {
		t.Skipf("%s cannot be had: %v", module, err)
	}
	m := regexp.MustCompile(`"Dir": "([^"]+)"`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("go mod download says %s", out)
	}
	return string(m[1])
}

// wrongOnPurpose are the test directories of netpol-analyzer that hold what no API server takes, most of them to show that
// netpol-analyzer refuses it, too.
var wrongOnPurpose = map[string]string{
	"acs-security-demos-added-workloads":    "a Service is in two files, with different ports",
	"anp_test_named_ports_multiple_peers":   "a port by name in a rule for networks, which the CRD forbids",
	"anp_test_with_empty_port_range":        "a reversed range of ports",
	"bad_netpols":                           "policies that are wrong in several ways",
	"dirty":                                 "templates of Helm",
	"document_with_syntax_error":            "templates of Helm",
	"malformed-pod-example-2":               "ports that are no list",
	"malformed-pod-example-3":               "no kind",
	"malformed-pod-example-4":               "no kind",
	"malformed-pod-example-5":               "broken YAML",
	"malformed_pod_example":                 "a port that is a list",
	"netpol_named_port_test":                "a container's port without a number",
	"netpol_named_port_test_2":              "a container's port without a number",
	"np_test_with_empty_port_range":         "a reversed range of ports",
	"onlineboutique_with_pods_severe_error": "broken YAML",
}

func TestCorpusHasNoFalseError(t *testing.T) {
	dir := moduleDir(t, "github.com/np-guard/netpol-analyzer@v1.4.4") + "/tests/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	read, refused, objects, warnings := 0, 0, 0, 0
	for _, e := range entries {
		// Two policies of one priority are each right: what they say together is not for the reader to judge.
		wrong := strings.Contains(e.Name(), "_bad_path_") && e.Name() != "anp_bad_path_test_1" || wrongOnPurpose[e.Name()] != ""
		c, problems := Read(Path(dir + e.Name()))
		objects += len(c.Workloads) + len(c.Services) + len(c.Namespaces) + len(c.NetworkPolicies) + len(c.AdminPolicies) + len(c.Others)
		errors := 0
		for _, p := range problems {
			switch {
			case p.Severity == Warning:
				warnings++
			case !wrong:
				t.Errorf("%s", strings.TrimPrefix(p.Error(), dir))
			default:
				errors++
			}
		}
		switch {
		case !wrong:
			read++
		case errors > 0:
			refused++
		default:
			t.Errorf("%s: has no error, want one: it holds what no API server takes", e.Name())
		}
	}
	t.Logf("%d directories, %d objects: %d read without an error, %d refused that are wrong on purpose, %d warnings", len(entries), objects, read, refused, warnings)
	if read < 200 {
		t.Errorf("%d directories are read: want those of netpol-analyzer", read)
	}
}
