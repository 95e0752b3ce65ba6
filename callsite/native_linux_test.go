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
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// compile makes a program of the sources, and skips the test where there is no such compiler.
func compile(t testing.TB, compiler string, args ...string) string {
	t.Helper()
	if goruntime.GOARCH != "amd64" {
		t.Skip("native code is understood on amd64 only")
	}
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("no %s", compiler)
	}
	program := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command(compiler, append([]string{"-o", program}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func source(t testing.TB, name string) string { return mustAbs(t, "testdata/native/"+name) }

// wantNative are the frames that comments in the sources tell.
func wantNative(t testing.TB, sources ...string) (want []attempt.Frame) {
	t.Helper()
	marks := regexp.MustCompile(`frame (\d+): (\S+)`)
	for _, file := range sources {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if m := marks.FindStringSubmatch(line); m != nil {
				n, _ := strconv.Atoi(m[1])
				want = append(want, make([]attempt.Frame, max(0, n+1-len(want)))...)
				want[n] = attempt.Frame{File: file, Line: i + 1, Function: m[2], Text: strings.TrimSpace(line)}
			}
		}
	}
	return want
}

// checkNative compares the stack with what the sources tell; frames that they don't mention may be anything.
func checkNative(t *testing.T, cmd *exec.Cmd, sources ...string) {
	t.Helper()
	want := wantNative(t, sources...)
	got, err := (&Reader{patience: time.Minute}).Stack(startBlocked(t, cmd))
	if err != nil {
		t.Fatal(err)
	}
	same := len(got) == len(want)
	for i := range want {
		if same && want[i].File != "" {
			same = got[i] == want[i]
		}
	}
	if !same {
		t.Errorf("\ngot  %+v\nwant %+v", got, want)
	}
}

// builds are ways to compile that change what a stack looks like.
var builds = []struct{ name, flags string }{
	{"not optimised", "-O0 -g"},
	{"optimised", "-O2 -g"},
	{"for size", "-Os -g"},
	{"optimised, frame pointer", "-O2 -g -fno-omit-frame-pointer"},
	{"not optimised, no frame pointer", "-O0 -g -fomit-frame-pointer"},
	{"static", "-O2 -g -static"},
	{"static, not optimised", "-O0 -g -static"},
	{"static, position independent", "-O0 -g -static-pie"},
	{"not position independent", "-O0 -g -no-pie"},
	{"no index", "-O0 -g -Wl,--no-eh-frame-hdr"},
	{"old DWARF", "-O2 -gdwarf-3"},
	{"DWARF 4", "-O2 -gdwarf-4"},
	{"compressed", "-O2 -g -gz=zlib"},
	{"stack clash protection", "-O0 -g -fstack-clash-protection"},
	{"stack protector", "-O2 -g -fno-omit-frame-pointer -fstack-protector-all"},
	{"control-flow protection", "-O0 -g -fcf-protection=full"},
	{"sections", "-O2 -g -ffunction-sections"},
	{"link time optimisation", "-O2 -g -flto"},
}

func TestNative(t *testing.T) {
	file := source(t, "client.c")
	for _, build := range builds {
		t.Run(build.name, func(t *testing.T) {
			t.Parallel()
			checkNative(t, exec.Command(compile(t, "gcc", append(strings.Fields(build.flags), file)...)), file)
		})
	}
}

// TestNativePrograms has stacks of other kinds, each both optimised and not.
func TestNativePrograms(t *testing.T) {
	for _, level := range []string{"-O0", "-O2"} {
		for compiler, names := range map[string][]string{"gcc": {"thread.c", "handler.c"}, "g++": {"template.cc"}} {
			for _, name := range names {
				t.Run(name+level, func(t *testing.T) {
					t.Parallel()
					file := source(t, name)
					checkNative(t, exec.Command(compile(t, compiler, level, "-g", "-pthread", file)), file)
				})
			}
		}
		t.Run("library"+level, func(t *testing.T) {
			t.Parallel()
			library := filepath.Join(filepath.Dir(compile(t, "gcc", level, "-g", source(t, "client.c"))), "libdial.so")
			if out, err := exec.Command("gcc", level, "-g", "-shared", "-fPIC", "-o", library, source(t, "library.c")).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			program := compile(t, "gcc", level, "-g", source(t, "user.c"), library)
			checkNative(t, exec.Command(program), source(t, "library.c"), source(t, "user.c"))
		})
	}
}

func TestRust(t *testing.T) {
	for _, level := range []string{"-Copt-level=0", "-Copt-level=3"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			file := source(t, "client.rs")
			checkNative(t, exec.Command(compile(t, "rustc", "-g", level, "--crate-name=client", file)), file)
		})
	}
}

// TestNativeStale: of places that look like a frame, and no table says which is it, none is taken.
func TestNativeStale(t *testing.T) {
	for _, flags := range []string{"-O0", "-O0 -fstack-clash-protection", "-O2", "-O2 -fno-omit-frame-pointer", "-Os"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			file := source(t, "stale.c")
			want := wantNative(t, file)
			got, err := (&Reader{patience: time.Minute}).Stack(startBlocked(t, exec.Command(compile(t, "gcc", append(strings.Fields(flags), "-g", file)...))))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Errorf("\ngot  %+v\nwant %+v, or the first of these", got, want)
			}
		})
	}
}

func BenchmarkNative(b *testing.B) {
	tid := startBlocked(b, exec.Command(compile(b, "gcc", "-O0", "-g", source(b, "client.c"))))
	var r Reader
	b.Run("warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Stack(tid); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			if _, err := new(Reader).Stack(tid); err != nil {
				b.Fatal(err)
			}
		}
	})
}
