package diagnose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bindAttachTypes are where eBPF programs that decide about binds are attached, enum bpf_attach_type in <linux/bpf.h>.
var bindAttachTypes = []uint32{
	unix.BPF_CGROUP_INET4_BIND, unix.BPF_CGROUP_INET6_BIND, unix.BPF_CGROUP_INET4_POST_BIND, unix.BPF_CGROUP_INET6_POST_BIND,
}

// ownCgroup is our own cgroup.
func ownCgroup() string { return cgroupPath(read("/proc/self/cgroup")) }

// bindPrograms asks which eBPF programs decide about the binds of a cgroup, those of its ancestors included, which takes CAP_NET_ADMIN.
func bindPrograms(cgroup string) (p cgroupPrograms) {
	root, dir := cgroupDirectory(cgroup)
	if dir == "" {
		return p
	}
	p.cgroup = dir
	ids, known := attachedPrograms(p.cgroup, bindAttachTypes, unix.BPF_F_QUERY_EFFECTIVE)
	if !known {
		return p
	}
	p.lsm, p.known = lsmPrograms()
	for _, id := range ids {
		p.attached = append(p.attached, attachedText(programName(id), id, attachedTo(p.cgroup, root, bindAttachTypes, id)))
	}
	return p
}

// cgroupPath is the path of a process's cgroup in the v2 hierarchy, "" where it is in none, out of /proc/PID/cgroup: the line "0::/path", cgroups(7).
func cgroupPath(file string) string {
	for line := range strings.Lines(file) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path
		}
	}
	return ""
}

// cgroupDirectory is the directory of a cgroup, and where the hierarchy that it is in is mounted; "" where none can be reached.
func cgroupDirectory(cgroup string) (root, dir string) {
	if cgroup == "" {
		return "", ""
	}
	for _, m := range cgroup2Mounts(read("/proc/self/mountinfo")) {
		rel, err := filepath.Rel(m.within, cgroup)
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			continue
		}
		var fs unix.Statfs_t
		at := filepath.Join(m.at, rel)
		if unix.Statfs(at, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC {
			return m.at, at
		}
	}
	return "", ""
}

// cgroup2Mount is a place where the cgroup v2 hierarchy is mounted, and which part of it.
type cgroup2Mount struct{ at, within string }

// cgroup2Mounts are those places out of /proc/self/mountinfo, proc_pid_mountinfo(5). Another mount may hide one: it is listed all the same.
func cgroup2Mounts(mountinfo string) (out []cgroup2Mount) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if ok && len(f) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			out = append(out, cgroup2Mount{at: f[4], within: f[3]})
		}
	}
	return out
}

// attachedTo is the cgroup that a program in force for dir is attached to: dir itself, or one above it.
func attachedTo(dir, root string, types []uint32, id uint32) string {
	for at := dir; strings.HasPrefix(at, root); at = filepath.Dir(at) {
		if ids, ok := attachedPrograms(at, types, 0); ok && slices.Contains(ids, id) {
			return at
		}
		if at == root {
			break
		}
	}
	return "a cgroup above " + root
}

// queryAttr is the part of union bpf_attr that BPF_PROG_QUERY uses, <linux/bpf.h>.
type queryAttr struct {
	targetFD, attachType, queryFlags, attachFlags uint32
	progIDs                                       uint64
	progCount, _                                  uint32
	progAttachFlags                               uint64
}

// maxPrograms is how many programs one place of one cgroup can have: BPF_CGROUP_MAX_PROGS.
const maxPrograms = 64

// attachedPrograms lists the programs of such types of one cgroup. ok is false where the kernel does not tell.
func attachedPrograms(dir string, types []uint32, flags uint32) (ids []uint32, ok bool) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	for _, typ := range types {
		var buf [maxPrograms]uint32
		attr := queryAttr{
			targetFD: uint32(f.Fd()), attachType: typ, queryFlags: flags,
			progIDs: uint64(uintptr(unsafe.Pointer(&buf))), progCount: maxPrograms,
		}
		_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_QUERY, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		if errno != 0 {
			return nil, false
		}
		for _, id := range buf[:min(attr.progCount, maxPrograms)] {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, true
}

// programInfo is the beginning of struct bpf_prog_info, <linux/bpf.h>.
type programInfo struct {
	typ, id                 uint32
	tag                     [8]byte
	jitedLen, xlatedLen     uint32
	jited, xlated, loadTime uint64
	createdByUID, mapCount  uint32
	mapIDs                  uint64
	name                    [16]byte
}

// readProgram is what the kernel tells of a program; it takes CAP_SYS_ADMIN.
func readProgram(id uint32) (programInfo, bool) {
	var info programInfo
	byID := struct{ id, next, flags uint32 }{id: id}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_GET_FD_BY_ID, uintptr(unsafe.Pointer(&byID)), unsafe.Sizeof(byID))
	if errno != 0 {
		return info, false
	}
	defer unix.Close(int(fd))
	attr := struct {
		fd, length uint32
		info       uint64
	}{uint32(fd), uint32(unsafe.Sizeof(info)), uint64(uintptr(unsafe.Pointer(&info)))}
	_, _, errno = unix.Syscall(unix.SYS_BPF, unix.BPF_OBJ_GET_INFO_BY_FD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	return info, errno == 0
}

func programName(id uint32) string {
	info, _ := readProgram(id)
	name, _, _ := strings.Cut(string(info.name[:]), "\x00")
	return name
}

// lsmPrograms counts the programs of the security hooks that are loaded. Which hook each is for is not asked.
func lsmPrograms() (n int, ok bool) {
	next := struct{ id, next, flags uint32 }{}
	for {
		_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_GET_NEXT_ID, uintptr(unsafe.Pointer(&next)), unsafe.Sizeof(next))
		if errno != 0 {
			return n, errno == unix.ENOENT
		}
		if info, ok := readProgram(next.next); ok && info.typ == unix.BPF_PROG_TYPE_LSM {
			n++
		}
		next.id = next.next
	}
}
