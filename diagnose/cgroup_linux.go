package diagnose

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// cgroupRoot is where systemd and container engines mount the version 2 hierarchy, cgroups(7).
const cgroupRoot = "/sys/fs/cgroup"

// cgroupOf is the version 2 cgroup of a process, as seen from here: "/system.slice/x.service"; "" where it can't be told.
func cgroupOf(pid string) string {
	for line := range strings.Lines(read("/proc/" + pid + "/cgroup")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && path.IsAbs(name) && !strings.Contains(name, "..") {
			return name
		}
	}
	return ""
}

// attached lists the eBPF programs of a type that a cgroup's processes run under: its own and its ancestors'. It takes CAP_BPF or
// CAP_NET_ADMIN and a mounted hierarchy; ok reports whether every cgroup up to the root of it could be asked.
func attached(cgroup string, typ uint32) (list []cgroupProgram, ok bool) {
	var fs unix.Statfs_t
	if cgroup == "" || unix.Statfs(cgroupRoot, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, false
	}
	for dir := cgroup; ; dir = path.Dir(dir) {
		ids, err := queryCgroup(path.Join(cgroupRoot, dir), typ)
		if err != nil {
			return nil, false
		}
		for _, id := range ids {
			list = append(list, cgroupProgram{cgroup: dir, id: id, name: programName(id)})
		}
		if dir == "/" {
			return list, true
		}
	}
}

// queryCgroup asks for the programs that are attached to one cgroup (BPF_PROG_QUERY, bpf(2) and <linux/bpf.h>).
func queryCgroup(dir string, typ uint32) ([]uint32, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ids := make([]uint32, 64)
	attr := struct {
		targetFD, attachType, queryFlags, attachFlags uint32
		ids                                           uint64
		count, pad                                    uint32
		more                                          [3]uint64
	}{targetFD: uint32(f.Fd()), attachType: typ, ids: uint64(uintptr(unsafe.Pointer(&ids[0]))), count: uint32(len(ids))}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_QUERY, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return nil, fmt.Errorf("ask for the eBPF programs of %s: %w", dir, errno)
	}
	return ids[:min(int(attr.count), len(ids))], nil
}

// programName is the name that a program was loaded with; "" where it has none, or can't be asked.
func programName(id uint32) string {
	byID := struct{ id, next, flags uint32 }{id: id}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_GET_FD_BY_ID, uintptr(unsafe.Pointer(&byID)), unsafe.Sizeof(byID))
	if errno != 0 {
		return ""
	}
	defer unix.Close(int(fd))
	// struct bpf_prog_info begins with type, id, tag[8], two lengths, two pointers, the time of loading, the uid, the number of maps,
	// and a pointer to them; the name follows at 64.
	var info [80]byte
	attr := struct {
		fd, size uint32
		info     uint64
	}{uint32(fd), uint32(len(info)), uint64(uintptr(unsafe.Pointer(&info[0])))}
	_, _, errno = unix.Syscall(unix.SYS_BPF, unix.BPF_OBJ_GET_INFO_BY_FD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return ""
	}
	name, _, _ := bytes.Cut(info[64:], []byte{0})
	return string(name)
}

// readCgroup reads what the cgroup may have to do with a failed attempt.
func (s *standpoint) readCgroup(r attempt.Result) confining {
	is4 := r.Destination.Addr().Unmap().Is4()
	typ := uint32(unix.BPF_CGROUP_INET4_CONNECT)
	switch {
	case r.Outcome.Kind == attempt.TimedOut:
		typ = unix.BPF_CGROUP_INET_EGRESS
	case r.Call.Send() && is4:
		typ = unix.BPF_CGROUP_UDP4_SENDMSG
	case r.Call.Send():
		typ = unix.BPF_CGROUP_UDP6_SENDMSG
	case !is4:
		typ = unix.BPF_CGROUP_INET6_CONNECT
	}
	c := confining{cgroup: s.cgroup}
	c.programs, c.read = attached(s.cgroup, typ)
	if r.Call.Send() && c.read {
		more, ok := attached(s.cgroup, unix.BPF_CGROUP_INET_EGRESS)
		c.programs, c.read = append(c.programs, more...), ok
	}
	return c
}
