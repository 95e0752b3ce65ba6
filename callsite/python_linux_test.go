package callsite

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

// interpreter is a Python that is installed here.
type interpreter struct {
	name, path string
	version    pythonVersion
}

// interpreters are the system's python3 and pyenv's, of the versions that are understood.
func interpreters(t testing.TB) []interpreter {
	t.Helper()
	candidates := []string{"/usr/bin/python3"}
	if home, err := os.UserHomeDir(); err == nil {
		root := filepath.Join(home, ".pyenv")
		if env := os.Getenv("PYENV_ROOT"); env != "" {
			root = env
		}
		found, _ := filepath.Glob(filepath.Join(root, "versions", "*", "bin", "python"))
		candidates = append(candidates, found...)
	}
	var list []interpreter
	for _, path := range candidates {
		out, err := exec.Command(path, "-c", "import sys; print('%d %d %d' % sys.version_info[:3])").Output()
		if err != nil {
			continue
		}
		var major, minor, micro int
		fmt.Sscan(string(out), &major, &minor, &micro)
		name := fmt.Sprintf("%d.%d.%d", major, minor, micro)
		if path == "/usr/bin/python3" {
			name = "system-" + name
		}
		list = append(list, interpreter{name, path, pythonVersion(major<<8 | minor)})
	}
	return list
}

// TestPython runs each script with each Python, and compares the stack with the frames that the script's comments
// tell: of some frames, by their number from the innermost.
func TestPython(t *testing.T) {
	list := interpreters(t)
	for version := pythonVersion(0x0308); version <= 0x030e; version++ {
		if !slices.ContainsFunc(list, func(i interpreter) bool { return i.version == version }) {
			t.Run(fmt.Sprintf("3.%d", version&0xff), func(t *testing.T) { t.Skip("not installed") })
		}
	}
	scripts, err := filepath.Glob("testdata/*.py")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, python := range list {
		t.Run(python.name, func(t *testing.T) {
			t.Parallel()
			var r Reader
			for _, script := range scripts {
				t.Run(strings.TrimSuffix(filepath.Base(script), ".py"), func(t *testing.T) {
					if base := filepath.Base(script); python.version < 0x0300 && (base == "names.py" || base == "asynchronous.py") {
						t.Skip("Python 2 has no such thing")
					}
					tid := startBlocked(t, exec.Command(python.path, script))
					frames, err := r.Stack(tid)
					if err != nil {
						t.Fatal(err)
					}
					checkFrames(t, python, script, frames)
				})
			}
		})
	}
}

var frameMark = regexp.MustCompile(`frame (\d+): ([^;\n]+)`)

// checkFrames compares frames with the comments of the script. Python before 3.11 has no qualified names.
func checkFrames(t *testing.T, python interpreter, script string, frames []attempt.Frame) {
	t.Helper()
	source, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	if len(frames) > maxFrames {
		t.Errorf("%d frames, expected %d at most", len(frames), maxFrames)
	}
	for i, line := range strings.Split(string(source), "\n") {
		for _, mark := range frameMark.FindAllStringSubmatch(line, -1) {
			n, _ := strconv.Atoi(mark[1])
			name := mark[2]
			if python.version < 0x030b {
				name = name[strings.LastIndex(name, ".")+1:]
			}
			want := attempt.Frame{File: script, Line: i + 1, Function: name, Text: strings.TrimSpace(line)}
			if n >= len(frames) {
				t.Errorf("frame %d is missing\nwant %+v", n, want)
				continue
			}
			got := frames[n]
			if python.version >= 0x0309 { // since then the main script's name is made absolute
				got.File = strings.TrimPrefix(got.File, mustAbs(t, ".")+"/")
			}
			if got != want {
				t.Errorf("frame %d\ngot  %+v\nwant %+v", n, got, want)
			}
		}
	}
	if t.Failed() {
		t.Logf("all frames: %+v", frames)
	}
}

func mustAbs(t testing.TB, name string) string {
	t.Helper()
	abs, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// TestPythonWithoutSource: the stack is told where there is no text to tell.
func TestPythonWithoutSource(t *testing.T) {
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "gone.py")
			if err := os.WriteFile(script, []byte("import os\n\nos.read(0, 1)\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			tid := startBlocked(t, exec.Command(python.path, script))
			if err := os.Remove(script); err != nil {
				t.Fatal(err)
			}
			frames, err := Stack(tid)
			if err != nil {
				t.Fatal(err)
			}
			want := attempt.Frame{File: script, Line: 3, Function: "<module>"}
			if len(frames) != 1 || frames[0] != want {
				t.Errorf("\ngot  %+v\nwant %+v", frames, want)
			}
		})
	}
}

// TestPythonZip: a file name that leads into an archive is no file.
func TestPythonZip(t *testing.T) {
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "app.zip")
			pack := exec.Command(python.path, "-c", `if 1:
				import sys, zipfile
				z = zipfile.ZipFile(sys.argv[1], 'w')
				z.writestr('__main__.py', 'import os\n\nos.read(0, 1)\n')
				z.close()`, archive)
			if out, err := pack.CombinedOutput(); err != nil {
				t.Skipf("no zipfile module: %s", out)
			}
			frames, err := Stack(startBlocked(t, exec.Command(python.path, archive)))
			if err != nil {
				t.Fatal(err)
			}
			want := attempt.Frame{File: filepath.Join(archive, "__main__.py"), Line: 3, Function: "<module>"}
			if frames[0] != want {
				t.Errorf("\ngot  %+v\nwant %+v", frames[0], want)
			}
		})
	}
}

// TestPythonVenv: the interpreter is a link to another.
func TestPythonVenv(t *testing.T) {
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := exec.Command(python.path, "-m", "venv", "--without-pip", dir).CombinedOutput(); err != nil {
				t.Skipf("no venv module: %s", bytes.TrimSpace(out))
			}
			script := "testdata/function.py"
			frames, err := Stack(startBlocked(t, exec.Command(filepath.Join(dir, "bin", "python"), script)))
			if err != nil {
				t.Fatal(err)
			}
			checkFrames(t, python, script, frames)
		})
	}
}

// TestPythonStripped: an interpreter whose library has no symbols but the exported ones.
func TestPythonStripped(t *testing.T) {
	strip, err := exec.LookPath("strip")
	if err != nil {
		t.Skip("no strip (package binutils)")
	}
	for _, python := range interpreters(t) {
		t.Run(python.name, func(t *testing.T) {
			libs, _ := filepath.Glob(filepath.Join(filepath.Dir(python.path), "..", "lib", "libpython*.so.1.0"))
			if len(libs) == 0 {
				t.Skip("no libpython of its own")
			}
			lib := filepath.Join(t.TempDir(), filepath.Base(libs[0]))
			if out, err := exec.Command(strip, "-o", lib, libs[0]).CombinedOutput(); err != nil {
				t.Fatalf("strip: %s", out)
			}
			script := "testdata/thread.py"
			cmd := exec.Command(python.path, script)
			cmd.Env = append(os.Environ(), "LD_PRELOAD="+lib)
			frames, err := Stack(startBlocked(t, cmd))
			if err != nil {
				t.Fatal(err)
			}
			checkFrames(t, python, script, frames)
		})
	}
}
