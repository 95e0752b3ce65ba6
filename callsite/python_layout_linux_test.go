package callsite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestPythonLayouts compares the table with what a C compiler makes of the headers, where they are installed.
func TestPythonLayouts(t *testing.T) {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc")
	}
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command(python.path, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])").Output()
			if err != nil {
				t.Fatal(err)
			}
			include := strings.TrimSpace(string(out))
			if _, err := os.Stat(filepath.Join(include, "Python.h")); err != nil {
				t.Skipf("no headers: %v", err)
			}
			program := filepath.Join(t.TempDir(), "layout")
			build := exec.Command(cc, "-w", "-I"+include, "-I"+filepath.Join(include, "internal"), "-o", program, "testdata/layout.c")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			lines, err := exec.Command(program).Output()
			if err != nil {
				t.Fatal(err)
			}
			layout, ok := pythonLayouts[python.version]
			if !ok {
				t.Fatalf("no layout for %#x", python.version)
			}
			got, checked := reflect.ValueOf(layout), 0
			for line := range strings.Lines(string(lines)) {
				var name string
				var want uint64
				fmt.Sscan(line, &name, &want)
				if name == "version" {
					continue
				}
				checked++
				if got := got.FieldByName(name).Uint(); got != want {
					t.Errorf("%s\ngot  %d\nwant %d", name, got, want)
				}
			}
			if checked < 14 {
				t.Errorf("the headers told %d offsets, expected 14 or more", checked)
			}
		})
	}
}

// TestPythonDebugOffsets: Python's own description of itself agrees with its headers.
func TestPythonDebugOffsets(t *testing.T) {
	tested := false
	for _, python := range interpreters(t) {
		if python.version < 0x030d {
			continue
		}
		tested = true
		_, _, py := found(t, python, "testdata/module.py")
		if want, ok := pythonLayouts[python.version]; ok && py.layout != want {
			t.Errorf("\ngot  %+v\nwant %+v", py.layout, want)
		}
	}
	if !tested {
		t.Skip("no Python 3.13 or later")
	}
}
