package profile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sallyport/sallyport/profile"
)

const small = "apiVersion: sallyport.dev/v1alpha1\nkind: EgressProfile\nmetadata: {name: small}\nspec: {}\n"

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{
		file: "small", "-": "small", "openshift-v2-gear": "openshift-v2-gear",
	} {
		p, err := profile.Load(arg, strings.NewReader(small))
		if err != nil || p.Name != want {
			t.Errorf("%s: got %v, %v, want %s", arg, p, err, want)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte(small+"more: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]string{
		"":                 "the name of the profile is empty: want a file, - for standard input, or one of connect-only-landlock, openshift-v2-gear",
		"no-such":          `profile "no-such" is neither a file nor built in: want a file, - for standard input, or one of connect-only-landlock, openshift-v2-gear`,
		"openshift-gear":   `profile "openshift-gear" is neither a file nor built in: did you mean openshift-v2-gear?`,
		dir:                `profile "` + dir + `" is a directory: want a file in it, or a built-in profile`,
		bad:                bad + `:5: unknown field "more": want apiVersion, kind, metadata or spec`,
		"-":                "standard input: is empty: want a profile, which begins with apiVersion: sallyport.dev/v1alpha1",
		"/dev/zero":        "/dev/zero: is larger than 4 MiB: want a smaller profile",
		bad + "/below":     "not a directory",
		"connect only\x00": "invalid argument",
	} {
		_, err := profile.Load(arg, strings.NewReader(""))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n got %v\nwant %s", arg, err, want)
		}
	}
	if _, err := profile.Load("no-such", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want one that is fs.ErrNotExist", err)
	}
	if _, err := profile.Load("-", nil); err == nil {
		t.Error("no standard input: got no error")
	}
	broken := errors.New("broken pipe")
	if _, err := profile.Load("-", iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
}
