package scenes

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/sallyport/sallyport/internal/testhost"
	"golang.org/x/sys/unix"
)

// deniers are binds that are denied, by each of those who can.
var deniers = []Scene{
	{Name: "bind-landlock-around", Causes: []string{"bind-denied"}, Says: []string{`"denied_by":"landlock"`, "runs inside the same sandbox"}, Make: bindUnder(landlocked, nil)},
	{Name: "bind-landlock-self", Causes: []string{"bind-denied"}, Says: []string{`"denied_by":"landlock"`, "only the program is denied it"}, Make: bindUnder(nil, landlocked)},
	{Name: "bind-cgroup", Causes: []string{"bind-denied"}, Says: []string{`"denied_by":"cgroup-ebpf"`, `\"scene\" (id `}, Make: bindUnder(inCgroup(deny, unix.BPF_CGROUP_INET4_BIND), nil)},
	{
		Name: "bind-cgroup-post", Causes: []string{"bind-denied"}, Says: []string{`"denied_by":"cgroup-ebpf"`},
		Make: bindUnder(inCgroup(deny, unix.BPF_CGROUP_INET4_POST_BIND), nil),
	},
	// The program alone is in the cgroup, sallyport is not.
	{Name: "bind-cgroup-inside", Causes: []string{"bind-denied"}, Says: []string{`"denied_by":"cgroup-ebpf"`, "only the program is denied it"}, Make: bindUnder(nil, inCgroup(deny, unix.BPF_CGROUP_INET4_BIND))},
	// An eBPF program that allows every bind is there, and Landlock denies: which of the two cannot be told from here.
	{
		Name: "bind-two-deniers", Causes: []string{"bind-denied"},
		Says: []string{`"denied_by":""`, "not decided: an eBPF program of the cgroup or Landlock can have denied it"},
		Make: bindUnder(func(t testing.TB) []string {
			return slices.Concat(inCgroup(allow, unix.BPF_CGROUP_INET4_BIND)(t), landlocked(t))
		}, nil),
	},
	// A seccomp filter that denies ranks above sallyport's: the call is never seen.
	{Name: "bind-seccomp", Causes: []string{"bind-denied"}, Says: []string{`"denied_by":"seccomp"`}, Make: bindUnder(forbid("bind"), nil)},
	{Name: "connect-seccomp", Causes: []string{"connect-denied"}, Says: []string{`"denied_by":"seccomp"`}, Make: plainUnder(forbid("connect"), connectTo, server4, "9")},
	{Name: "socket-seccomp", Causes: []string{"socket-denied"}, Says: []string{`"denied_by":"seccomp"`}, Make: plainUnder(forbid("socket"), connectTo, server4, "9")},
	// The filter is there, and the program fails of something else.
	{Name: "seccomp-not-the-cause", Causes: []string{"refused"}, Make: plainUnder(forbid("bind"), connectTo, server4, "9")},
	{Name: "seccomp-no-socket", Make: plainUnder(forbid("bind"), "raise SystemExit(3)")},
	// Landlock does not restrict UDP: what denies that is something else.
	{
		Name: "bind-udp-cgroup", Causes: []string{"bind-denied"}, Says: []string{`"denied_by":"cgroup-ebpf"`},
		Make: func(t testing.TB) Place {
			p := testhost.NewPair(t)
			return Place{Host: p.Client, Under: inCgroup(deny, unix.BPF_CGROUP_INET4_BIND)(t), Argv: python(t, bindUDP)}
		},
	},
}

// bindUnder is a client that binds and connects, with something in force around sallyport too (around), or around the program alone.
func bindUnder(around, inside func(testing.TB) []string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		place := Place{Host: p.Client, Argv: python(t, bindAny, server4, "9")}
		if around != nil {
			place.Under = around(t)
		}
		if inside != nil {
			place.Argv = append(inside(t), place.Argv...)
		}
		return place
	}
}

// forbid runs a program under a seccomp filter that fails one call with EPERM.
func forbid(call string) func(testing.TB) []string {
	return func(t testing.TB) []string { return []string{helper(t, "forbid"), call} }
}

