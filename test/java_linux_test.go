package test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// compileJava compiles a program of testdata, where every user may read it, and names the directory.
func compileJava(t *testing.T, source string) string {
	t.Helper()
	javac := testhost.Need(t, "javac", "default-jdk-headless")
	dir, err := os.MkdirTemp("", "sallyport-java-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(javac, "--release", "11", "-d", dir, testdata(t, source)).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	return dir
}

// javas are the Java machines that are installed here.
func javas(t *testing.T) map[string]string {
	t.Helper()
	list := map[string]string{}
	found, _ := filepath.Glob("/usr/lib/jvm/*/bin/java")
	for _, path := range found {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			list[filepath.Base(filepath.Dir(filepath.Dir(real)))] = real
		}
	}
	if len(list) == 0 {
		t.Skip("no Java in /usr/lib/jvm")
	}
	return list
}

// output is what a program wrote, and how it ended.
type output struct {
	stdout, stderr string
	status         int
}

func outputOf(t *testing.T, argv []string) output {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	cmd.Wait()
	kill.Stop()
	return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// TestWhereJava looks for the line of a Java program that failed to connect or bind, by each of Java's ways, in machines
// set up in ways that would keep others from asking them; what the program writes is as it is bare.
func TestWhereJava(t *testing.T) {
	classes := compileJava(t, "Failing.java")
	for name, java := range javas(t) {
		for _, c := range []struct {
			name  string
			how   string
			flags []string // the machine's
			where string   // sallyport's --where
			told  bool     // the stack is of the call that learned of it
		}{
			{name: "socket", how: "socket", where: "failed"},
			{name: "timeout", how: "timeout", where: "failed"},
			{name: "timeout, where all", how: "timeout", where: "all"},
			{name: "channel", how: "channel", where: "failed"},
			{name: "bind", how: "bind", where: "failed"},
			{name: "no signals", how: "socket", flags: []string{"-Xrs"}, where: "failed"},
			{name: "no attach", how: "socket", flags: []string{"-XX:+DisableAttachMechanism"}, where: "failed"},
			{name: "no perf data", how: "socket", flags: []string{"-XX:-UsePerfData"}, where: "failed"},
			{name: "interpreted", how: "socket", flags: []string{"-Xint"}, where: "failed"},
		} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				program := append(append([]string{java}, c.flags...), "-cp", classes, "Failing", c.how, "9")
				want := outputOf(t, program)
				report := filepath.Join(t.TempDir(), "report.json")
				argv := []string{sallyport(t), "run", "--no-counterfactuals", "--output", "json", "--report", report, "--where", c.where, "--"}
				if got := outputOf(t, append(argv, program...)); got != want {
					t.Errorf("\ngot  %+v\nwant %+v", got, want)
				}
				wantWhere(t, report, "// "+c.how, "// main", c.told)
			})
		}
	}
}

// wantWhere compares the place of the one finding with the lines of testdata/Failing.java that have these marks.
func wantWhere(t *testing.T, report, call, caller string, told bool) {
	t.Helper()
	r := readReport(t, report)
	if len(r.Findings) != 1 || len(r.Findings[0].Where) != 2 || r.Findings[0].WhereTold != told {
		t.Fatalf("%+v\nwant one finding, its place two frames, told %v", r.Findings, told)
	}
	text, err := os.ReadFile(testdata(t, "Failing.java"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, f := range r.Findings[0].Where {
		mark := []string{call, caller}[i]
		if f.File != "Failing.java" || f.Function != "Failing."+[]string{"connect", "main"}[i] || f.Line < 1 || f.Line > len(lines) || !strings.HasSuffix(lines[f.Line-1], mark) {
			t.Errorf("frame %d: %+v, want the line with %s", i, f, mark)
		}
	}
}

// TestJavaStartsAlike starts Java machines that fail to connect at once, one after another, with all places looked for: what
// they write and how they end never differs.
func TestJavaStartsAlike(t *testing.T) {
	classes := compileJava(t, "Failing.java")
	times := 50
	if testing.Short() {
		times = 5
	}
	for name, java := range javas(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := []string{java, "-Xshare:auto", "-cp", classes, "Failing", "socket", "9"}
			want := outputOf(t, program)
			report := filepath.Join(t.TempDir(), "report.json")
			argv := append([]string{sallyport(t), "run", "--no-counterfactuals", "--output", "json", "--report", report, "--where", "all", "--"}, program...)
			for i := range times {
				if got := outputOf(t, argv); got != want {
					t.Fatalf("start %d\ngot  %+v\nwant %+v", i, got, want)
				}
				wantWhere(t, report, "// socket", "// main", false)
			}
		})
	}
}

// TestWhereJavaElsewhere looks for the line of a Java program of another user, and of one in a pid namespace of its own.
func TestWhereJavaElsewhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	classes := compileJava(t, "Failing.java")
	for name, java := range javas(t) {
		for _, c := range []struct {
			name string
			argv []string
		}{
			{"another user", []string{testhost.Need(t, "setpriv", "util-linux"), "--reuid=65534", "--regid=65534", "--clear-groups"}},
			{"a pid namespace", []string{testhost.Need(t, "unshare", "util-linux"), "--pid", "--fork", "--mount-proc"}},
		} {
			t.Run(name+" "+c.name, func(t *testing.T) {
				program := append(append([]string(nil), c.argv...), java, "-cp", classes, "Failing", "socket", "9")
				want := outputOf(t, program)
				report := filepath.Join(t.TempDir(), "report.json")
				argv := []string{sallyport(t), "run", "--no-counterfactuals", "--output", "json", "--report", report, "--"}
				if got := outputOf(t, append(argv, program...)); got != want {
					t.Errorf("\ngot  %+v\nwant %+v", got, want)
				}
				wantWhere(t, report, "// socket", "// main", false)
			})
		}
	}
}

// TestWhereJavaStorm takes the stacks of thousands of calls, from many threads, while methods are compiled and memory is
// collected: each is the right one.
func TestWhereJavaStorm(t *testing.T) {
	classes := compileJava(t, "Storm.java")
	for name, java := range javas(t) {
		for _, flag := range []string{"-Xmx32m", "-Xcomp", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"} {
			t.Run(name+" "+flag, func(t *testing.T) {
				events := filepath.Join(t.TempDir(), "events")
				argv := []string{sallyport(t), "run", "--no-counterfactuals", "--report", os.DevNull, "--events", events, "--where", "all", "--"}
				if got := outputOf(t, append(argv, java, flag, "-cp", classes, "Storm")); got != (output{}) {
					t.Fatalf("%+v, want nothing", got)
				}
				text, err := os.ReadFile(events)
				if err != nil {
					t.Fatal(err)
				}
				depths := map[string]int{}
				for line := range strings.Lines(string(text)) {
					var e struct {
						Call  string
						Where []struct{ Function string }
					}
					if err := json.Unmarshal([]byte(line), &e); err != nil {
						t.Fatal(err)
					}
					if e.Call == "connect" {
						var stack []string
						for _, f := range e.Where {
							stack = append(stack, strings.TrimPrefix(f.Function, "Storm."))
						}
						depths[strings.Join(stack, " ")]++
					}
				}
				want := map[string]int{}
				for depth := range 6 {
					want["connect waste"+strings.Repeat(" deeper", depth+1)+" lambda$main$0"] = 500
				}
				if !maps.Equal(depths, want) {
					t.Errorf("\ngot  %v\nwant %v", depths, want)
				}
			})
		}
	}
}
