package test

import (
	"os"
	"path/filepath"
	"testing"
)

// mode is a way to run a program.
type mode struct {
	name        string
	profile     string // "" is none
	withoutBind bool
	bare        bool // not under sallyport
	landlock    bool // bare, and the kernel itself denies binds
}

// modes are the columns of the tables: bare first, as the truth that the others keep to.
var modes = []mode{
	{name: "bare", bare: true},
	{name: "bare-landlock", bare: true, landlock: true},
	{name: "run"},
	{name: "without-bind", withoutBind: true},
	{name: "openshift-v2-gear", profile: "openshift-v2-gear"},
	{name: "openshift-v2-gear-without-bind", profile: "openshift-v2-gear", withoutBind: true},
	{name: "connect-only-landlock", profile: "connect-only-landlock"},
	{name: "connect-only-landlock-without-bind", profile: "connect-only-landlock", withoutBind: true},
}

// denies reports whether a bind to such a source fails with EACCES.
func (m mode) denies(s source) bool {
	switch {
	case s == none || m.withoutBind:
		return false
	case m.landlock || m.profile == "connect-only-landlock":
		return true
	}
	return m.profile == "openshift-v2-gear" && (s == anyAddress || s == anyAddressPort)
}

// wrap is the command line that runs argv so, and the path that the report will be at; "" where there will be none.
func (m mode) wrap(t testing.TB, argv ...string) (wrapped []string, report string) {
	t.Helper()
	switch {
	case m.landlock:
		needLandlock(t)
		return append([]string{build(t, "./testdata/landlock")}, argv...), ""
	case m.bare:
		return argv, ""
	}
	report = filepath.Join(t.TempDir(), "report.json")
	wrapped = append([]string{sallyport(t), "run", "--output", "json", "--report", report}, m.flags()...)
	return append(append(wrapped, "--"), argv...), report
}

func (m mode) flags() []string {
	var flags []string
	if m.profile != "" {
		flags = append(flags, "--profile", m.profile)
	}
	if m.withoutBind {
		flags = append(flags, "--without-bind")
	}
	return flags
}

// testdata is the path of a file in testdata that programs in other directories can use too.
func testdata(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
