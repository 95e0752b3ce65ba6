package callsite

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

const goSource = "testdata/program/main.go"

func buildProgram(t testing.TB, args ...string) string {
	t.Helper()
	if goruntime.GOARCH != "amd64" {
		t.Skip("Go programs are understood on amd64 only")
	}
	program := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", slices.Concat([]string{"build", "-o", program}, args, []string{goSource})...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestGo compares stacks of a Go program with the frames that its comments tell, however it was built.
func TestGo(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
	}{
		{"plain", nil},
		{"stripped", []string{"-ldflags=-s -w"}},
		{"position independent", []string{"-buildmode=pie"}},
		{"position independent, stripped", []string{"-buildmode=pie", "-ldflags=-s -w"}},
		{"not optimised", []string{"-gcflags=-N -l"}},
		{"race detector", []string{"-race"}}, // linked by the C linker
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := exec.LookPath("gcc"); err != nil && test.name == "race detector" {
				t.Skip("no gcc")
			}
			program := buildProgram(t, test.args...)
			t.Run("main", func(t *testing.T) { testGoProgram(t, "frame", program) })
			t.Run("goroutine", func(t *testing.T) { testGoProgram(t, "goroutine", program, "goroutine") })
		})
	}
}

// testGoProgram compares all frames: those marked so, and those marked as frame that have no such mark.
func testGoProgram(t *testing.T, mark, program string, args ...string) {
	source, err := os.ReadFile(goSource)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]attempt.Frame, 7)
	for _, kind := range []string{"frame", mark} {
		marks := regexp.MustCompile(kind + ` (\d+): (\S+)`)
		for i, line := range strings.Split(string(source), "\n") {
			if m := marks.FindStringSubmatch(line); m != nil {
				n, _ := strconv.Atoi(m[1])
				want[n] = attempt.Frame{File: mustAbs(t, goSource), Line: i + 1, Function: m[2], Text: strings.TrimSpace(line)}
			}
		}
	}
	got, err := Stack(startBlocked(t, exec.Command(program, args...)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("\ngot  %+v\nwant %+v", got, want)
	}
}

func TestUserFrames(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"dial", "internal/runtime/syscall.Syscall6 runtime/internal/syscall.X syscall.connect net.(*netFD).connect net.Dial main.dial main.main runtime.main runtime.goexit", "main.dial main.main"},
		{"a library's own", "syscall.connect net.Dial net/http.(*Transport).dial net.Dial main.main", "net/http.(*Transport).dial net.Dial main.main"},
		{"nothing else", "syscall.connect net.Dial runtime.main", "syscall.connect net.Dial runtime.main"},
	} {
		var frames []attempt.Frame
		for _, name := range strings.Fields(test.in) {
			frames = append(frames, attempt.Frame{Function: name})
		}
		var got []string
		for _, f := range userFrames(frames) {
			got = append(got, f.Function)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.name, got, test.want)
		}
	}
}

func BenchmarkGo(b *testing.B) {
	tid := startBlocked(b, exec.Command(buildProgram(b)))
	var r Reader
	if _, err := r.Stack(tid); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Stack(tid); err != nil {
			b.Fatal(err)
		}
	}
}