// plainUnder is a program with something in force around it and sallyport.
func plainUnder(around func(testing.TB) []string, script string, args ...string) func(testing.TB) Place {
	return func(t testing.TB) Place {
		return Place{Host: testhost.NewPair(t).Client, Under: around(t), Argv: python(t, script, args...)}
	}
}

const bindAny = `
import socket, sys
s = socket.socket()
s.bind(("", 0))
s.connect((sys.argv[1], int(sys.argv[2])))
`

const bindUDP = `
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(("0.0.0.0", 0))
`

// landlocked runs a program that may bind no TCP socket, by Landlock.
func landlocked(t testing.TB) []string {
	t.Helper()
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || version < 4 {
		t.Skip("needs Landlock with rules for TCP in the kernel (Linux 6.7)")
	}
	return []string{helper(t, "landlock")}
}

// What an eBPF program answers for a call: not with EPERM, or yes.
const (
	deny  = 0
	allow = 1
)

// inCgroup runs a program in a cgroup of its own, where an eBPF program answers for the calls of one kind (BPF_CGROUP_...).
func inCgroup(answer int32, attachType uint32) func(testing.TB) []string {
	return func(t testing.TB) []string {
		t.Helper()
		dir, err := os.MkdirTemp(cgroup2(t), "sallyport-scene-")
		if err != nil {
			t.Skipf("needs to make a cgroup: %v", err)
		}
		t.Cleanup(func() { os.Remove(dir) })
		attach(t, dir, answer, attachType)
		return []string{"/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, dir}
	}
}

// cgroup2 is where the cgroup v2 hierarchy is mounted.
func cgroup2(t testing.TB) string {
	t.Helper()
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return dir
		}
	}
	t.Skip("needs the cgroup v2 hierarchy mounted")
	return ""
}

// attach loads an eBPF program of two instructions, "r0 = answer; exit", and attaches it to a cgroup.
func attach(t testing.TB, dir string, answer int32, attachType uint32) {
	t.Helper()
	const (
		progTypeCgroupSock     = 9  // BPF_PROG_TYPE_CGROUP_SOCK
		progTypeCgroupSockAddr = 18 // BPF_PROG_TYPE_CGROUP_SOCK_ADDR
		movImm                 = 0xb7
		exit                   = 0x95
	)
	type instruction struct {
		code, _ uint8
		_       int16
		imm     int32
	}
	program := [2]instruction{{code: movImm, imm: answer}, {code: exit}}
	license := []byte("MIT\x00")
	load := struct { // the beginning of union bpf_attr for BPF_PROG_LOAD, <linux/bpf.h>
		typ, count             uint32
		instructions, license  uint64
		logLevel, logSize      uint32
		logBuf                 uint64
		kernel, flags          uint32
		name                   [16]byte
		ifindex, expectedTypes uint32
	}{
		typ: progTypeCgroupSockAddr, count: uint32(len(program)), instructions: uint64(uintptr(unsafe.Pointer(&program))),
		license: uint64(uintptr(unsafe.Pointer(&license[0]))), expectedTypes: attachType,
	}
	switch attachType {
	case unix.BPF_CGROUP_INET_SOCK_CREATE, unix.BPF_CGROUP_INET4_POST_BIND, unix.BPF_CGROUP_INET6_POST_BIND:
		load.typ = progTypeCgroupSock
	}
	copy(load.name[:], "scene")
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&load)), unsafe.Sizeof(load))
	if errno != 0 {
		t.Skipf("needs to load an eBPF program: %v", errno)
	}
	defer unix.Close(int(fd)) // attached, it lives as long as the cgroup
	cgroup, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer cgroup.Close()
	at := struct{ target, program, typ, flags uint32 }{uint32(cgroup.Fd()), uint32(fd), attachType, 0}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_ATTACH, uintptr(unsafe.Pointer(&at)), unsafe.Sizeof(at)); errno != 0 {
		t.Fatal(fmt.Errorf("attach an eBPF program to %s: %w", strings.TrimSpace(dir), errno))
	}
}
