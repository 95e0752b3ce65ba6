package diagnose

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// portUse is how far the ephemeral ports were used up when a call got none. The zero value knows nothing.
type portUse struct {
	known     bool
	low, high int // net.ipv4.ip_local_port_range
	usable    int // of these, those that net.ipv4.ip_local_reserved_ports leaves
	used      int // usable ports that any TCP socket of the network namespace has
	toward    int // usable ports with a connection to the destination from one address; 0 without a destination
	timeWait  int // sockets in TIME-WAIT among what is counted in used
	own       int // sockets of the process itself among what is counted in used
}

// tcpSocket is one TCP socket of the network namespace, as sock_diag(7) tells of it.
type tcpSocket struct {
	local, remote netip.AddrPort
	timeWait      bool
	v6, v6only    bool   // an IPv6 socket; one that listens, and takes no IPv4
	device        uint32 // the network device that it is bound to; 0: none
	inode         uint64 // 0: no process has it any more
}

// wantsPorts reports whether a call failed as it does where no port is left: __inet_hash_connect in net/ipv4/inet_hashtables.c,
// inet_csk_get_port in net/ipv4/inet_connection_sock.c.
func wantsPorts(r attempt.Result) bool {
	if !r.Protocol.Stream() || r.Decided || r.Source.Kind != attempt.SourceNone && r.Source.Addr.Port() != 0 {
		return false
	}
	return r.Call == attempt.CallBind && r.Outcome.Errno == attempt.EADDRINUSE ||
		r.Call == attempt.CallConnect && r.Outcome.Errno == attempt.EADDRNOTAVAIL
}

// count counts which of the range's ports sockets have. own are the inodes of the process's sockets.
func (u *portUse) count(sockets []tcpSocket, reserved map[int]bool, r attempt.Result, own map[uint64]bool) {
	used, toward := map[uint16]bool{}, map[netip.Addr]map[uint16]bool{}
	for _, s := range sockets {
		port := s.local.Port()
		if int(port) < u.low || int(port) > u.high || reserved[int(port)] {
			continue
		}
		used[port] = true
		if s.timeWait {
			u.timeWait++
		}
		if own[s.inode] {
			u.own++
		}
		from := s.local.Addr()
		if !r.Destination.IsValid() || !same(s.remote, r.Destination) || r.Source.Kind == attempt.SourceGiven && from != r.Source.Addr.Addr().Unmap() {
			continue
		}
		if toward[from] == nil {
			toward[from] = map[uint16]bool{}
		}
		toward[from][port] = true
		u.toward = max(u.toward, len(toward[from]))
	}
	u.used = len(used)
	u.usable = u.high - u.low + 1
	for port := range reserved {
		if port >= u.low && port <= u.high {
			u.usable--
		}
	}
	u.known = u.low > 0 && u.high >= u.low
}

// all reports whether n ports are as good as all: others may have closed one since.
func (u *portUse) all(n int) bool { return u.known && n >= u.usable-u.usable/50 }

// exhaustedPorts is the refiner for causes that are about ephemeral ports.
func exhaustedPorts(x *examined) string {
	if !wantsPorts(x.Result) {
		return ""
	}
	switch u := &x.ports; {
	case x.Call == attempt.CallConnect && u.all(u.toward):
		return PortExhausted
	case u.all(u.used):
		// Connections share a port where their destinations differ, unless it was taken by a bind.
		return BindExhaustsPorts
	}
	return ""
}

// parsePortSet reads net.ipv4.ip_local_reserved_ports: "8080,9148-9150".
func parsePortSet(s string) map[int]bool {
	out := map[int]bool{}
	for item := range strings.SplitSeq(s, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(item), "-")
		low, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		high := low
		if ranged {
			if high, err = strconv.Atoi(last); err != nil {
				continue
			}
		}
		for p := low; p <= high && p <= 65535; p++ {
			out[p] = true
		}
	}
	return out
}

// sawRange says which ports there are, and who has them.
func (x *examined) sawRange(e *explanation) {
	u := &x.ports
	reserved := ""
	if n := u.high - u.low + 1 - u.usable; n > 0 {
		reserved = fmt.Sprintf(", %d of them reserved (net.ipv4.ip_local_reserved_ports)", n)
	}
	e.saw("the ephemeral ports are %d to %d (net.ipv4.ip_local_port_range)%s: %d to use, %d in use", u.low, u.high, reserved, u.usable, u.used)
	e.saw("the sockets on them: %d of %s itself, %d in TIME-WAIT, which no process has any more", u.own, x.name(), u.timeWait)
}

func explainPortExhausted(x *examined, e *explanation) {
	u := &x.ports
	e.summary = fmt.Sprintf("%s got no port to connect to %s from: all %d ephemeral ports have a connection there already: %s",
		x.who(), x.to(), u.usable, x.errno()) + x.noBindHelps()
	x.sawRange(e)
	e.saw("each connection to one destination, from one address, needs a port of its own: %d there now", u.toward)
	if u.timeWait*2 > u.used {
		e.saw("most are in TIME-WAIT: the program makes a new connection each time and closes it, and each keeps its port for 60 s after")
		e.advise("let connections be used again (a pool, keep-alive, one session object for all requests) rather than opened for each request")
		e.advise("or let the kernel use ports in TIME-WAIT again for new connections: `sysctl net.ipv4.tcp_tw_reuse=1`, ip-sysctl.rst")
	} else {
		e.advise("close connections that are done with, or use them again (a pool with a limit): `ss -tnp dst %v` shows who has them", x.Destination.Addr().Unmap())
	}
	x.adviseRange(e)
	e.advise("or spread them: another address or port of the server's, or another source address, has all ports to itself")
}

func explainBindExhausts(x *examined, e *explanation) {
	u := &x.ports
	if x.Call == attempt.CallBind {
		e.summary = fmt.Sprintf("%s got no port for its socket: a bind to %s with port 0 takes a whole port, and all %d ephemeral ports are in use: %s",
			x.who(), x.from(), u.usable, x.errno())
	} else {
		e.summary = fmt.Sprintf("%s got no port to connect to %s from: sockets that were bound hold the %d ephemeral ports: %s",
			x.who(), x.to(), u.usable, x.errno()) + x.noBindHelps()
		e.saw("only %d of them have a connection to %s: the others could be shared, had no bind taken them", u.toward, x.to())
	}
	x.sawRange(e)
	if x.Call == attempt.CallBind {
		x.stopped(e)
		x.adviseNoBind(e, "a connect without a bind can share a port among destinations")
	} else {
		e.advise("see which sockets were bound: `ss -tanp`, and with a newer ss `ss -tanpB` for those that are bound only; the same program's own binds are elided by `%s`", x.without())
	}
	e.advise("if the source matters: set IP_BIND_ADDRESS_NO_PORT on the socket before the bind, ip(7): the port is then chosen when it connects, and can be shared")
	x.adviseRange(e)
}

func (x *examined) adviseRange(e *explanation) {
	e.advise("or widen the range: `sysctl net.ipv4.ip_local_port_range=\"%s\"`, and see net.ipv4.ip_local_reserved_ports", "16384 65535")
}
