package measure

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// conntrack keeps attempts from filling the table of connections that are tracked in this network namespace, where there is one: each of them takes an
// entry, for two minutes where nothing answers (net.netfilter.nf_conntrack_tcp_timeout_syn_sent), and what comes once it is full is
// dropped, whoever sent it. They take at most half of what was free at first.
type conntrack struct {
	read   func() (count, limit int, some bool)
	absent bool
	limit  int // the table's
	most   int // entries that there may be
	budget int // attempts that may be made until it is looked at again
	next   time.Time
}

const (
	conntrackCount = "/proc/sys/net/netfilter/nf_conntrack_count"
	conntrackMax   = "/proc/sys/net/netfilter/nf_conntrack_max"

	conntrackPause = 100 * time.Millisecond // at least so long from one look to the next, and from one attempt to the next in a full table
)

// wait is how long the next attempt has to wait; 0 where it may be made now, which counts it.
func (c *conntrack) wait(now time.Time, told *notices) time.Duration {
	if c.absent {
		return 0
	}
	if c.budget > 0 {
		c.budget--
		return 0
	}
	if wait := c.next.Sub(now); wait > 0 {
		return wait
	}
	count, limit, some := c.read()
	if !some || limit == 0 { // 0 is no limit: nf_conntrack_core.c
		c.absent = true
		return 0
	}
	if limit != c.limit {
		c.limit, c.most = limit, count+max(limit-count, 0)/2
	}
	c.next = now.Add(conntrackPause)
	if c.budget = c.most - count - 1; c.budget < 0 {
		c.budget = 0 // nevertheless one now and then, since it may never be emptier
		told.add(Notice{Kind: ConntrackFull, Have: count, Most: limit})
	}
	return 0
}

// readConntrack reads how many connections are tracked in this namespace, and how many may be.
func readConntrack() (count, limit int, some bool) {
	count, one := readNumber(conntrackCount)
	limit, both := readNumber(conntrackMax)
	return count, limit, one && both
}

func readNumber(file string) (int, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(data)))
	return n, err == nil
}

// keptDescriptors are those that are left to the rest of the program, or a quarter of them where there are few.
const keptDescriptors = 64

// withinDescriptors is how many attempts at a time there are descriptors for. The Go runtime has raised the limit as far as it may be
// at the start (package os), and gives what was before to programs that it starts.
func (s *scheduler) withinDescriptors(n int) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return n
	}
	most := int(min(limit.Cur, 1<<30))
	room := most - min(keptDescriptors, most/4)
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		room -= len(open)
	}
	if room = max(room, 1); room < n {
		s.notices.add(Notice{Kind: FewDescriptors, Have: most, Most: room})
		return room
	}
	return n
}
