package diagnose

import (
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

// connTable is the connection tracking table of the network namespace. The zero value: nothing is tracked, or it could not be read.
type connTable struct {
	count, max int
	drops      bool // new connections are dropped, since the table is full
}

// full reports whether no entry is left, or as good as none: entries come and go.
func (t *connTable) full() bool { return t.max > 0 && t.count >= t.max-t.max/100 }

// mayBeDropped reports whether an attempt ended as one does whose packets connection tracking drops: a TCP SYN goes unanswered, and a send is
// told EPERM (nf_hook_slow in net/netfilter/core.c).
func mayBeDropped(r attempt.Result) bool {
	return r.Outcome.Kind == attempt.TimedOut || r.Outcome.Errno == attempt.EPERM && r.Call.Send()
}

// conntrackFull names the full table of connections. Connection tracking comes before the packet filter's rules, and so before what these say.
func conntrackFull(x *examined) string {
	if x.here.conntrack.drops && mayBeDropped(x.Result) && !x.Decided && !x.again(attempt.Connected) {
		return ConntrackFull
	}
	return ""
}

func explainConntrack(x *examined, e *explanation) {
	t := &x.here.conntrack
	e.summary = fmt.Sprintf("%s can't reach %s: this machine's table of connections is full (%d of %d), so the kernel drops every new one", x.who(), x.to(), t.count, t.max)
	e.saw("net.netfilter.nf_conntrack_count is %d, nf_conntrack_max %d", t.count, t.max)
	e.saw("made again, each SYN was counted as dropped by connection tracking (/proc/net/stat/nf_conntrack); it never left this machine")
	e.advise("see it in the kernel's log: `dmesg | grep conntrack`: \"table full, dropping packet\"")
	e.advise("see who fills it: `conntrack -L 2>/dev/null | awk '{print $1, $4}' | sort | uniq -c | sort -rn | head` as root; many entries of one host are a leak, a scan or a flood")
	e.advise("make room, as root: `sysctl net.netfilter.nf_conntrack_max=%d` (an entry takes some 300 bytes; the limit is of the machine, not of a container: set it on the node)", 2*t.max)
	e.advise("or keep entries for less long: `sysctl net.netfilter.nf_conntrack_tcp_timeout_established=86400` (5 days by default)")
	e.advise("or don't track what needs it not: `notrack` in a raw prerouting and output chain, for the busy ports")
}
