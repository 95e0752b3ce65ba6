package diagnose

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// readConnTable reads how full the connection tracking table is, and where it is, makes a TCP connect again to see whether it is dropped for
// that: __nf_conntrack_alloc and nf_conntrack_in in net/netfilter/nf_conntrack_core.c. The count is of the network namespace that this
// thread is in, and to be that of the program.
func readConnTable(ctx context.Context, r attempt.Result, a attempt.Attempt) connTable {
	var t connTable
	if !mayBeDropped(r) {
		return t
	}
	t.count, _ = strconv.Atoi(read("/proc/sys/net/netfilter/nf_conntrack_count"))
	t.max, _ = strconv.Atoi(read("/proc/sys/net/netfilter/nf_conntrack_max"))
	if t.full() {
		t.drops = stirs(ctx, a, conntrackDrops, func(int) {})
	}
	return t
}

// conntrackDrops is how many packets connection tracking has dropped: the column "drop", in hexadecimal, a line a processor.
func conntrackDrops() (n uint64, ok bool) {
	column := -1
	for line := range strings.Lines(read("/proc/thread-self/net/stat/nf_conntrack")) {
		f := strings.Fields(line)
		if column < 0 {
			if column = slices.Index(f, "drop"); column < 0 {
				return 0, false
			}
			continue
		}
		if column >= len(f) {
			return 0, false
		}
		v, err := strconv.ParseUint(f[column], 16, 64)
		if err != nil {
			return 0, false
		}
		n, ok = n+v, true
	}
	return n, ok
}
