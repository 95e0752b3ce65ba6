package probe

// Answer is what a handshake learned of the other end.
type Answer struct {
	Service string // what it speaks, a name of Services; "" where it is none of them
	Version string // what it says of itself, one line: "OpenSSH_9.2p1 Debian-2", "HTTP/1.1 404"
	Detail  []string
	Banner  string // its first bytes, printable, where it is not known what it speaks
}
