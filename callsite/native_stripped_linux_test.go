package callsite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// TestNativeStripped: without symbols, the places in the file are those that addr2line knows the functions of.
func TestNativeStripped(t *testing.T) {
	for _, flags := range []string{"-O0", "-O2", "-O0 -static", "-O2 -fno-omit-frame-pointer"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			program := compile(t, "gcc", append(strings.Fields(flags), "-g", source(t, "client.c"))...)
			stripped := program + ".stripped"
			run(t, "strip", "-o", stripped, program)
			got, err := (&Reader{patience: time.Minute}).Stack(startBlocked(t, exec.Command(stripped)))
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, f := range got {
				addr, ok := strings.CutPrefix(f.File, "program.stripped+0x")
				if !ok || f.Line != 0 {
					t.Fatalf("\ngot  %+v\nwant places in program.stripped", got)
				}
				lines = append(lines, strings.Fields(run(t, "addr2line", "-i", "-e", program, addr))...)
			}
			var want []string
			for _, f := range wantNative(t, source(t, "client.c")) {
				want = append(want, fmt.Sprintf("%s:%d", f.File, f.Line))
			}
			// Statically linked, nothing tells what is the library's: it is there before and after.
			at := slices.Index(lines, want[0])
			if at < 0 || len(lines) < at+len(want) || !slices.Equal(lines[at:at+len(want)], want) {
				t.Errorf("\ngot  %q\nwant %q", lines, want)
			}
			if !strings.Contains(flags, "static") && len(lines) != len(want) {
				t.Errorf("\ngot  %q\nwant %q and no more", lines, want)
			}
		})
	}
}

// TestNativeSeparate: what was stripped lies in a file of its own, which the build ID or a link leads to.
func TestNativeSeparate(t *testing.T) {
	file := source(t, "client.c")
	want := wantNative(t, file)
	separate := func(t *testing.T) (program, debug string) {
		program = compile(t, "gcc", "-O2", "-g", "-Wl,--build-id", file)
		debug = program + ".debug"
		run(t, "objcopy", "--only-keep-debug", program, debug)
		run(t, "strip", program)
		return program, debug
	}
	t.Run("link", func(t *testing.T) {
		program, debug := separate(t)
		run(t, "objcopy", "--add-gnu-debuglink="+debug, program)
		checkNative(t, exec.Command(program), file)
	})
	t.Run("link to another", func(t *testing.T) {
		program, debug := separate(t)
		run(t, "objcopy", "--add-gnu-debuglink="+debug, program)
		run(t, "objcopy", "--strip-debug", debug) // its checksum is another now
		got, err := new(Reader).Stack(startBlocked(t, exec.Command(program)))
		if err != nil || len(got) == 0 || got[0].Line != 0 || got[0].Function != "" {
			t.Errorf("\ngot  %+v, %v\nwant a place in the file", got, err)
		}
	})
	t.Run("build ID", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("not root, which alone may write to /usr/lib/debug and change the root directory")
		}
		// In the program's own root: one that has no more than the program.
		static := compile(t, "gcc", "-O2", "-g", "-static", "-Wl,--build-id", file)
		root := t.TempDir()
		id := regexp.MustCompile(`Build ID: ([0-9a-f]+)`).FindStringSubmatch(run(t, "readelf", "-n", static))
		if id == nil {
			t.Fatal("no build ID")
		}
		place := filepath.Join(root, "usr/lib/debug/.build-id", id[1][:2])
		if err := os.MkdirAll(place, 0o755); err != nil {
			t.Fatal(err)
		}
		run(t, "objcopy", "--only-keep-debug", static, filepath.Join(place, id[1][2:]+".debug"))
		run(t, "strip", "-o", filepath.Join(root, "program"), static)
		got, err := (&Reader{patience: time.Minute}).Stack(startBlocked(t, exec.Command("chroot", root, "/program")))
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			want[i].Text = "" // the source is not in that root
		}
		if !slices.Equal(got, want) {
			t.Errorf("\ngot  %+v\nwant %+v", got, want)
		}
	})
}

// TestNativeBeside compares stacks of programs as Debian has them, stripped and optimised, with what gdb says, which has all registers:
// each frame is the same, as far as the stack goes.
func TestNativeBeside(t *testing.T) {
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("no gdb")
	}
	for _, command := range []string{"cat", "sort", "sed p", "perl -ne print", "bash", "dash", "wc", "awk 1", "ssh-keygen -lf -", "openssl sha256"} {
		t.Run(command, func(t *testing.T) {
			argv := strings.Fields(command)
			if _, err := exec.LookPath(argv[0]); err != nil {
				t.Skipf("no %s", argv[0])
			}
			tid := startBlocked(t, exec.Command(argv[0], argv[1:]...))
			p, err := openProcess(tid)
			if err != nil {
				t.Fatal(err)
			}
			mem := newMemory(p.tgid)
			defer mem.release()
			n := &native{reader: new(Reader)}
			if err := n.load(p, mem); err != nil {
				t.Fatal(err)
			}
			codes, err := n.unwind(p, mem)
			if err != nil {
				t.Fatal(err)
			}
			text := run(t, "timeout", "60", "gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set auto-load off",
				"-ex", "set backtrace past-main on", "-ex", "python\nf=gdb.newest_frame()\nwhile f:\n  print('pc', hex(f.pc())) if f.type()!=gdb.INLINE_FRAME else 0\n  f=f.older()", "-p", fmt.Sprint(tid))
			var want []string
			for _, m := range regexp.MustCompile(`pc 0x([0-9a-f]+)`).FindAllStringSubmatch(text, -1) {
				want = append(want, m[1])
			}
			var got []string
			for i, c := range codes {
				pc := c.pc
				if i > 0 {
					pc++ // back from the call to the return address
				}
				got = append(got, fmt.Sprintf("%x", pc))
			}
			if len(got) < 2 || len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Errorf("\ngot  %s\nwant %s", got, want)
			}
			t.Logf("%d of %d frames", len(got), len(want))
		})
	}
}
