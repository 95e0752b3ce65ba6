package diagnose

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// listening is who listens on this machine on the port of an attempt that it refused. The zero value is not known.
type listening struct {
	read      bool
	there     []listener // they take connections to the destination
	others    []listener // of the same network namespace and port, on another address
	elsewhere []listener // on the same port in other network namespaces
	again     bool       // refused once more after there was read
}

// listener is a TCP socket that listens.
type listener struct {
	at      netip.AddrPort
	v6only  bool   // takes no IPv4 where it listens on ::
	device  uint32 // the network device that it is bound to; 0: none
	inode   uint64
	pid     int    // of a process that has it; 0: not known, mostly for want of rights
	command string // of that process, the program's name alone
}

// takes reports whether it takes connections to an address.
func (l *listener) takes(to netip.AddrPort) bool {
	if l.at.Port() != to.Port() || l.device != 0 {
		return false
	}
	at, addr := l.at.Addr(), to.Addr().Unmap().WithZone("")
	switch {
	case at == netip.IPv6Unspecified():
		return addr.Is6() || !l.v6only
	case at.IsUnspecified():
		return addr.Is4()
	}
	return at == addr
}

// String is "nginx (pid 812) on 127.0.0.1:8080".
func (l *listener) String() string {
	switch {
	case l.pid == 0:
		return "a process that is not ours to see on " + l.at.String()
	case l.command == "":
		return fmt.Sprintf("pid %d on %v", l.pid, l.at)
	}
	return fmt.Sprintf("%s (pid %d) on %v", l.command, l.pid, l.at)
}

// listenerList is listeners for a sentence.
func listenerList(ls []listener) string {
	var out []string
	for i := range ls {
		if s := ls[i].String(); len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	if len(out) > 4 {
		out = append(out[:4], "and more")
	}
	return strings.Join(out, ", ")
}

// refusedHere tells apart why this machine refused a connection to itself, by what listens.
func refusedHere(x *examined) string {
	l := &x.listening
	switch {
	case !l.read || x.Decided || x.plainCause() != Refused || x.again(attempt.Connected):
		return ""
	case len(l.there) > 0 && l.again:
		return RejectedHere
	case len(l.there) == 0 && len(l.others) > 0:
		return ListensElsewhere
	}
	return ""
}

func explainListensElsewhere(x *examined, e *explanation) {
	l := &x.listening
	port := x.Destination.Port()
	e.summary = fmt.Sprintf("%s was refused by %s: nothing listens there, but on port %d of another address does: %s", x.who(), x.to(), port, listenerList(l.others)) + x.noBindHelps()
	e.saw("the listening sockets of this machine were read: none takes connections to %v", x.Destination)
	to := l.others[0].at
	if to.Addr().IsUnspecified() { // all addresses of the other family, or of one device
		to = netip.AddrPortFrom(loopbackOf(to.Addr()), port)
	}
	if other := x.otherLoopback(); other != "" {
		e.advise("connect to %s, or let the server listen on both families ([::] with IPV6_V6ONLY off)", other)
	} else {
		e.advise("connect to %v, if that is the server that is meant", to)
		e.advise("or have the server listen on %v as well, or on all addresses (0.0.0.0, [::]); look for its setting named listen, bind or host", x.Destination.Addr().Unmap())
	}
	e.advise("see it: `ss -tlnp 'sport = :%d'`", port)
}

// loopbackOf is the loopback address of an address's family.
func loopbackOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

func explainRejectedHere(x *examined, e *explanation) {
	l := &x.listening
	e.summary = fmt.Sprintf("%s was refused by %s though a server listens there, %s: a packet filter of this machine rejects the connection", x.who(), x.to(), listenerList(l.there)) + x.noBindHelps()
	e.saw("the listening sockets of this machine were read, and after that the same connect was refused once more")
	x.sawFilter(e)
	e.advise("look for reject in the packet filter, at its input first: `nft list ruleset` or `iptables -S INPUT` as root")
	e.advise("have %s allowed there; where a tool writes the rules (ufw, firewalld, Docker), with that tool", x.destinationRule())
	e.advise("where no rule does it: an eBPF program may steer sockets, `bpftool net` and `bpftool cgroup tree` as root")
}

// sawElsewhere says what listens on the port in other network namespaces.
func (x *examined) sawElsewhere(e *explanation) {
	if ls := x.listening.elsewhere; len(ls) > 0 {
		e.saw("in another network namespace (a container's, a pod's) something listens on that port: %s", listenerList(ls))
		e.advise("if that is the server: connect to its namespace's address, or publish its port (`docker run -p`); localhost is another one there")
	}
}
