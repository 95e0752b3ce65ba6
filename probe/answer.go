package probe

import "time"

// Answer is what a handshake learned of the other end.
type Answer struct {
	Service string // what it speaks, a name of Services; another protocol's where that was found; "" where it is none that is known
	Version string // what it says of itself, one line: "OpenSSH_9.2p1 Debian-2", "HTTP/1.1 404"
	Detail  []string
	Banner  string         // its first bytes, printable, where it is not known what it speaks
	TLS     *TLS           // nil: none was spoken
	Skew    *time.Duration // how far its clock is ahead of this host's; nil: it told no time
}
