package diagnose

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
)

// The causes. Each has a page (docs/causes), which says how to tell it from the others.
const (
	BindDenied           = "bind-denied"
	BindAddressNotLocal  = "bind-address-not-local"
	BindAddressInUse     = "bind-address-in-use"
	BindPrivilegedPort   = "bind-privileged-port"
	BindLoopbackSource   = "bind-loopback-source"
	FamilyMismatch       = "family-mismatch"
	ConnectDenied        = "connect-denied"
	ProxyNeeded          = "proxy-needed"
	ProxyUser            = "proxy-authentication-required"
	ProxyDenied          = "proxy-denied"
	ProxyCannotReach     = "proxy-cannot-reach"
	Refused              = "refused"
	ServicePort          = "service-port"
	TimedOut             = "timed-out"
	Unreachable          = "unreachable"
	PortExhausted        = "port-exhausted"
	BindExhaustsPorts    = "bind-exhausts-ports"
	UnknownCause         = "unknown"
	DeniedByRoute        = "denied-by-route"
	BroadcastDenied      = "broadcast-denied"
	NoIPv4               = "no-ipv4"
	NoIPv6               = "no-ipv6"
	NoRoute              = "no-route"
	PortFiltered         = "port-filtered"
	HostDown             = "host-down"
	RejectedOnTheWay     = "rejected-on-the-way"
	MTUBlackHole         = "mtu-black-hole"
	ConnectionStalled    = "connection-stalled"
	Intercepted          = "intercepted"
	ClosedWithoutAnswer  = "closed-without-answer"
	CertificateMismatch  = "certificate-mismatch"
	CertificateExpired   = "certificate-expired"
	CertificateUntrusted = "certificate-untrusted"
	DescriptorsExhausted = "descriptors-exhausted"
	DeviceBindDenied     = "device-bind-denied"
	MarkDenied           = "mark-denied"
	TransparentDenied    = "transparent-denied"
	PingDenied           = "ping-denied"
	RawSocketDenied      = "raw-socket-denied"
	SocketDenied         = "socket-denied"
	DeniedByNetfilter    = "denied-by-netfilter"
	DeniedByCgroup       = "denied-by-cgroup"
	DeniedByLandlock     = "denied-by-landlock"
	DroppedHere          = "dropped-here"
	NameNotFound         = "name-not-found"
	NameServerFailure    = "name-server-failure"
	ResolverSilent       = "resolver-silent"
	ResolverRefused      = "resolver-refused"
	SearchPathSurprise   = "search-path-surprise"
	NameOfOtherFamily    = "name-of-other-family"
	WrongInterface       = "wrong-interface"
	SourceUnanswered     = "source-unanswered"
	ReversePathFiltered  = "reverse-path-filtered"
	ConntrackFull        = "conntrack-full"
	ListensElsewhere     = "listens-elsewhere"
	RejectedHere         = "rejected-here"
)

// examined is a failed attempt with all that there is to judge it by.
type examined struct {
	*made
	*experiment
	facts   Facts
	rec     *record
	origin  origin // where its address is from
	options Options

	full    *fullness  // of descriptors-exhausted alone
	seccomp bool       // a seccomp filter denied a call that was not seen
	status  int        // the program's
	tls     *presented // of a TLS server that the program left; nil: of none
	met     *meeting   // of a connection that was closed without a byte; nil: of none
	proxy   *Proxy     // the destination is this one
	asked   *proxyTalk // of the causes of a proxy that was used
}

// refiners name a more telling cause than the errno alone does, in this order; "" leaves it to the next.
var refiners = []func(*examined) string{
	exhaustedPorts,
	rights,
	conntrackFull,
	reversePathFiltered,
	wrongInterface,
	sourceUnanswered,
	(*examined).proxyNeeded,
	routeCause,
	deniedCause,
	refusedHere,
	refineTLS,
	refineClosed,
	refineStall,
	serviceCause,
	searchPathCause,
	refinePath,
}

// cause names the cause.
func (x *examined) cause() string {
	for _, refine := range refiners {
		if c := refine(x); c != "" {
			return c
		}
	}
	return x.plainCause()
}

// plainCause names the cause by the call, its errno and the counterfactuals.
func (x *examined) plainCause() string {
	if x.Call == attempt.CallBind {
		return x.bindCause()
	}
	if !x.Destination.IsValid() {
		return UnknownCause
	}
	if x.mismatched() {
		return FamilyMismatch
	}
	if x.loopbackSource() {
		return BindLoopbackSource
	}
	switch x.Outcome.Kind {
	case attempt.Denied:
		return ConnectDenied
	case attempt.Refused:
		return Refused
	case attempt.TimedOut, attempt.InProgress, attempt.Cancelled:
		if x.gaveUp() && x.again(attempt.Unreachable) {
			return Unreachable // with more patience the program would have heard it
		}
		return TimedOut
	case attempt.Unreachable:
		return Unreachable
	}
	if x.Outcome.Errno == attempt.EADDRNOTAVAIL && x.Source.Addr.IsValid() && x.Source.Addr.Port() != 0 {
		return BindAddressInUse // the pair of addresses is: the bind had been let pass by SO_REUSEADDR
	}
	return UnknownCause
}

