package attempt

import "time"

// Traffic is a TCP connection as it was last sampled (struct tcp_info, include/uapi/linux/tcp.h).
type Traffic struct {
	At          time.Time     // of the sample
	Moved       time.Time     // of the first sample since which nothing was acknowledged or received in order
	Sent        uint64        // bytes, retransmitted ones as well
	Acked       uint64        // bytes that the peer acknowledged; the SYN counts as one
	Received    uint64        // bytes, in order
	Retransmits int           // retransmissions in a row without an answer
	Backoff     int           // how often the time to the next one was doubled
	Unacked     int           // segments under way
	MSS         int           // bytes of data in a full segment
	PMTU        int           // bytes of the largest packet that the kernel believes to pass
	RTT         time.Duration // smoothed
	Hole        bool          // later data has arrived, and what comes before it has not
	Lost        bool          // the socket was gone when it was looked for again
}

// How many retransmissions in a row without an answer, and how long without anything new, make a connection stalled: after the third
// retransmission, 1.4 s at the earliest (RFC 6298 with Linux's minimum of 200 ms), chance losses are rare.
const (
	stalledRetransmits = 3
	stalledFor         = 2 * time.Second
)

// sure is how many retransmissions say that a socket which is gone did not recover first.
const sure = 5

// StalledSending reports whether the data that was sent is not acknowledged, however often it is sent again.
func (t *Traffic) StalledSending() bool {
	return t != nil && t.Unacked > 0 && t.Retransmits >= stalledRetransmits && t.Backoff >= stalledRetransmits-1 && (!t.Lost || t.Retransmits >= sure)
}

// StalledReceiving reports whether data before other data stays away. Where the socket was lost, it stayed away until shortly before that.
func (t *Traffic) StalledReceiving() bool {
	return t != nil && t.Hole && t.At.Sub(t.Moved) >= stalledFor
}

// Stalled reports whether the connection is stalled in either direction.
func (t *Traffic) Stalled() bool { return t.StalledSending() || t.StalledReceiving() }
