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

	Reflected *Reflected // what a reflector saw; nil: it was none
}

// TLS is what a TLS handshake showed of the server.
type TLS struct {
	Version            string // "TLS 1.3"
	ALPN               string // what was agreed on; "" for nothing
	Names              []string
	Issuer             string
	NotBefore          time.Time
	NotAfter           time.Time
	Faults             []Fault // why a client that verifies would refuse; empty: it would not
	AsksForCertificate bool    // of the client
	Took               time.Duration
}

// Fault is one reason to refuse a certificate.
type Fault struct {
	Kind  FaultKind
	Words string // "issued by Example CA, which this host does not trust"
}

// FaultKind is a kind of fault.
type FaultKind string

// The kinds.
const (
	NoCertificate   FaultKind = "no-certificate"
	SelfSigned      FaultKind = "self-signed"      // by itself, and not trusted
	UntrustedIssuer FaultKind = "untrusted-issuer" // as an interceptor's is
	WrongName       FaultKind = "wrong-name"
	Expired         FaultKind = "expired"
	NotYetValid     FaultKind = "not-yet-valid"
	OtherFault      FaultKind = "other"
)
