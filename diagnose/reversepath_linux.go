package diagnose

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// readReversePath makes the attempt again and sees whether the reverse path filter drops the answers: fib_validate_source in
// net/ipv4/fib_frontend.c, counted in TcpExt's IPReversePathFilter (ip_rcv_finish_core in net/ipv4/ip_input.c). IPv6 has no such filter but by a
// rule of the packet filter. To be called inside the program's network namespace.
func readReversePath(ctx context.Context, a attempt.Attempt) reversePath {
	r := reversePath{strict: strictFilters("/proc/sys/net/ipv4/conf")}
	if !a.Destination.Addr().Unmap().Is4() || len(r.strict) == 0 || len(received()) < 2 {
		return r
	}
	netstat, err := os.Open("/proc/thread-self/net/netstat")
	if err != nil {
		return r
	}
	defer netstat.Close()
	var before map[string]uint64
	var by []string // the interfaces that received as much, each time
	first := true
	r.drops = stirs(ctx, a, func() (uint64, bool) { return netstatCounter(netstat, "IPReversePathFilter") }, func(syns int) {
		if syns == 0 {
			before = received()
			return
		}
		var now []string
		for name, n := range received() {
			if n-before[name] >= uint64(syns) && slices.Contains(r.strict, name) && (first || slices.Contains(by, name)) {
				now = append(now, name)
			}
		}
		by, first = now, false
	})
	if r.drops && len(by) == 1 {
		r.in = by[0]
	}
	return r
}

// strictFilters are the interfaces, but lo, on which rp_filter is 1: the larger of the interface's and that of "all" counts
// (IN_DEV_RPFILTER, include/linux/inetdevice.h).
func strictFilters(dir string) []string {
	all, _ := strconv.Atoi(read(filepath.Join(dir, "all", "rp_filter")))
	files, _ := filepath.Glob(filepath.Join(dir, "*", "rp_filter"))
	var out []string
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		own, err := strconv.Atoi(read(file))
		if err == nil && name != "all" && name != "default" && name != "lo" && max(all, own) == 1 {
			out = append(out, name)
		}
	}
	return out
}

// received is how many packets each interface but lo has received, of /proc/net/dev: a name, a colon, bytes, packets.
func received() map[string]uint64 {
	out := map[string]uint64{}
	for line := range strings.Lines(read("/proc/thread-self/net/dev")) {
		name, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if name = strings.TrimSpace(name); !ok || len(f) < 2 || name == "lo" {
			continue
		}
		if n, err := strconv.ParseUint(f[1], 10, 64); err == nil {
			out[name] = n
		}
	}
	return out
}
