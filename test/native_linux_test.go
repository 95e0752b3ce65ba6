package test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhereNative looks for the line of a C program that led to a connect, under a profile that denies it: nothing leaves the machine.
func TestWhereNative(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	for _, flags := range []string{"-O0 -g", "-O2 -g"} {
		t.Run(flags, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "client")
			source, err := filepath.Abs("testdata/client.c")
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("gcc", append(strings.Fields(flags), "-o", program, source)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := exec.Command(sallyport(t), "run", "--profile", "connect-only-landlock", "--", program).CombinedOutput()
			if want := source + ":12 in dial\n"; err == nil || !strings.Contains(string(out), want) {
				t.Fatalf("%v\n%s\nwant a report with %s", err, out, want)
			}
			argv, path := mode{profile: "connect-only-landlock"}.wrap(t, program)
			if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err == nil {
				t.Fatalf("the program succeeded: %s", out)
			}
			r := readReport(t, path)
			if len(r.Findings) != 1 || len(r.Findings[0].Where) != 2 {
				t.Fatalf("%+v\nwant one finding, with two frames", r.Findings)
			}
			for i, want := range []struct{ function, text string }{{"dial", "bind("}, {"main", "dial("}} {
				got := r.Findings[0].Where[i]
				if got.File != source || got.Function != want.function || !strings.Contains(got.Text, want.text) || got.Line == 0 {
					t.Errorf("%+v, want the line of %s", got, want.function)
				}
			}
		})
	}
}

// TestWhereStripped runs programs as Debian has them: their reports name places in files, and none that is not of theirs.
func TestWhereStripped(t *testing.T) {
	for _, test := range []struct{ command, module string }{
		{"curl -s --interface 127.0.0.1 http://127.0.0.1:9/", "libcurl.so"},
		{"nc.openbsd -s 127.0.0.1 127.0.0.1 9", "nc.openbsd+0x"},
		{"ssh -F none -b 127.0.0.1 -p 9 127.0.0.1", "ssh+0x"},
	} {
		t.Run(test.command, func(t *testing.T) {
			command := strings.Fields(test.command)
			name, err := exec.LookPath(command[0])
			if err != nil {
				t.Skipf("no %s", command[0])
			}
			argv, path := mode{profile: "connect-only-landlock"}.wrap(t, append([]string{name}, command[1:]...)...)
			out, _ := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			r := readReport(t, path)
			if len(r.Findings) == 0 || len(r.Findings[0].Where) == 0 {
				t.Fatalf("%+v\n%s\nwant a finding, with its place", r.Findings, out)
			}
			if got := r.Findings[0].Where[0]; !strings.HasPrefix(got.File, test.module) || got.Line != 0 {
				t.Errorf("%+v, want a place in %s", got, test.module)
			}
			t.Logf("%s", out)
		})
	}
}
