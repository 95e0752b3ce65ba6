package diagnose

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// rights is the refiner for calls that failed of nothing but the caller's rights: options that divert traffic, raw and ping sockets.
func rights(x *examined) string {
	switch option, _, _ := strings.Cut(x.detail(), ", "); {
	case x.Call == attempt.CallSocket && x.Outcome.Errno == attempt.EACCES:
		return PingDenied
	case x.Call == attempt.CallSocket && x.Outcome.Errno == attempt.EPERM:
		return RawSocketDenied
	case x.Call != attempt.CallSetsockopt:
	case option == "SO_MARK":
		return MarkDenied
	case option == "SO_BINDTODEVICE":
		return DeviceBindDenied
	case strings.HasSuffix(option, "_TRANSPARENT"):
		return TransparentDenied
	}
	return ""
}

// detail is what the failed call was made with: "SO_MARK, 0x10".
func (x *examined) detail() string {
	if x.Last < 0 || x.Last >= len(x.life.Steps) {
		return ""
	}
	return x.life.Steps[x.Last].Detail
}

// rightsNoise is the note that such a failure comes to where the program got on all the same: the socket was used after it, or where
// no ping socket was to be had a raw one was.
func (rec *record) rightsNoise(m *made) (Note, bool) {
	for _, s := range m.life.Steps[m.Last+1:] {
		if s.Call == attempt.CallConnect || s.Call == attempt.CallBind || s.Call.Send() {
			return m.note(NoteWithout, fmt.Sprintf("%s: %v; the program went on without it", m.title(), m.Outcome)), true
		}
	}
	if rec.succeeded {
		return m.note(NoteWithout, fmt.Sprintf("%s: %v; the program succeeded all the same", m.title(), m.Outcome)), true
	}
	if m.Call == attempt.CallSocket && rec.otherPing(m) {
		return m.note(NoteWithout, fmt.Sprintf("%s: %v; see the other kind of socket that the program tried", m.title(), m.Outcome)), true
	}
	return Note{}, false
}

// otherPing reports whether a socket for ICMP that was denied is spoken for by another: where a ping socket was denied, by a raw one
// that was to be had; where a raw one was denied, by the ping socket that was denied before it.
func (rec *record) otherPing(m *made) bool {
	for _, l := range rec.lives {
		if l == m.life || l.Process == nil || l.Process.PID != m.pid() || len(l.Steps) == 0 || l.Protocol != m.Protocol || m.Protocol == attempt.TCP {
			continue
		}
		first := &l.Steps[0]
		denied := first.Call == attempt.CallSocket && first.Errno != 0
		switch m.Outcome.Errno {
		case attempt.EACCES:
			if !denied && first.At.After(m.Begin) {
				return true
			}
		case attempt.EPERM:
			if denied && first.Errno == attempt.EACCES && first.At.Before(m.Begin) {
				return true
			}
		}
	}
	return false
}

func explainMarkDenied(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s may not mark its packets (%s): EPERM (operation not permitted), since it has neither CAP_NET_ADMIN nor CAP_NET_RAW", x.who(), x.detail())
	e.saw("marks choose routes and firewall rules, so the kernel asks for CAP_NET_ADMIN, or from Linux 5.17 on CAP_NET_RAW, socket(7)")
	e.advise("leave the mark out: look for a setting named mark, fwmark or routing-mark")
	x.adviseCapability(e, "NET_ADMIN")
	e.advise("or have somebody else set it: an nftables rule can mark by user or cgroup (`meta mark set`), `ip rule` can choose a table by `uidrange`")
}

func explainDeviceDenied(x *examined, e *explanation) {
	_, device, _ := strings.Cut(x.detail(), ", ")
	if x.Outcome.Errno == attempt.ENODEV {
		e.summary = fmt.Sprintf("%s binds its socket to the network device %s, and there is none of that name here: %s", x.who(), device, x.errno())
		e.advise("see which devices there are: `ip link`; a container or a pod has others than its node, mostly eth0 and lo")
		e.advise("leave the device out: the kernel then takes the one that the route says; look for a setting named interface or device (curl --interface, ping -I)")
		return
	}
	e.summary = fmt.Sprintf("%s may not bind its socket to the network device %s: EPERM (operation not permitted): it is bound to a device already, "+
		"and changing that takes CAP_NET_RAW", x.who(), device)
	e.saw("from Linux 5.7 on a socket may be bound to its first device without rights, socket(7)")
	e.advise("bind a new socket instead, once")
	x.adviseCapability(e, "NET_RAW")
}

func explainTransparentDenied(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s may not make its socket transparent (%s): EPERM (operation not permitted), since it has neither CAP_NET_ADMIN nor CAP_NET_RAW", x.who(), x.detail())
	e.saw("a transparent socket can send from any address, ip(7); transparent proxies need that, clients do not")
	e.advise("leave it out: look for a setting named transparent, tproxy or \"usesrc\"")
	x.adviseCapability(e, "NET_ADMIN")
	e.advise("or, to bind to an address that is not there yet, use IP_FREEBIND, which takes no rights")
}

func explainPingDenied(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s may not ping: none of its groups is within net.ipv4.ping_group_range: %s", x.who(), x.errno())
	if r := x.facts.PingGroups; r != "" {
		e.saw("net.ipv4.ping_group_range is %s", strings.Join(strings.Fields(r), " "))
	}
	e.saw("ICMP echo without rights is by ping sockets, which are for these groups only, icmp(7); \"1 0\" is for nobody")
	e.advise("let everybody ping: `sysctl net.ipv4.ping_group_range=\"0 2147483647\"` (in Kubernetes a safe sysctl of the pod's securityContext)")
	x.adviseCapability(e, "NET_RAW")
	e.advise("if this is a health check: connect by TCP to the port that matters, which says more than a ping")
}

func explainRawDenied(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("%s may not make a raw socket (%s): EPERM (operation not permitted): it does not have CAP_NET_RAW", x.who(), x.detail())
	e.advise("if it pings or traces a route: use what needs no raw socket: ping sockets (`sysctl net.ipv4.ping_group_range`), traceroute by UDP or TCP connects")
	x.adviseCapability(e, "NET_RAW")
}

// adviseCapability says how to give a program a capability.
func (x *examined) adviseCapability(e *explanation, name string) {
	if x.facts.NoNewPrivs {
		e.saw("sallyport set no_new_privs, so setuid programs and capabilities of files (setcap) have no effect in this run: run sallyport as root to see it with them")
	}
	e.advise("or give it the capability: `setcap cap_%s=+ep FILE`, AmbientCapabilities=CAP_%s in a systemd unit, `--cap-add %s` for a container, "+
		"`capabilities: {add: [%s]}` in a pod", strings.ToLower(name), name, name, name)
}
