package kube

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wantComment is "# error: what" behind the line that it is about, or "# error@-1: what" where another line is meant.
var wantComment = regexp.MustCompile(`# (error|warning)(@[-+][0-9]+)?: `)

// wants are the problems that the comments of a file announce.
func wants(t *testing.T, text string) (out []string) {
	t.Helper()
	for i, line := range strings.Split(text, "\n") {
		at := wantComment.FindAllStringSubmatchIndex(line, -1)
		for k, m := range at {
			end := len(line)
			if k+1 < len(at) {
				end = at[k+1][0]
			}
			n := i + 1
			if m[4] >= 0 {
				offset, err := strconv.Atoi(line[m[4]+1 : m[5]])
				if err != nil {
					t.Fatal(err)
				}
				n += offset
			}
			out = append(out, fmt.Sprintf("%d: %s: %s", n, line[m[2]:m[3]], strings.TrimSpace(line[m[1]:end])))
		}
	}
	return out
}

// TestBadInput reads files whose comments say what is wrong with them: that, and nothing else, has to be reported.
func TestBadInput(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, problems := Read(Stream(filepath.Base(file), strings.NewReader(string(data))))
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%d: %s: %s", p.Line, p.Severity, p.What))
				if p.File != filepath.Base(file) || p.Line == 0 {
					t.Errorf("%s: has no place in the file", p.Error())
				}
			}
			want := wants(t, string(data))
			for _, w := range want {
				if !slices.Contains(got, w) {
					t.Errorf("not reported: %s", w)
				}
			}
			for _, g := range got {
				if !slices.Contains(want, g) {
					t.Errorf("reported: %s", g)
				}
			}
		})
	}
}

// TestErrorsMarkObjects holds that an object with an error is marked, and one with warnings only is not.
func TestErrorsMarkObjects(t *testing.T) {
	c, problems := Read(Path("testdata/bad"))
	marked := map[string]bool{}
	mark := func(m *Meta) {
		if m.Broken() {
			marked[m.String()] = true
		}
	}
	for _, o := range c.NetworkPolicies {
		mark(&o.Meta)
	}
	for _, o := range c.Workloads {
		mark(&o.Meta)
	}
	for _, o := range c.AdminPolicies {
		mark(&o.Meta)
	}
	for _, o := range c.EgressFirewalls {
		mark(&o.Meta)
	}
	for _, want := range []string{
		"NetworkPolicy shop/ports", "NetworkPolicy shop/selectors", "Pod shop/twice", "Pod shop/differs", "Deployment shop/web",
		"AdminNetworkPolicy a", "ClusterNetworkPolicy c", "EgressFirewall shop/fw",
	} {
		if !marked[want] {
			t.Errorf("%s is not marked", want)
		}
	}
	for _, not := range []string{"NetworkPolicy shop/empty", "Pod shop/same", "NetworkPolicy shop/everybody"} {
		if marked[not] {
			t.Errorf("%s is marked: it has warnings only", not)
		}
	}
	errors := 0
	for _, p := range problems {
		if p.Severity == Error && p.Object == "" {
			errors++
		}
	}
	if errors == 0 || len(c.Unread) < errors {
		t.Errorf("%d entries in Unread, want the %d errors outside of objects among them", len(c.Unread), errors)
	}
}
