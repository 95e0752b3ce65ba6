package diagnose

import (
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

func explainUnknown(x *examined, e *explanation) {
	if x.Call == attempt.CallBind {
		e.summary = fmt.Sprintf("%s could not bind %s to %s: %s", x.who(), x.socket(), x.from(), x.errno())
		x.stopped(e)
		switch {
		case x.Outcome.Errno == attempt.EINVAL && x.boundBefore():
			e.saw("the socket was bound or connected before: a second bind ends in EINVAL, bind(2)")
		case x.Outcome.Errno == attempt.EINVAL && x.Source.Addr.Addr().IsLinkLocalUnicast() && x.Source.Addr.Addr().Zone() == "":
			e.saw("a link-local address needs the interface with it: fe80::1%%eth0")
		}
		x.adviseNoBind(e, "to see whether the bind is all that is wrong")
		return
	}
	e.summary = fmt.Sprintf("%s could not connect to %s: %s", x.who(), x.to(), x.errno()) + x.noBindHelps()
	addr := x.Destination.Addr()
	switch {
	case x.Outcome.Kind == attempt.Reset:
		e.summary = fmt.Sprintf("%s was cut off by %s before it was connected: %s", x.who(), x.to(), x.errno()) + x.noBindHelps()
		e.saw("something answered and then reset: a proxy on the way, or a server that is overloaded or ending")
	case x.Outcome.Errno == attempt.EINVAL && addr.IsLinkLocalUnicast() && addr.Is6() && addr.Zone() == "":
		e.saw("a link-local address needs the interface with it: %v%%eth0", addr)
	case x.Outcome.Errno == attempt.EINVAL:
		e.saw("a blackhole route ends in EINVAL")
		e.advise("ask the kernel for the route: `ip route get %v`", addr.Unmap())
	case x.Outcome.Errno == attempt.EADDRNOTAVAIL && x.Source.Kind == attempt.SourceNone:
		e.saw("EADDRNOTAVAIL at a connect without a bind: no ephemeral port is left for this destination, or no address of the family fits")
		e.advise("count the connections to it: `ss -tan dst %v | wc -l`, against `sysctl net.ipv4.ip_local_port_range`; keep connections, or reuse them", addr.Unmap())
	case x.Outcome.Errno == attempt.EMFILE || x.Outcome.Errno == attempt.ENFILE:
		e.saw("no file descriptor is left: `ulimit -n`, or fs.file-max")
	}
	e.advise("run it again with `sallyport run --verbose` and read every step of this socket")
	x.adviseNetwork(e)
}
