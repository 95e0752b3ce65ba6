package callsite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// javas are the Java machines that are installed here, by their release.
func javas(t testing.TB) map[string]string {
	t.Helper()
	list := map[string]string{}
	found, _ := filepath.Glob("/usr/lib/jvm/*/bin/java")
	for _, path := range found {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		text, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(real)), "release"))
		_, version, _ := strings.Cut(string(text), "JAVA_VERSION=\"")
		version, _, _ = strings.Cut(version, "\"")
		list[version] = real
	}
	if len(list) == 0 {
		t.Skip("no Java in /usr/lib/jvm")
	}
	return list
}

// compileJava compiles a file of testdata/java with the oldest bytecode there is a use for, and names the directory.
func compileJava(t testing.TB, name string) string {
	t.Helper()
	javac, err := exec.LookPath("javac")
	if err != nil {
		t.Skip("no javac")
	}
	dir := t.TempDir()
	if out, err := exec.Command(javac, "--release", "11", "-g", "-d", dir, "testdata/java/"+name).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return dir
}

// markedFrames are the frames that a source tells by "// frame N".
func markedFrames(t *testing.T, file string, frames int) []int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]int, frames)
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if _, mark, ok := strings.Cut(line, "// frame "); ok {
			var n int
			fmt.Sscan(mark, &n)
			if n < frames {
				lines[n] = number
			}
		}
	}
	return lines
}

// TestJava reads the stack of a Java program that is interpreted, compiled by either compiler, and compiled with methods
// inlined into each other.
func TestJava(t *testing.T) {
	classes := compileJava(t, "Stacks.java")
	functions := []string{"leaf", "middle", "outer", "deeper", "deeper", "lambda$main$0", "main"}
	lines := markedFrames(t, "testdata/java/Stacks.java", len(functions))
	for version, java := range javas(t) {
		for _, c := range []struct {
			name, flag, hot string
			inlined         bool
		}{
			{"cold", "-Xmixed", "0", false},
			{"interpreted", "-Xint", "2000", false},
			{"hot", "-Xmixed", "60000", true},
			{"C1", "-XX:TieredStopAtLevel=1", "60000", true},
			{"compiled first", "-Xcomp", "3000", false},
			{"no signals", "-Xrs", "0", false},
			{"no attach", "-XX:+DisableAttachMechanism", "0", false},
			{"no perf data", "-XX:-UsePerfData", "0", false},
			{"Serial", "-XX:+UseSerialGC", "60000", true},
			{"Parallel", "-XX:+UseParallelGC", "60000", true},
			{"one code heap", "-XX:-SegmentedCodeCache", "60000", true},
			{"frame pointers", "-XX:+PreserveFramePointer", "60000", true},
			{"wide pointers", "-XX:-UseCompressedClassPointers", "0", false},
		} {
			t.Run(version+" "+c.name, func(t *testing.T) {
				if c.flag == "-XX:-UseCompressedClassPointers" && !strings.HasPrefix(version, "17") {
					t.Skip("deprecated: it warns")
				}
				cmd := exec.Command(java, c.flag, "-cp", classes, "acme.net.Stacks", c.hot)
				tid := startBlocked(t, cmd)
				got, err := Stack(tid)
				if err != nil {
					t.Fatal(err)
				}
				var want []attempt.Frame
				for i, f := range functions {
					want = append(want, attempt.Frame{File: "acme/net/Stacks.java", Line: lines[i], Function: "acme.net.Stacks." + f})
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("\ngot  %+v\nwant %+v", got, want)
				}
				if c.inlined && !sawInlined(t, tid) {
					t.Error("no frame of compiled code had a method inlined, expected some after so many calls")
				}
			})
		}
	}
}

// sawInlined reports whether one frame on the stack stands for several methods.
func sawInlined(t *testing.T, tid int) (saw bool) {
	t.Helper()
	eachJavaFrame(t, tid, func(_ *jvm, _ *memory, _ javaFrame, methods []attempt.Frame) { saw = saw || len(methods) > 1 })
	return saw
}

// eachJavaFrame calls do for each frame on the thread's stack, with the methods that it stands for.
func eachJavaFrame(t *testing.T, tid int, do func(*jvm, *memory, javaFrame, []attempt.Frame)) {
	t.Helper()
	p, err := openProcess(tid)
	if err != nil {
		t.Fatal(err)
	}
	mem := newMemory(p.tgid)
	defer mem.release()
	rt, err := shared.runtime(p, mem)
	if err != nil {
		t.Fatal(err)
	}
	j := rt.(*jvm)
	anchor, err := j.anchorOf(p, mem)
	if err != nil {
		t.Fatal(err)
	}
	for f, ok, err := j.lastFrame(mem, anchor); ok && err == nil; {
		at := f
		var methods []attempt.Frame
		methods, f, ok, err = j.step(mem, nil, f)
		do(j, mem, at, methods)
	}
}

