package diagnose

import (
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// cgroupOf is the version 2 cgroup of a process, as seen from here: "/system.slice/x.service"; "" where it can't be told.
func cgroupOf(pid string) string { return cgroupPath(read("/proc/" + pid + "/cgroup")) }

// attached lists the eBPF programs of a type that a cgroup's processes run under: its own and its ancestors'. It takes CAP_BPF or
// CAP_NET_ADMIN and a mounted hierarchy; ok reports whether the kernel told.
func attached(cgroup string, typ uint32) (list []cgroupProgram, ok bool) {
	root, dir := cgroupDirectory(cgroup)
	if dir == "" {
		return nil, false
	}
	types := []uint32{typ}
	ids, ok := attachedPrograms(dir, types, unix.BPF_F_QUERY_EFFECTIVE)
	for _, id := range ids {
		at := filepath.Join("/", strings.TrimPrefix(attachedTo(dir, root, types, id), root))
		list = append(list, cgroupProgram{cgroup: at, id: id, name: programName(id)})
	}
	return list, ok
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
