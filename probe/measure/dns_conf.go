//go:build linux

package measure

import (
	"bufio"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/probe"
)

// maxServers is how many servers glibc asks, MAXNS of resolv.h.
const maxServers = 3

// readConf reads a file of the form of resolv.conf(5).
func readConf(file string) probe.ResolvConf {
	c := probe.ResolvConf{File: file, Ndots: 1, Timeout: 5 * time.Second, Attempts: 2}
	f, err := os.Open(file)
	c.Missing = err != nil
	for line := range linesOf(f) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			a, err := netip.ParseAddr(fields[1])
			switch {
			case err != nil:
			case len(c.Servers) == maxServers:
				c.Ignored = append(c.Ignored, a.Unmap())
			default:
				c.Servers = append(c.Servers, a.Unmap())
			}
		case "search", "domain": // the last of them counts
			c.Search = nil
			for _, d := range fields[1:] {
				if d = strings.ToLower(strings.Trim(d, ".")); d != "" {
					c.Search = append(c.Search, d)
				}
			}
		case "options":
			for _, o := range fields[1:] {
				name, value, _ := strings.Cut(o, ":")
				n, err := strconv.Atoi(value)
				number := err == nil && n >= 0
				switch {
				case name == "ndots" && number:
					c.Ndots = min(n, 15)
				case name == "timeout" && number:
					c.Timeout = time.Duration(max(1, min(n, 30))) * time.Second
				case name == "attempts" && number:
					c.Attempts = max(1, min(n, 5))
				case o == "rotate":
					c.Rotate = true
				case o == "use-vc":
					c.UseTCP = true
				}
			}
		}
	}
	if len(c.Servers) == 0 {
		c.Servers = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return c
}

// linesOf are a file's lines without comments, one for each that it has. It closes the file, which may be nil.
func linesOf(f *os.File) func(func(string) bool) {
	return func(yield func(string) bool) {
		if f == nil {
			return
		}
		defer f.Close()
		in := bufio.NewScanner(f)
		for in.Scan() {
			line, _, _ := strings.Cut(in.Text(), "#")
			if strings.HasPrefix(line, ";") {
				line = ""
			}
			if !yield(line) {
				return
			}
		}
	}
}

// readOrder reads the services of the hosts line of nsswitch.conf(5), without their actions.
func readOrder(file string) []string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	var order []string
	for line := range linesOf(f) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "hosts:")
		if !ok {
			continue
		}
		order = nil
		for _, s := range strings.Fields(rest) {
			if !strings.HasPrefix(s, "[") && !strings.HasSuffix(s, "]") {
				order = append(order, s)
			}
		}
	}
	return order
}

// readHosts finds a name's lines in a file of the form of hosts(5).
func readHosts(file, name string) []probe.HostsLine {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	var found []probe.HostsLine
	n := 0
	for line := range linesOf(f) {
		n++
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		a, err := netip.ParseAddr(fields[0])
		if err != nil {
			continue
		}
		for _, alias := range fields[1:] {
			if strings.EqualFold(strings.TrimSuffix(alias, "."), strings.TrimSuffix(name, ".")) {
				found = append(found, probe.HostsLine{Line: n, Addr: a.Unmap()})
				break
			}
		}
	}
	return found
}
