package demo

import (
	"embed"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// gearProfile is the built-in profile that the scripts run under.
const gearProfile = "openshift-v2-gear"

//go:embed script1.py script2.py script3.py
var scripts embed.FS

// plan is the runs of a demo, in order.
func plan(s *Stage, python bool) []Run {
	own := "its own address"
	if p, ok := profile.Builtin(gearProfile); ok {
		own = p.Facts.Environment[gearVariable]
	}
	runs := []Run{
		{Script: 1, Does: "binds to $" + gearVariable + ", which is " + own + ", then connects", Want: attempt.OutcomeOf(attempt.ETIMEDOUT)},
		{Script: 2, Does: "binds to ('', 0), any address, then connects", Want: attempt.OutcomeOf(attempt.EACCES)},
		{Script: 3, Does: "connects, without a bind", Want: attempt.OutcomeOf(0)},
		{Script: 2, Does: "unchanged, under sallyport run --without-bind", WithoutBind: true, Want: attempt.OutcomeOf(0)},
	}
	for i := range runs {
		port := strconv.Itoa(int(s.Server.Port()))
		runs[i].Program = []string{clientNames[runs[i].Script-1], Name, port}
		if python {
			// By address: a resolver may be a daemon, which would ask the world outside for the name.
			runs[i].Program = []string{"python3", scriptFile(runs[i].Script), s.Server.Addr().String(), port}
		}
	}
	return runs
}

func scriptFile(script int) string { return fmt.Sprintf("script%d.py", script) }

// writeScripts writes the scripts in Python to a new directory.
func writeScripts() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "sallyport-demo-"); err != nil {
		return "", fmt.Errorf("make a directory for the scripts: %w", err)
	}
	for i := range clientNames {
		name := scriptFile(i + 1)
		b, err := scripts.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			os.RemoveAll(dir)
			return "", fmt.Errorf("write the scripts: %w", err)
		}
	}
	return dir, nil
}

var (
	spokenErrno = regexp.MustCompile(`\[Errno (\d+)\]`) // also as Python's OSError has it
	spokenLocal = regexp.MustCompile(`(?m)^connected from (\S+)$`)
)

// listen reads off what a program wrote how its attempt ended.
func (r *Run) listen() {
	r.Outcome = attempt.Outcome{Kind: attempt.Failed}
	if m := spokenErrno.FindStringSubmatch(r.Saw); m != nil {
		if n, err := strconv.ParseUint(m[1], 10, 16); err == nil {
			r.Outcome = attempt.OutcomeOf(attempt.Errno(n))
		}
		return
	}
	if m := spokenLocal.FindStringSubmatch(r.Saw); m != nil && r.ExitStatus == 0 {
		r.Local, _ = netip.ParseAddrPort(m[1])
		r.Outcome = attempt.OutcomeOf(0)
	}
}
