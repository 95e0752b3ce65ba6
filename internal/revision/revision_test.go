package revision

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes one with two commits, and makes it the current directory.
func repository(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not in $PATH")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	for _, args := range [][]string{{"init", "-q"}, {"config", "user.name", "a"}, {"config", "user.email", "a@example.org"}} {
		must(t, args...)
	}
	write(t, "k8s/a.yaml", "one\n")
	write(t, "k8s/deep/b c.yaml", "")
	write(t, "k8s/ü.yaml", "no newline at its end")
	write(t, "k8s/skipped.txt", "text")
	if err := os.Symlink("a.yaml", "k8s/link.yaml"); err != nil {
		t.Fatal(err)
	}
	must(t, "add", ".")
	must(t, "commit", "-qm", "one")
	write(t, "k8s/a.yaml", "two\n")
	must(t, "commit", "-qam", "two")
	write(t, "k8s/a.yaml", "not committed\n")
}

func must(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func isYAML(path string) bool { return strings.HasSuffix(path, ".yaml") }

func TestFiles(t *testing.T) {
	repository(t)
	for _, arg := range []string{"HEAD~1:k8s", "HEAD~1:k8s/", "HEAD~1:./k8s", "HEAD^:k8s"} {
		files, err := Files(arg, isYAML)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Name+"="+f.Text)
		}
		rev, path, _ := strings.Cut(arg, ":")
		path = strings.TrimPrefix(filepath.Clean(path), "./")
		at := rev + ":" + path
		want := at + "/a.yaml=one\n|" + at + "/deep/b c.yaml=|" + at + "/ü.yaml=no newline at its end"
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%s: got %q, want %q", arg, s, want)
		}
	}
	files, err := Files("HEAD:k8s/a.yaml", isYAML)
	if err != nil || len(files) != 1 || files[0] != (File{"HEAD:k8s/a.yaml", "two\n"}) {
		t.Errorf("got %v (%v), want the file", files, err)
	}
	t.Chdir("k8s")
	files, err = Files("HEAD:a.yaml", isYAML)
	if err != nil || len(files) != 1 || files[0].Text != "two\n" {
		t.Errorf("got %v (%v), want the file beside", files, err)
	}
	if files, err = Files("HEAD:", isYAML); err != nil || len(files) != 3 {
		t.Errorf("got %v (%v), want the whole tree", files, err)
	}
}

func TestFilesErrors(t *testing.T) {
	repository(t)
	for arg, want := range map[string]string{
		"HEAD~7:k8s":          "git knows no revision HEAD~7 here",
		"HEAD:k9s":            "revision HEAD has no k9s",
		"HEAD:k8s/link.yamls": "revision HEAD has no k8s/link.yamls",
		"--help:k8s":          "git knows no revision --help",
	} {
		if _, err := Files(arg, isYAML); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", arg, err, want)
		}
	}
	if _, err := Files("HEAD:k8s", func(string) bool { return false }); err == nil {
		t.Error("a tree without files that are wanted is none")
	}
	t.Setenv("PATH", "")
	if _, err := Files("HEAD:k8s", isYAML); err == nil || !strings.HasSuffix(err.Error(), "reading a revision needs git, which is not in $PATH") {
		t.Errorf("got %v, want that git is missing", err)
	}
}

func TestIs(t *testing.T) {
	for arg, want := range map[string]bool{"HEAD:a": true, "main:": true, "a.yaml": false, ":a": false, "-x:a": false} {
		if Is(arg) != want {
			t.Errorf("%s: got %v", arg, !want)
		}
	}
}