// TestJavaVirtual reads the stack of a virtual thread: its innermost frames at least, and none of another's.
func TestJavaVirtual(t *testing.T) {
	classes := compileJava(t, "Stacks.java")
	for version, java := range javas(t) {
		if version < "21" {
			continue
		}
		for _, hot := range []string{"0", "60000"} {
			t.Run(version+" hot "+hot, func(t *testing.T) {
				tid := startBlocked(t, exec.Command(java, "-cp", classes, "acme.net.Stacks", hot, "virtual"))
				got, err := Stack(tid)
				if err != nil || len(got) == 0 {
					t.Fatalf("%+v, %v", got, err)
				}
				lines := markedFrames(t, "testdata/java/Stacks.java", 6)
				for i, f := range got {
					if i >= len(lines) || f.Line != lines[i] {
						t.Errorf("frame %d is %+v, want lines %v", i, f, lines)
					}
				}
			})
		}
	}
}

// TestJavaCost logs what a stack takes.
func TestJavaCost(t *testing.T) {
	classes := compileJava(t, "Stacks.java")
	for version, java := range javas(t) {
		tid := startBlocked(t, exec.Command(java, "-cp", classes, "acme.net.Stacks", "60000"))
		var r Reader
		first := time.Now()
		if _, err := r.Stack(tid); err != nil {
			t.Fatal(err)
		}
		next := time.Now()
		const times = 100
		for range times {
			if _, err := r.Stack(tid); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("Java %s: first %v, then %v", version, next.Sub(first), time.Since(next)/times)
	}
}

// TestJavaThrownAway reads a stack while its compiled methods are thrown away, as a class is loaded that they were compiled
// without: HotSpot then changes return addresses on the stack.
func TestJavaThrownAway(t *testing.T) {
	classes := compileJava(t, "Thrown.java")
	lines := markedFrames(t, "testdata/java/Thrown.java", 3)
	for version, java := range javas(t) {
		t.Run(version, func(t *testing.T) {
			tid := startBlocked(t, exec.Command(java, "-cp", classes, "Thrown"))
			compiled, thrown := 0, 0
			for end := time.Now().Add(10 * time.Second); thrown == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				c, d := compiledFrames(t, tid)
				compiled, thrown = compiled+c, thrown+d
				got, err := Stack(tid)
				if err != nil || len(got) != 3 || got[0].Line != lines[0] || got[1].Line != lines[1] || got[2].Line != lines[2] {
					t.Fatalf("after %d compiled frames, %d thrown away: %+v, %v, want lines %v", compiled, thrown, got, err, lines)
				}
			}
			if compiled == 0 || thrown == 0 {
				t.Errorf("saw %d compiled frames and %d thrown away, want both", compiled, thrown)
			}
		})
	}
}

// TestJavaThreadsComeAndGo reads a stack again and again while other threads start and end, each of which replaces the list of threads:
// it is found each time, and nothing is told of it but Java's frames.
func TestJavaThreadsComeAndGo(t *testing.T) {
	classes := compileJava(t, "Churn.java")
	lines := markedFrames(t, "testdata/java/Churn.java", 1)
	for version, java := range javas(t) {
		t.Run(version, func(t *testing.T) {
			tid := startBlocked(t, exec.Command(java, "-cp", classes, "Churn"))
			var r Reader
			for i := range 2000 {
				got, err := r.Stack(tid)
				if err != nil || len(got) != 1 || got[0].Line != lines[0] {
					t.Fatalf("stack %d: %+v, %v, want line %d", i, got, err, lines[0])
				}
			}
		})
	}
}

// compiledFrames counts the compiled frames on the stack, and those of them that are to be thrown away.
func compiledFrames(t *testing.T, tid int) (compiled, thrown int) {
	t.Helper()
	eachJavaFrame(t, tid, func(j *jvm, mem *memory, f javaFrame, _ []attempt.Frame) {
		if interpreted, err := j.interprets(mem, f.pc); err != nil || interpreted {
			return
		}
		if blob, err := j.blob(mem, f.pc); err == nil {
			compiled++
			if m, err := j.method(mem, blob); err == nil && m.thrownAway(f.pc) {
				thrown++
			}
		}
	})
	return compiled, thrown
}
