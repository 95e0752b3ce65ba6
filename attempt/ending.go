package attempt

import "time"

// Ending is what a TCP connection had come to when the kernel let go of its socket (struct tcp_info, include/uapi/linux/tcp.h).
type Ending struct {
	At          time.Time     // when it was heard of; the socket was destroyed a little before
	Sent        uint64        // bytes, retransmitted ones as well
	Acked       uint64        // bytes that the peer acknowledged; the SYN and the FIN count as one each
	Received    uint64        // bytes, in order; the FIN counts as one
	SegsIn      int           // segments received, with those that carry no data
	SegsOut     int           // the same, sent
	DataSegsIn  int           // segments with data
	DataSegsOut int           // the same, sent
	Retransmits int           // retransmissions in a row without an answer
	RTT         time.Duration // smoothed; 0 where nothing was measured
	MinRTT      time.Duration // the shortest; 0 where nothing was measured
	MSS         int           // bytes of data in a full segment
	Wiped       bool          // this end reset the connection, and the kernel has wiped what it knew of the other end
}

// synAck and handshake are the segments that a connect takes: one comes in, two go out.
const (
	synAck    = 1
	handshake = 2
)

// Silent reports whether the other end never sent a byte of data.
func (e *Ending) Silent() bool { return e != nil && !e.Wiped && e.DataSegsIn == 0 && e.Received <= 1 }

// PeerReset reports whether the other end reset a connection that this end had not closed: no FIN had come or gone, and more than a SYN-ACK
// came in. What timed out is not reset.
func (e *Ending) PeerReset() bool {
	return e.Silent() && e.Received == 0 && e.Retransmits == 0 && e.SegsIn > synAck && e.SegsOut-e.DataSegsOut <= handshake
}

// PeerClosed reports whether the other end surely closed first. It then acknowledges this end's FIN by a segment of its own; closing second,
// it does so with its FIN. Each segment of data gets one acknowledgement at most: what comes in above that tells the two apart. False is
// no proof of the contrary, but where nothing was sent.
func (e *Ending) PeerClosed() bool {
	return e.Silent() && e.Received == 1 && e.Retransmits == 0 && e.SegsIn-synAck-1 > e.DataSegsOut
}
