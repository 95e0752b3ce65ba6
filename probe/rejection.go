package probe

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Rejection is an ICMP error that ended an attempt, and who sent it. The zero value is none.
type Rejection struct {
	From netip.Addr
	Type uint8
	Code uint8
}

// Words are for people: "rejected by 10.1.0.1 (ICMP host unreachable)"; "" for none.
func (r Rejection) Words() string {
	if !r.From.IsValid() {
		return ""
	}
	echo := attempt.Echo{From: r.From, Type: r.Type, Code: r.Code}
	what := echo.ICMP()
	if what == "" {
		what = fmt.Sprintf("type %d code %d", r.Type, r.Code)
	}
	return fmt.Sprintf("rejected by %v (ICMP %s)", r.From, what)
}

// neighbour reports whether it says that nobody answers for an address. This host's kernel says so to itself, once it has asked for
// the neighbour's hardware address in vain (arp_error_report, ndisc_error_report); a local firewall may say it too, but at once.
func (r Rejection) neighbour() bool {
	if r.From.Is4() {
		return r.Type == 3 && r.Code == 1
	}
	return r.Type == 1 && r.Code == 3
}

// localAnswer is how quickly a packet filter of this host answers, with room to spare. The kernel gives a neighbour up after 3 s.
const localAnswer = 100 * time.Millisecond

// judgeRejection is who rejected an attempt, where an ICMP error tells.
func (r *Result) judgeRejection() {
	switch from := r.Rejection.From; {
	case !from.IsValid():
	case from == r.Local.Addr() && from != r.Destination.Addr().WithZone(""):
		r.Verdict, r.Layer = Denied, LocalFirewall
		if r.Rejection.neighbour() { // where others wait for the same neighbour, it is given up sooner
			r.Layer = OnTheWay
			r.Neighbour = r.Took > localAnswer
		}
	case from == r.Destination.Addr().WithZone(""):
		r.Layer = FarEnd
	default: // the far end has no part in that
		r.Verdict, r.Layer = Denied, OnTheWay
	}
}
