package diagnose

import (
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

// stopped says what is not known when a program stops at its bind.
func (x *examined) stopped(e *explanation) {
	for i := x.Last + 1; i < len(x.life.Steps); i++ {
		if s := &x.life.Steps[i]; s.Call == attempt.CallConnect || s.Call.Send() {
			e.saw("the program went on all the same: %v", s.CallText())
			return
		}
	}
	e.saw("the program stopped at the bind, so its destination is not known")
	if x.Protocol.Stream() {
		if o := x.rec.withoutBind(x.made); o != nil {
			e.saw("without a bind %s did connect: to %v", x.name(), o.Destination)
		}
	}
}

func explainBindDenied(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s may not bind %s to %s: %s", x.who(), x.socket(), x.from(), x.errno()) + x.byWhom()
	if x.Protocol.Stream() && x.Source.Addr.Port() == 0 {
		e.summary += "; a client needs no bind"
	}
	x.stopped(e)
	x.adviseNoBind(e, "a socket that is not bound needs no permission to be")
	x.explainDenier(e)
	switch {
	case x.Decided || x.denial.tried:
	case x.facts.SELinux == "enforcing":
		e.saw("SELinux is enforcing here, sallyport's context is %s", x.facts.Context)
		e.advise("ask SELinux whether it denied this: `ausearch -m avc -ts recent` as root; it would be node_bind or name_bind")
	case x.facts.marked() != "":
		x.sawConfinement(e)
	case x.Outcome.Errno == attempt.EPERM:
		e.saw("EPERM at a bind comes from an eBPF program of the cgroup or a seccomp filter; the kernel's own checks and Landlock say EACCES")
	case x.facts.Landlock == Yes:
		e.saw("this kernel has Landlock, which answers so to every TCP bind when a sandbox allows connecting only")
	}
}

func explainPrivileged(x *examined, e *explanation) {
	port := x.Source.Addr.Port()
	e.summary = fmt.Sprintf("%s may not bind to port %d: ports below %d need CAP_NET_BIND_SERVICE, which it does not have",
		x.who(), port, x.unprivilegedMin())
	x.stopped(e)
	if x.facts.UnprivilegedMin >= 0 {
		e.saw("net.ipv4.ip_unprivileged_port_start is %d", x.facts.UnprivilegedMin)
	}
	if x.facts.NoNewPrivs {
		e.saw("sallyport set no_new_privs, so capabilities of the program's file (setcap) have no effect in this run")
		e.advise("if the file has the capability (`getcap`), run sallyport as root or with CAP_SYS_ADMIN, which needs no no_new_privs")
	}
	if x.Protocol.Stream() {
		e.advise("if this is a client: let the kernel choose the port, `%s`, or ask for port 0; few servers still look at a client's port", x.without())
	}
	if x.facts.inPod() {
		x.adviseSecurityContext(e)
		return
	}
	e.advise("if this is a server: choose a port from %d up, or give the program the capability: `setcap cap_net_bind_service=+ep FILE`, "+
		"AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, `--cap-add NET_BIND_SERVICE` for a container", x.unprivilegedMin())
	e.advise("or lower the limit: `sysctl net.ipv4.ip_unprivileged_port_start=%d` (for a container: `--sysctl`)", port)
}

func explainNotLocal(x *examined, e *explanation) {
	addr := x.Source.Addr.Addr()
	e.summary = fmt.Sprintf("%s asked to send from %v, which is no address of this machine: %s", x.who(), addr, x.errno())
	local := false
	for _, a := range x.facts.Addresses {
		local = local || a.Addr == addr.Unmap().WithZone("")
	}
	if local {
		e.summary = fmt.Sprintf("%s may not send from %v yet: the address is there, and not usable: %s", x.who(), addr, x.errno())
		e.saw("an IPv6 address can't be bound to before its duplicate address detection has ended (`ip -6 addr`: tentative, dadfailed)")
	}
	if list := x.facts.addressList(addr.Unmap().Is4()); list != "" {
		e.saw("the %v addresses here are %s", attempt.FamilyOf(addr), list)
	} else if len(x.facts.Addresses) > 0 {
		e.saw("there is no %v address here at all", attempt.FamilyOf(addr))
	}
	x.stopped(e)
	x.adviseNoBind(e, "the kernel then takes the address that the route says")
	e.advise("if the source matters: name one of this machine's addresses, and take it from where the program runs rather than from a file that was " +
		"written for another machine; a container or a pod has other addresses than its node")
}

func explainInUse(x *examined, e *explanation) {
	port := x.Source.Addr.Port()
	if x.Call != attempt.CallBind {
		e.summary = fmt.Sprintf("%s connected from %v to %s before, and that connection still exists: %s", x.who(), x.Source.Addr, x.to(), x.errno())
		e.saw("SO_REUSEADDR let the bind pass; two connections can't have both addresses and both ports in common")
		x.adviseNoBind(e, "a port of the kernel's choice is free")
		return
	}
	if port == 0 {
		e.summary = fmt.Sprintf("%s got no port for its socket: no port of the ephemeral range is left for a bind to %s", x.who(), x.from())
		e.saw("a bind to port 0 takes a whole port; a connect without a bind can share one among destinations")
		x.stopped(e)
		x.adviseNoBind(e, "a connect without a bind can share a port")
		e.advise("if the source matters: set IP_BIND_ADDRESS_NO_PORT before the bind, ip(7); see what holds the ports with `ss -tan | sort`, and widen net.ipv4.ip_local_port_range")
		return
	}
	e.summary = fmt.Sprintf("%s may not bind to %s: another socket has that port: %s", x.who(), x.from(), x.errno())
	x.stopped(e)
	flag := "t"
	if !x.Protocol.Stream() {
		flag = "u"
	}
	e.advise("see who has it: `ss -%sanp 'sport = :%d'`", flag, port)
	if x.Protocol.Stream() {
		e.advise("if this is a client: let the kernel choose the port, `%s`, or ask for port 0", x.without())
	}
	e.advise("if this is a server: stop the other one, or choose another port; SO_REUSEADDR helps only against connections in TIME-WAIT, never against one that listens")
}
