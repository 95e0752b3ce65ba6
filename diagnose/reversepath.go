package diagnose

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// reversePath is what this machine's reverse path filter does with the answers to an attempt. The zero value: nothing.
type reversePath struct {
	drops  bool     // each answer is dropped by it
	in     string   // the interface that the answers come in by; "" where that could not be told
	strict []string // the interfaces with a strict filter
}

// reversePathFiltered names this machine's own reverse path filter.
func reversePathFiltered(x *examined) string {
	if x.here.reverse.drops && x.Outcome.Kind == attempt.TimedOut && !x.Decided && !x.again(attempt.Connected) {
		return ReversePathFiltered
	}
	return ""
}

func explainReversePath(x *examined, e *explanation) {
	r, to := &x.here.reverse, x.Destination.Addr().Unmap()
	by := ""
	if r.in != "" {
		by = " by " + r.in
	}
	e.summary = fmt.Sprintf("%s gets answers from %s, and this machine drops them: they come in%s, and its reverse path filter (rp_filter=1) takes them only "+
		"by the interface that the route to %v leaves by", x.who(), x.to(), by, to) + x.noBindHelps()
	e.saw("made again, each SYN was followed by one packet more that the filter dropped (IPReversePathFilter of /proc/net/netstat)")
	if d := x.here.route.device; d != "" {
		e.saw("the SYN leaves by %s", d)
	}
	e.saw("the filter is strict on %s: the larger of net.ipv4.conf.all.rp_filter and the interface's own counts", strings.Join(r.strict, ", "))
	in := r.in
	if in == "" {
		in = "INTERFACE"
	}
	e.advise("let the two ways be one: have packets from %s leave by the interface that it belongs to (`ip rule add from %s table 100`, `ip route add default via GATEWAY dev %s table 100`), "+
		"or connect from an address of %s", x.sourceWords(), x.sourceWords(), in, orElse(x.here.plain.device, orElse(x.here.route.device, "the interface that the route leaves by")))
	e.advise("or loosen the filter, as root: `sysctl net.ipv4.conf.%s.rp_filter=2`: any route back will then do (ip-sysctl.rst)", in)
}

// sourceWords is the address that the attempt was sent from, for a command; ADDRESS where it is not known.
func (x *examined) sourceWords() string {
	switch {
	case x.Source.Kind == attempt.SourceGiven && !x.Elided:
		return x.Source.Addr.Addr().Unmap().String()
	case x.here.route.source.IsValid():
		return x.here.route.source.String()
	}
	return "ADDRESS"
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
