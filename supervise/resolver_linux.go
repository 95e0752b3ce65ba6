package supervise

import (
	"debug/elf"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// etcLimit bounds what is read of a file in /etc.
const etcLimit = 256 << 10

// readEtc reads a file as a process sees it. It may be anything there, a pipe too: only a regular file is read.
func readEtc(pid int, name string) ([]byte, os.FileInfo) {
	path := "/proc/" + strconv.Itoa(pid) + "/root/etc/" + name
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, etcLimit))
	if err != nil {
		return nil, nil
	}
	return b, info
}

// resolver is a process's resolv.conf, read when it first asks. The lock is held.
func (n *names) resolver(p *attempt.Process) *attempt.Resolver {
	if p == nil {
		return nil
	}
	r, known := n.resolvers[p]
	if known {
		return r
	}
	if b, info := readEtc(p.PID, "resolv.conf"); info != nil {
		r = attempt.ParseResolver(string(b))
	}
	if n.resolvers == nil || len(n.resolvers) >= maxResolvers {
		n.resolvers = map[*attempt.Process]*attempt.Resolver{}
	}
	n.resolvers[p] = r
	return r
}

// hostsCache is one process's /etc/hosts, hosts(5). The names' lock guards it.
type hostsCache struct {
	info   os.FileInfo
	looked time.Time
	pid    int
	names  map[netip.Addr]attempt.HostsEntry
}

// hostsFresh is how long a file that was looked at is taken for unchanged.
const hostsFresh = 100 * time.Millisecond

// entry is what the file has for an address, but for those of the machine itself.
func (c *hostsCache) entry(pid int, addr netip.Addr) (attempt.HostsEntry, bool) {
	c.refresh(pid)
	e, known := c.names[addr]
	return e, known
}

// refresh reads the file again, if it is another process's or may have changed.
func (c *hostsCache) refresh(pid int) {
	if c.pid == pid && time.Since(c.looked) < hostsFresh {
		return
	}
	info, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/root/etc/hosts")
	c.pid, c.looked = pid, time.Now()
	if err == nil && c.info != nil && os.SameFile(info, c.info) && info.ModTime().Equal(c.info.ModTime()) && info.Size() == c.info.Size() {
		return
	}
	b, info := readEtc(pid, "hosts")
	c.info, c.names = info, parseHosts(string(b))
}

// parseHosts reads hosts(5). A name stands once for an address, in whatever lines.
func parseHosts(text string) map[netip.Addr]attempt.HostsEntry {
	out := map[netip.Addr]attempt.HostsEntry{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || addr.IsLoopback() || slices.Contains(fields[1:], "localhost") {
			continue
		}
		e, known := out[addr.Unmap()]
		if !known {
			e.Line = number
		}
		for _, name := range fields[1:] {
			if name = strings.TrimSuffix(name, "."); name != "" && !slices.Contains(e.Names, name) {
				e.Names = append(e.Names, name)
			}
		}
		if len(e.Names) > 0 {
			out[addr.Unmap()] = e
		}
	}
	return out
}

// ownResolver reports whether a program may bring musl's resolver: it is linked to musl, or to nothing.
func ownResolver(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		b, err := io.ReadAll(p.Open())
		return err == nil && strings.Contains(string(b), "ld-musl")
	}
	return f.Section(".go.buildinfo") == nil // Go's programs have a resolver of their own
}
