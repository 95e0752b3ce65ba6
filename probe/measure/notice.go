package measure

import (
	"fmt"
	"sync"
)

// NoticeKind is what keeps attempts back.
type NoticeKind uint8

// The kinds.
const (
	ConntrackFull  NoticeKind = iota // the table of connections that are tracked here has little room left
	FewDescriptors                   // fewer attempts at a time than were asked for
	NoPorts                          // no port of this host was free for a moment
	Noisy                            // the network loses packets: silence is tried again
)

// Notice says what keeps attempts back.
type Notice struct {
	Kind    NoticeKind
	Have    int // entries in the table; descriptors
	Most    int // that the table holds; attempts at a time
	Percent int // of the answers that came to a repetition alone
}

// String is a line for people.
func (n Notice) String() string {
	switch n.Kind {
	case ConntrackFull:
		return fmt.Sprintf("connection tracking has room for %d connections and holds %d: slowed down, so that others keep some (net.netfilter.nf_conntrack_max)", n.Most, n.Have)
	case FewDescriptors:
		return fmt.Sprintf("at most %d attempts at a time, since this process may have %d files open (ulimit -n)", n.Most, n.Have)
	case NoPorts:
		return "this host has no free port for the moment: such attempts are made again (net.ipv4.ip_local_port_range)"
	case Noisy:
		return fmt.Sprintf("the network loses packets, %d%% of the answers came to a repetition: silence is tried again", n.Percent)
	}
	return "kept back"
}

// notices tells of each kind once.
type notices struct {
	tell func(Notice)
	mu   sync.Mutex
	told [Noisy + 1]bool
}

func (n *notices) add(x Notice) {
	if n.tell == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.told[x.Kind] {
		n.told[x.Kind] = true
		n.tell(x)
	}
}
