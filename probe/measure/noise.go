package measure

import (
	"math"
	"sync/atomic"
	"time"
)

// noise is what the answers of one host, or of all, tell of how much the network loses: an answer to a repetition is one of which the first packet, or
// its answer, was lost.
type noise struct{ answered, late, silent atomic.Int64 }

// mostSilent is after how many attempts that ended in silence, and none that was answered, a host is taken to be silent.
const mostSilent = 16

// loss is the share of answers that came to a repetition alone; 0 where there is none.
func (n *noise) loss() float64 {
	late := n.late.Load()
	if late == 0 {
		return 0
	}
	return float64(late) / float64(max(n.answered.Load(), late))
}

// sureLoss is with which probability silence may be the network's loss where it is called a denial.
const sureLoss = 1e-6

// want is how many packets have to stay without an answer until an attempt counts as silent, when n is of all hosts.
func (n *noise) want(h *noise, gentle bool) int {
	least := 2
	if gentle { // there may be few attempts to tell from how much is lost
		least = 6
	}
	p := max(n.loss(), h.loss())
	if p == 0 {
		if h.answered.Load() == 0 && h.silent.Load() >= mostSilent {
			return 2
		}
		return least
	}
	if h.answered.Load() == 0 && h.silent.Load() >= mostSilent {
		return least
	}
	return max(least, int(math.Ceil(math.Log(sureLoss)/math.Log(min(p, 0.99)))))
}

// synInterval is after which time the kernel sends a SYN again: TCP_TIMEOUT_INIT, RFC 6298, section 2.1. Since Linux 6.5 the first four
// repetitions come at intervals of it (net.ipv4.tcp_syn_linear_timeouts); before, each took twice as long as the one before.
const synInterval = time.Second

// syns is how many SYNs a socket has sent for sure, that has waited so long.
func syns(waited time.Duration) int {
	n := 1
	for at, step := synInterval, synInterval; at < waited; at += step {
		n++
		step *= 2
	}
	return n
}

// isLate reports whether an answer that came after so long came to a repetition of the SYN.
func isLate(took time.Duration) bool { return took >= synInterval-50*time.Millisecond }
