// Command results reads what scripts/conformance left of its runs, and writes a table of it into a page:
//
//	results DIRECTORY [PAGE]
//
// The directory has one of its own for each family, with the suites' reports and the record of their execs. Without a page, suites and
// families may be missing. Where anything has failed, nothing is written, and what failed is told.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Suites, as the page names them.
var suites = []struct{ name, words string }{
	{"clusternetworkpolicy", "ClusterNetworkPolicy: `sigs.k8s.io/network-policy-api@%s`, all features"},
	{"adminnetworkpolicy", "AdminNetworkPolicy, BaselineAdminNetworkPolicy: `sigs.k8s.io/network-policy-api@%s`, all features"},
	{"netpol", "NetworkPolicy: `k8s.io/kubernetes@%s`, test/e2e/network/netpol"},
}

// marker is the line of the page after which the table stands, up to an empty line.
const marker = "<!-- written by scripts/conformance -->\n"

func main() {
	if len(os.Args) != 2 && len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: results DIRECTORY [PAGE]")
		os.Exit(2)
	}
	page := ""
	if len(os.Args) == 3 {
		page = os.Args[2]
	}
	if err := run(os.Args[1], page); err != nil {
		fmt.Fprintln(os.Stderr, "results:", err)
		os.Exit(1)
	}
}

func run(dir, page string) error {
	var table strings.Builder
	table.WriteString("| suite | first family | tests passed | left out | failed | connections | that connect | that don't |\n|---|---|---|---|---|---|---|---|\n")
	var failed []string
	for _, s := range suites {
		for _, family := range []string{"ipv4", "ipv6"} {
			o, err := read(filepath.Join(dir, family), s.name)
			if page == "" && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			version, err := os.ReadFile(filepath.Join(dir, s.name+".version"))
			if err != nil {
				return err
			}
			for _, f := range o.failed {
				failed = append(failed, s.name+" over "+family+": "+f)
			}
			if o.passed == 0 || o.connected == 0 || o.stopped == 0 {
				failed = append(failed, s.name+" over "+family+": it has tested nothing")
			}
			fmt.Fprintf(&table, "| %s | %s | %d | %d | %d | %s | %s | %s |\n", fmt.Sprintf(s.words, strings.TrimSpace(string(version))),
				map[string]string{"ipv4": "IPv4", "ipv6": "IPv6"}[family], o.passed, len(o.left), len(o.failed),
				thousands(o.connected+o.stopped), thousands(o.connected), thousands(o.stopped))
			fmt.Printf("%s over %s: %d passed, %d left out, %d failed; %d execs: %d connected, %d did not\n",
				s.name, family, o.passed, len(o.left), len(o.failed), o.connected+o.stopped, o.connected, o.stopped)
			for _, l := range o.left {
				fmt.Printf("  left out: %s\n", l)
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d failures:\n  %s", len(failed), strings.Join(failed, "\n  "))
	}
	if page == "" {
		return nil
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	replaced, ok := replace(string(text), table.String())
	if !ok {
		return fmt.Errorf("%s has no line %q with a table or an empty line after it", page, strings.TrimSpace(marker))
	}
	return os.WriteFile(page, []byte(replaced), 0o644)
}

// replace puts a table into the place of the one that a page has, which may have none yet.
func replace(page, table string) (string, bool) {
	before, after, found := strings.Cut(page, marker)
	for found && strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	return before + marker + table + after, found && strings.HasPrefix(after, "\n")
}

// thousands is "109,956".
func thousands(n int) string {
	digits := []byte(strconv.Itoa(n))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	return string(digits)
}