// bindCause is the cause of a bind that failed (bind(2), ip(7), ipv6(7)).
func (x *examined) bindCause() string {
	port := int(x.Source.Addr.Port())
	switch x.Outcome.Errno {
	case attempt.EACCES, attempt.EPERM:
		if x.Outcome.Errno == attempt.EACCES && !x.Decided && port != 0 && port < x.unprivilegedMin() && x.capable() != Yes {
			return BindPrivilegedPort
		}
		return BindDenied
	case attempt.EADDRNOTAVAIL:
		return BindAddressNotLocal
	case attempt.EADDRINUSE:
		return BindAddressInUse
	case attempt.EAFNOSUPPORT:
		return FamilyMismatch
	case attempt.EINVAL:
		// An IPv6 socket takes no sockaddr_in, and with IPV6_V6ONLY no v4-mapped address.
		if addr := x.Source.Addr.Addr(); x.life.Family == attempt.IPv6 && addr.Unmap().Is4() && !x.boundBefore() {
			return FamilyMismatch
		}
	}
	return UnknownCause
}

// unprivilegedMin is the first port that needs no capability; the kernel's default where it is not known.
func (x *examined) unprivilegedMin() int {
	if x.facts.UnprivilegedMin >= 0 {
		return x.facts.UnprivilegedMin
	}
	return 1024
}

// capable tells whether the process had CAP_NET_BIND_SERVICE: asked of the process itself, and of
// sallyport, whose rights it got, where it was gone by then.
func (x *examined) capable() Answer {
	if x.cap != Unknown {
		return x.cap
	}
	return x.facts.CapBindService
}

// boundBefore reports whether the socket had a local address when it was bound: binding again is EINVAL.
func (x *examined) boundBefore() bool {
	for _, s := range x.life.Steps[:x.First] {
		if (s.Call == attempt.CallBind || s.Call == attempt.CallConnect) && (s.Errno == 0 || s.Errno == attempt.EINPROGRESS) {
			return true
		}
	}
	return false
}

// mismatched reports whether a connect failed since the socket, or the address that it was bound to, is
// of the other family. What the kernel answers: EAFNOSUPPORT to an IPv6 destination on an IPv4 socket or
// after a v4-mapped bind; EINVAL to a sockaddr_in on an IPv6 TCP socket; ENETUNREACH to a v4-mapped
// destination on an IPv6 socket that is bound to an IPv6 address, or has IPV6_V6ONLY set.
func (x *examined) mismatched() bool {
	if x.Decided {
		return false
	}
	to, from := x.Destination.Addr(), x.Source.Addr.Addr()
	switch x.Outcome.Errno {
	case attempt.EAFNOSUPPORT:
		return true
	case attempt.EINVAL:
		return x.life.Family == attempt.IPv6 && to.Is4()
	case attempt.ENETUNREACH:
		if to.Is4In6() && from.IsValid() && from.Is6() && !from.Is4In6() && !from.IsUnspecified() && !x.Elided {
			return x.outcomeOf(changeNoBind).Kind != attempt.Unreachable
		}
		o := x.outcomeOf(changeIPv4)
		return to.Is4In6() && o.Kind != attempt.InProgress && o.Kind != attempt.Unreachable
	}
	return false
}

// loopbackSource reports whether a connect failed since it was sent from a loopback address to a
// destination elsewhere.
func (x *examined) loopbackSource() bool {
	if !x.fromLoopback() {
		return false
	}
	without := x.outcomeOf(changeNoBind)
	if without.Kind == attempt.Connected {
		return true
	}
	if without.Kind != attempt.InProgress && without.Kind == x.Outcome.Kind && without.Kind != attempt.TimedOut {
		return false // it ends the same without: a blackhole route's EINVAL, no route at all
	}
	switch {
	case x.Outcome.Errno == attempt.EINVAL && to4(x.Destination.Addr()):
		return true
	case x.Outcome.Kind == attempt.TimedOut || x.Outcome.Kind == attempt.InProgress || x.Outcome.Kind == attempt.Cancelled:
		return true // no answer can come back to a loopback address, whatever else is wrong
	}
	return false
}

// gaveUp reports whether the program, not the kernel, ended the waiting.
func (x *examined) gaveUp() bool { return x.Outcome.Errno != attempt.ETIMEDOUT }

// fromLoopback reports whether the attempt asked for a loopback source and a destination elsewhere. Where a profile
// decided, elsewhere is whatever is not loopback: the machine's own address may stand in for a host.
func (x *examined) fromLoopback() bool {
	if x.Source.Kind != attempt.SourceGiven || x.Elided || !x.Source.Addr.Addr().Unmap().IsLoopback() || !x.Destination.IsValid() {
		return false
	}
	to := x.Destination.Addr()
	return !x.facts.local(to) || x.Decided && !to.Unmap().IsLoopback()
}

func to4(a netip.Addr) bool { return a.Unmap().Is4() }

// outcomeOf is how the counterfactual with a change ended; the zero value where it was not made.
func (x *examined) outcomeOf(change string) attempt.Outcome {
	for _, c := range x.cfs {
		if c.Change == change {
			return c.Outcome
		}
	}
	return attempt.Outcome{}
}
