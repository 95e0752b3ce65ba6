package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// The test binary as a program: what follows its name says what it is to do.
const (
	asChild   = "doctor-child"   // a trial
	asExamine = "doctor-examine" // a whole examination, written as JSON
	asFilter  = "doctor-filter"  // an examination under the filter with the rules that follow, as JSON
)

var self = Self{"sallyport", asChild}

func TestMain(m *testing.M) {
	unotify.ChildInit()
	// Else a program built with the race detector sleeps for a second before it ends.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asChild:
			os.Exit(Child(os.Args[2]))
		case asExamine:
			if err := json.NewEncoder(os.Stdout).Encode(Examine(self)); err != nil {
				panic(err)
			}
			os.Exit(0)
		case asFilter:
			fmt.Fprintln(os.Stderr, underFilter(os.Args[2]))
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// underFilter executes an examination in this process's place, under a filter that has no listener.
func underFilter(rules string) error {
	runtime.LockOSThread()
	var f unotify.Filter
	if err := json.Unmarshal([]byte(rules), &f.Rules); err != nil {
		return err
	}
	program, err := f.Assemble()
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: (*unix.SockFilter)(unsafe.Pointer(&program[0]))}
	_, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog)))
	if e != 0 {
		return e
	}
	return syscall.Exec("/proc/self/exe", []string{"sallyport", asExamine}, os.Environ())
}

// found is a report that came through a pipe.
type found struct {
	Run     string
	Because []string
	Change  []string
	Checks  []struct{ Name, OK, Reason, Change string }
	Facts   []Fact
}

func parse(t *testing.T, out []byte) found {
	t.Helper()
	var f found
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return f
}

// ok is the answer of a check.
func (f found) ok(name string) string {
	for _, c := range f.Checks {
		if c.Name == name {
			return c.OK
		}
	}
	return "no such check"
}

func (f found) fact(name string) string {
	for _, fact := range f.Facts {
		if fact.Name == name {
			return fact.Value
		}
	}
	return ""
}

// wantOK compares answers, and shows the whole report where one is wrong.
func (f found) wantOK(t *testing.T, want map[string]string) {
	t.Helper()
	for name, w := range want {
		if got := f.ok(name); got != w {
			t.Errorf("%s: got %s, want %s", name, got, w)
		}
	}
	if t.Failed() {
		t.Logf("%+v", f)
	}
}

func wantIn(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("got %q\nwant in it %q", text, part)
	}
}
