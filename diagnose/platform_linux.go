package diagnose

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// accountDir is where a pod has its service account's files.
const accountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// readPlatform reads the marks of the place where a process runs, as it sees them itself: in its root directory, with its environment.
func readPlatform(pid string, env map[string]string) (p Platform) {
	p.marks(env)
	root, err := unix.Open("/proc/"+pid+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return p // it is gone
	}
	defer unix.Close(root)
	switch {
	case p.Container != "":
	case existsIn(root, "/.dockerenv"):
		p.Container = "docker"
	case existsIn(root, "/run/.containerenv"):
		p.Container = "podman"
	}
	if existsIn(root, accountDir) {
		p.account(strings.TrimSpace(readIn(root, accountDir+"/namespace")), existsIn(root, accountDir+"/service-ca.crt"))
	}
	if strings.Contains(read("/proc/"+pid+"/cgroup"), "kubepods") {
		p.Kubernetes = true
	}
	p.hosts(readIn(root, "/etc/hosts"))
	p.resolver(readIn(root, "/etc/resolv.conf"))
	if p.Kubernetes && p.Mesh == "" {
		p.listeners(append(listenLines("/proc/"+pid+"/net/tcp"), listenLines("/proc/"+pid+"/net/tcp6")...))
	}
	return p
}

// readPlatformOf is readPlatform by the number of the process.
func readPlatformOf(pid int, env map[string]string) Platform {
	if pid <= 0 {
		return Platform{}
	}
	return readPlatform(strconv.Itoa(pid), env)
}

// openIn finds what a name stands for in a root directory, absolute links inside of it included (/var/run is one, to /run), without opening it: to
// open a device or a pipe may do something.
func openIn(root int, name string) (int, error) {
	return unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS})
}

func existsIn(root int, name string) bool {
	fd, err := openIn(root, name)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

// readIn is the beginning of a regular file of a root directory; "" where it can't be read.
func readIn(root int, name string) string {
	const limit = 4096
	fd, err := openIn(root, name)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return ""
	}
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return ""
	}
	return string(b)
}

// listenLines are the lines of a table of TCP sockets that are of listening ones: the kernel writes them first (tcp_seq_start, net/ipv4/tcp_ipv4.c).
// The rest, which may be thousands, is not read.
func listenLines(table string) []string {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[3] != "st" && fields[3] != "0A" {
			break
		}
		out = append(out, lines.Text())
	}
	return out
}
