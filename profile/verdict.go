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
	Abstain                 // only a layer's default, and what such a layer says: no decision has it
)

// Verdict is what becomes of a bind or of an attempt. The zero value is allow.
type Verdict struct {
	Kind    VerdictKind
	Errno   attempt.Errno // for DenyErrno
	Timeout time.Duration // for Drop: how long a connect takes to fail; 0: the kernel's own SYN retries
}

// Denies reports whether the attempt, or the bind, does not come about.
func (v Verdict) Denies() bool { return v.Kind != Allow && v.Kind != Abstain }

// String is "allow", "EACCES", "refuse", "unreachable", "drop", "drop, timed out after 2s", or "abstain".
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
	case Abstain:
		return "abstain"
	}
	return "unknown verdict"
}
