package testhost

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CgroupDenying makes a version 2 cgroup whose processes meet an eBPF program that denies whatever it is asked: typ is its program type
// (BPF_PROG_TYPE_...), attach where it is attached (BPF_CGROUP_...). It returns the command line to run a program under: in that cgroup,
// in a mount namespace that has the hierarchy at /sys/fs/cgroup, as on most machines.
func CgroupDenying(t testing.TB, typ, attach uint32) []string {
	t.Helper()
	NeedRoot(t)
	unshare, shell := Need(t, "unshare", "util-linux"), Need(t, "sh", "dash")
	root := t.TempDir()
	if err := unix.Mount("none", root, "cgroup2", 0, ""); err != nil {
		t.Skipf("needs cgroups, version 2: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
	dir, err := os.MkdirTemp(root, "sallyport-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	if err := attachDenying(dir, typ, attach); err != nil {
		t.Skipf("needs the right to attach an eBPF program to a cgroup: %v", err)
	}
	const enter = `mount -t cgroup2 none /sys/fs/cgroup && echo $$ >/sys/fs/cgroup/$0/cgroup.procs && exec "$@"`
	return []string{unshare, "-m", shell, "-c", enter, filepath.Base(dir)}
}

// attachDenying loads "return 0", which denies, and attaches it; bpf(2), <linux/bpf.h>.
func attachDenying(dir string, typ, attach uint32) error {
	// BPF_ALU64|BPF_MOV|BPF_K r0 = 0; BPF_JMP|BPF_EXIT
	insns := []uint64{instruction(0xb7), instruction(0x95)}
	license := []byte("GPL\x00")
	load := struct {
		typ, count              uint32
		insns, license          uint64
		logLevel, logSize       uint32
		log                     uint64
		kernelVersion, flags    uint32
		name                    [16]byte
		ifindex, expectedAttach uint32
	}{
		typ: typ, count: uint32(len(insns)), insns: uint64(uintptr(unsafe.Pointer(&insns[0]))),
		license: uint64(uintptr(unsafe.Pointer(&license[0]))), expectedAttach: attach,
	}
	copy(load.name[:], "deny_all")
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&load)), unsafe.Sizeof(load))
	if errno != 0 {
		return fmt.Errorf("load an eBPF program: %w", errno)
	}
	defer unix.Close(int(fd)) // the cgroup holds it
	cgroup, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer cgroup.Close()
	to := struct{ target, program, attach, flags uint32 }{uint32(cgroup.Fd()), uint32(fd), attach, 0}
	if _, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_ATTACH, uintptr(unsafe.Pointer(&to)), unsafe.Sizeof(to)); errno != 0 {
		return fmt.Errorf("attach it to a cgroup: %w", errno)
	}
	return nil
}

// instruction is an eBPF instruction whose operands are all 0.
func instruction(code byte) uint64 {
	return uint64(binary.NativeEndian.Uint64([]byte{code, 0, 0, 0, 0, 0, 0, 0}))
}
