package profile

import (
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// VerdictKind is allow, or one of the ways in which a network denies.
type VerdictKind uint8

// The verdicts.
const (
	Allow       VerdictKind = iota
	DenyErrno               // the call itself fails
	Refuse                  // a TCP RST or an ICMP port unreachable comes back: ECONNREFUSED
	Unreachable             // an ICMP host unreachable comes back: EHOSTUNREACH
	Drop                    // silence: a connect ends in ETIMEDOUT
)

// Verdict is what becomes of a bind or of an attempt. The zero value is allow.
type Verdict struct {
	Kind    VerdictKind
	Errno   attempt.Errno // for DenyErrno
	Timeout time.Duration // for Drop: how long a connect takes to fail; 0: the kernel's own SYN retries
}

// String is "allow", "EACCES", "refuse", "unreachable", "drop", or "drop, timed out after 2s".
func (v Verdict) String() string {
	switch v.Kind {
	case Allow:
		return "allow"
	case DenyErrno:
		return v.Errno.Name()
	case Refuse:
		return "refuse"
	case Unreachable:
		return "unreachable"
	case Drop:
		if v.Timeout > 0 {
			return "drop, timed out after " + v.Timeout.String()
		}
		return "drop"
	}
	return "unknown verdict"
}
