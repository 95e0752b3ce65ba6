package demo

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// The case's addresses. The server's real one is nobody's business: 203.0.113.0/24 is for documentation (RFC 5737).
var (
	gearAddr   = netip.AddrFrom4([4]byte{172, 16, 6, 170})
	serverAddr = netip.AddrFrom4([4]byte{203, 0, 113, 10})
)

const serverPort = 8001

// message is what the process in the namespaces sends: the stage once it is there, then each run.
type message struct {
	Stage *Stage
	Run   *Run
	Error string
}

// playInNamespaces plays in a process in namespaces of its own. As long as p has no stage, an error means that there can be
// none here.
func playInNamespaces(ctx context.Context, dir string, p *player) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd, err := startNetwork(ctx, dir, w)
	w.Close()
	if err != nil {
		return err
	}
	err = p.follow(gob.NewDecoder(r))
	if err != nil {
		_ = cmd.Process.Kill()
	}
	if e := cmd.Wait(); err == nil && e != nil {
		err = fmt.Errorf("the process in the namespaces: %w", e)
	}
	return err
}

// follow passes on what the process in the namespaces sends, to its end.
func (p *player) follow(in *gob.Decoder) error {
	for p.stage == nil || p.done < len(p.plan) {
		var m message
		if err := in.Decode(&m); err != nil {
			return fmt.Errorf("the process in the namespaces ended early: %w", err)
		}
		switch {
		case m.Error != "":
			return errors.New(m.Error)
		case m.Stage != nil:
			p.start(m.Stage)
		case m.Run != nil:
			p.end(m.Run)
		}
	}
	return nil
}

// startNetwork starts the process in the namespaces. Root can do without a user namespace, where those are
// turned off and network namespaces are not.
func startNetwork(ctx context.Context, dir string, result *os.File) (*exec.Cmd, error) {
	start := func(attr *syscall.SysProcAttr) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, "/proc/self/exe")
		cmd.Args = []string{networkName, dir}
		cmd.ExtraFiles = []*os.File{result}
		cmd.Stderr = os.Stderr
		own(attr)
		cmd.SysProcAttr = attr
		return cmd, cmd.Start()
	}
	cmd, err := start(&syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	})
	if err != nil && os.Geteuid() == 0 {
		var second error
		if cmd, second = start(&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}); second == nil {
			return cmd, nil
		}
	}
	return cmd, withWhy(err)
}

// own makes a process ours to end. It ends with this process, however that ends: the signal is sent when the thread ends that
// started it (PR_SET_PDEATHSIG(2const)), and the Go runtime ends no thread but that of a goroutine which ends while
// it is locked to it. It is out of the terminal's foreground group, so that of a key's signal it hears from us alone.
func own(attr *syscall.SysProcAttr) { attr.Pdeathsig, attr.Setpgid = unix.SIGKILL, true }

// withWhy says what it is that forbids namespaces.
func withWhy(err error) error {
	errno := unix.Errno(0)
	if !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case unix.EPERM, unix.EACCES:
		return fmt.Errorf("user namespaces are forbidden: %w", errno)
	case unix.ENOSPC:
		return fmt.Errorf("user.max_user_namespaces or user.max_net_namespaces allows no more: %w", errno)
	}
	return fmt.Errorf("clone with CLONE_NEWUSER and CLONE_NEWNET: %w", errno)
}

// network is the process in the namespaces.
func network(dir string) error {
	unix.CloseOnExec(resultFD)
	out := gob.NewEncoder(os.NewFile(resultFD, "result"))
	server := netip.AddrPortFrom(serverAddr, serverPort)
	if err := setUp(gearAddr, serverAddr); err != nil {
		return out.Encode(message{Error: err.Error()})
	}
	l, err := greet(server, gearAddr)
	if err != nil {
		return out.Encode(message{Error: err.Error()})
	}
	defer l.Close()
	s := &Stage{Network: Namespaces, Server: server, Gear: gearAddr, Profile: gearProfile}
	if err := out.Encode(message{Stage: s}); err != nil {
		return err
	}
	if err := perform(context.Background(), s, dir, func(r *Run) error { return out.Encode(message{Run: r}) }); err != nil {
		return out.Encode(message{Error: err.Error()})
	}
	return nil
}
