package test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// TestWhere looks for the line of a Go program that led to a bind, through package net, under a profile that denies it: nothing
// leaves the machine.
func TestWhere(t *testing.T) {
	argv, path := mode{profile: "connect-only-landlock"}.wrap(t, build(t, "./testdata/dialer"), "127.0.0.1:9", ":0")
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err == nil || !strings.Contains(string(out), "errno EACCES") {
		t.Fatalf("%v\n%s\nwant EACCES", err, out)
	}
	r := readReport(t, path)
	if len(r.Findings) != 1 || len(r.Findings[0].Where) == 0 {
		t.Fatalf("%+v\nwant one finding, with its place", r.Findings)
	}
	got := r.Findings[0].Where[0]
	if filepath.Base(got.File) != "main.go" || got.Function != "main.fetch" || !strings.Contains(got.Text, ".Dial(") || got.Line == 0 {
		t.Errorf("%+v, want the line of main.fetch that dials", got)
	}
}

// TestWherePending looks for the lines of a Python program whose connects are left in progress: their end comes elsewhere.
func TestWherePending(t *testing.T) {
	p := testhost.NewPair(t)
	p.Server.Wall()
	testhost.NeedFile(t, "/usr/bin/python3", "python3")
	argv, path := mode{}.wrap(t, "/usr/bin/python3", testdata(t, "pending.py"), server4)
	p.Client.Run(clientTimeout, "", argv...)
	r := readReport(t, path)
	if len(r.Findings) != 2 {
		t.Fatalf("%+v\nwant two findings", r.Findings)
	}
	for i, want := range []string{"await asyncio.open_connection(", "urllib.request.urlopen("} {
		frames := slices.DeleteFunc(slices.Clone(r.Findings[i].Where), func(f frame) bool { return f.Standard })
		if len(frames) == 0 || filepath.Base(frames[0].File) != "pending.py" || !strings.Contains(frames[0].Text, want) {
			t.Errorf("%+v\nwant first of pending.py: %s", frames, want)
		}
	}
}
