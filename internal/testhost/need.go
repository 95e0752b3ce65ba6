package testhost

import (
	"os"
	"os/exec"
	"testing"
)

// sbin is where Debian keeps daemons; an ordinary user's PATH leaves it out.
var sbin = []string{"/usr/sbin/", "/sbin/", "/usr/local/sbin/"}

// NeedRoot skips the test unless it runs as root, which network namespaces with a cable between them take.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
}

// Need returns the path of the named program, which pkg of Debian has, and skips the test where it is missing.
func Need(t testing.TB, name, pkg string) string {
	t.Helper()
	path := find(name)
	if path == "" {
		t.Skipf("needs %s (Debian's package %s)", name, pkg)
	}
	return path
}

// Have reports whether all of the named programs are here.
func Have(names ...string) bool {
	for _, name := range names {
		if find(name) == "" {
			return false
		}
	}
	return true
}

// find is the path of a program, "" where it is missing.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range sbin {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	return ""
}

// NeedFile skips the test where the file, which pkg of Debian has, is missing.
func NeedFile(t testing.TB, path, pkg string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs %s (Debian's package %s)", path, pkg)
	}
}
