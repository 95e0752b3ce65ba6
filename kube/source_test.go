package kube

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

const podManifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: shop}\nspec: {containers: []}\n"

// write makes a file below a directory.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// told is the problems without the directory of their files.
func told(problems []Problem, dir string) (out []string) {
	for _, p := range problems {
		out = append(out, p.Severity.String()+": "+strings.ReplaceAll(p.Error(), dir+"/", ""))
	}
	return out
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/a/one.yaml", fmt.Sprintf(podManifest, "one"))
	write(t, dir+"/a/deep/er/two.yml", fmt.Sprintf(podManifest, "two"))
	write(t, dir+"/a/three.json", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"three","namespace":"shop"},"spec":{}}`)
	write(t, dir+"/a/readme.md", "no: manifest\n")
	write(t, dir+"/a/values.yaml", "replicas: 3\n")
	write(t, dir+"/a/comment.yaml", "# nothing here\n---\n")
	write(t, dir+"/b/broken.yaml", "a: b\n c: d\n")
	write(t, dir+"/b/chart.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Name }}}\n")
	write(t, dir+"/empty/readme.md", "")
	write(t, dir+"/any.name", fmt.Sprintf(podManifest, "four")+"---\n"+fmt.Sprintf(podManifest, "five"))
	if err := os.Symlink(dir+"/any.name", dir+"/a/link.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", dir+"/b/dangling.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/b", dir+"/a/dir.yaml"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(dir+"/b/pipe.yaml", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		sources []Source
		pods    string
		want    []string
		unread  int
	}{
		{"a directory", Paths(dir + "/a"), "two four five one three", []string{
			"warning: a/comment.yaml: holds no object",
			"warning: a/values.yaml:1: is no object, it has no apiVersion and no kind: not read",
		}, 0},
		{"files of any name", Paths(dir+"/any.name", dir+"/a/three.json"), "four five three", nil, 0},
		{"a file twice", Paths(dir+"/any.name", dir+"/any.name"), "four five", []string{
			"warning: any.name:1: Pod shop/four: is given twice, first in any.name:1: read once",
			"warning: any.name:6: Pod shop/five: is given twice, first in any.name:6: read once",
		}, 0},
		{"a stream", []Source{Stream("standard input", strings.NewReader(fmt.Sprintf(podManifest, "six")))}, "six", nil, 0},
		{"a file that is no manifest", Paths(dir + "/a/values.yaml"), "", []string{
			"error: a/values.yaml:1: is no object, it has no apiVersion and no kind: not read",
		}, 1},
		{"an empty directory", Paths(dir + "/empty"), "", []string{"error: " + "empty: holds no file whose name ends in .yaml, .yml or .json"}, 1},
		{"no file", Paths(dir + "/nothing"), "", []string{"error: nothing: cannot be read: no such file or directory"}, 1},
		{"what cannot be read", Paths(dir + "/b"), "", []string{
			"error: b/broken.yaml:2: is not YAML: mapping values are not allowed in this context",
			"error: b/chart.yaml:3: a key is a mapping: want text: this looks like a template, render it first (helm template)",
			"error: b/dangling.yaml: cannot be read: no such file or directory",
			"warning: b/pipe.yaml: is no regular file, and not read",
		}, 3},
		{"a stream that fails", []Source{Stream("stream", iotest.ErrReader(errors.New("connection reset")))}, "", []string{
			"error: stream: cannot be read: connection reset",
		}, 1},
		{"nothing", []Source{Stream("stream", strings.NewReader(""))}, "", []string{"warning: stream: holds no object"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, problems := Read(tt.sources...)
			var pods []string
			for _, w := range c.Workloads {
				pods = append(pods, w.Name)
			}
			equal(t, "pods", strings.Join(pods, " "), tt.pods)
			equal(t, "problems", strings.Join(told(problems, dir), "\n"), strings.Join(tt.want, "\n"))
			equal(t, "unread", len(c.Unread), tt.unread)
		})
	}
}

// TestLargeInput reads what is large in each direction; a time that grew with its square would be minutes.
func TestLargeInput(t *testing.T) {
	const million = 1_000_000
	rules := "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: big}\nspec:\n  podSelector: {}\n  ingress:\n  - ports:\n"
	labels := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n"
	for _, tt := range []struct {
		name, text string
		check      func(c *Cluster, problems []Problem) bool
	}{
		{"a million ports", rules + strings.Repeat("    - port: 80\n", million), func(c *Cluster, problems []Problem) bool {
			return len(problems) == 0 && len(c.NetworkPolicies[0].Ingress[0].Ports) == million
		}},
		{"a hundred thousand errors", rules + strings.Repeat("    - port: 0\n", million/10), func(c *Cluster, problems []Problem) bool {
			return len(problems) == maxProblems+1 && c.NetworkPolicies[0].Broken()
		}},
		{"two hundred thousand keys", labels + keys(million/5), func(c *Cluster, problems []Problem) bool {
			return len(problems) == 0 && len(c.Others) == 1
		}},
		{"deep flow", "a: " + strings.Repeat("[", million), func(c *Cluster, problems []Problem) bool {
			return len(problems) == 1 && len(c.Unread) == 1
		}},
		{"deep JSON", strings.Repeat("[", million), func(c *Cluster, problems []Problem) bool {
			return len(problems) == 1 && len(c.Unread) == 1
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			c, problems := Read(Stream("big", io.Reader(strings.NewReader(tt.text))))
			if !tt.check(c, problems) {
				t.Errorf("%d problems: %.3v", len(problems), problems)
			}
			t.Logf("%d bytes in %v", len(tt.text), time.Since(start))
		})
	}
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  k%d: v\n", i)
	}
	return b.String()
}

func TestAliases(t *testing.T) {
	bomb := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nx0: &x0 [a,a,a,a,a,a,a,a,a,a]\n"
	for i := 1; i < 10; i++ {
		bomb += fmt.Sprintf("x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), 10), ","))
	}
	for name, text := range map[string]string{
		"a cycle": "apiVersion: v1\nkind: Pod\nmetadata: &m\n  name: a\n  labels: *m\n",
		"a bomb":  bomb,
	} {
		c, problems := Read(Stream("s", strings.NewReader(text)))
		if len(problems) != 1 || problems[0].Severity != Error || problems[0].Line == 0 || len(c.Unread) != 1 || len(c.Workloads) > 0 {
			t.Errorf("%s: %v: want one error, and no object", name, problems)
		}
	}
	c, problems := Read(Stream("s", strings.NewReader("apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: &l {app: web}, annotations: *l}\nspec: {}\n")))
	if len(problems) > 0 || c.Workloads[0].Annotations["app"] != "web" {
		t.Errorf("an alias is not followed: %v", problems)
	}
}
