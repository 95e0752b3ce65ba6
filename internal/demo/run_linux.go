package demo

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
	"github.com/sallyport/sallyport/supervise"
	"golang.org/x/sys/unix"
)

// order is what a process of one run is to do, as JSON in its second argument.
type order struct {
	Program     []string
	WithoutBind bool
	Server      netip.AddrPort
}

// outcome is what it found, as gob.
type outcome struct {
	Error      string
	ExitStatus int
	Took       time.Duration
	Findings   []diagnose.Finding
	Notes      []diagnose.Note
	Lives      []*attempt.Life
}

// supervised makes one run, by a process of its own, as sallyport run is one: the program inherits its streams.
func supervised(ctx context.Context, r *Run, s *Stage, dir string) error {
	arg, err := json.Marshal(order{r.Program, r.WithoutBind, s.Server})
	if err != nil {
		return err
	}
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	var saw bytes.Buffer
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args, cmd.Dir = []string{runName, string(arg)}, dir
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &saw, &saw, []*os.File{out}
	cmd.Env = clientEnvironment(s.Server)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	own(cmd.SysProcAttr)
	cmd.WaitDelay = time.Second // for the streams, where it was killed and the program was not
	err = cmd.Start()
	out.Close()
	if err != nil {
		return err
	}
	var o outcome
	err = gob.NewDecoder(in).Decode(&o)
	werr := cmd.Wait()
	switch {
	case o.Error != "":
		return errors.New(o.Error)
	case err != nil || werr != nil:
		return fmt.Errorf("the process of %s: %w\n%s", r.Program[0], errors.Join(err, werr), saw.String())
	}
	r.Saw = saw.String()
	if dir != "" {
		r.Saw = strings.ReplaceAll(r.Saw, dir+"/", "")
	}
	r.ExitStatus, r.Took, r.Findings, r.Notes, r.Lives = o.ExitStatus, o.Took, o.Findings, o.Notes, o.Lives
	r.listen()
	return nil
}

// clientEnvironment is this process's environment, less what the profile is to set, and with the server's address.
func clientEnvironment(server netip.AddrPort) []string {
	env := []string{serverVariable + "=" + server.String(), "PYTHON_COLORS=0"}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != gearVariable && name != serverVariable {
			env = append(env, v)
		}
	}
	return env
}

// supervise1 is the process of one run.
func supervise1(arg string) error {
	unix.CloseOnExec(resultFD)
	var o order
	if err := json.Unmarshal([]byte(arg), &o); err != nil {
		return err
	}
	result, err := o.carryOut()
	if err != nil {
		result.Error = err.Error()
	}
	return gob.NewEncoder(os.NewFile(resultFD, "result")).Encode(result)
}

func (o *order) carryOut() (outcome, error) {
	p, err := stageProfile(o.Server.Addr())
	if err != nil {
		return outcome{}, err
	}
	path := "/proc/self/exe" // one of the clients
	if o.Program[0] == "python3" {
		if path, _, err = supervise.LookPath(o.Program[0]); err != nil {
			return outcome{}, err
		}
	}
	var v *diagnose.Investigation
	s := supervise.New(supervise.Options{
		Path: path, Args: o.Program, Profile: p, Elide: supervise.Elide{TCP: o.WithoutBind},
		OnFailed: func(l *attempt.Life, r attempt.Result) { v.Failed(l, r) },
	})
	v = diagnose.New(s, diagnose.ReadFacts, diagnose.Options{Program: o.Program})
	defer v.Close()
	if err := s.Start(); err != nil {
		if errors.Is(err, unix.EBUSY) {
			return outcome{}, fmt.Errorf("can't watch a program here: another supervisor does already (a sallyport around this one?), and only one can: %w", err)
		}
		return outcome{}, fmt.Errorf("can't watch a program here: %w", err)
	}
	defer s.Close()
	begin := time.Now()
	exit, err := s.Wait()
	if err != nil {
		return outcome{}, err
	}
	out := outcome{ExitStatus: exit.Status, Took: time.Since(begin)}
	if exit.Signal != 0 {
		out.ExitStatus = 128 + exit.Signal
	}
	out.Lives, _ = s.Lives()
	out.Findings, out.Notes = v.Findings(context.Background(), out.Lives)
	return out, nil
}
