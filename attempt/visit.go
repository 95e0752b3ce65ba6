package attempt

import (
	"net/netip"
	"time"
)

// Visit is what became of TCP connections of sallyport's own, on which nothing was sent.
type Visit struct {
	Outcome  Outcome       // of the connect
	Took     time.Duration // the connect
	Closed   bool          // the other end closed, or reset, without being told anything, within Lasted
	Reset    bool          // it reset
	Lasted   time.Duration // how long the connection was there, or was watched
	Received int           // bytes that came, a greeting

	// Inside is the other end where that is a socket of the same network namespace, so that a packet filter of this machine redirects the
	// connection; not valid where it is none, or was not
	// seen; with the unspecified address where its port alone is known.
	Inside netip.AddrPort
	Holder *Process // who has that socket, or listens on its port; nil where not known
}
