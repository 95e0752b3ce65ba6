package diagnose

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// readPorts counts the ports in use, where the process is in our network namespace. It is called while the process waits for its
// answer: an instant later its sockets may be gone.
func readPorts(pid int, r attempt.Result) portUse {
	var u portUse
	if !inOurNetwork(pid) {
		return u
	}
	limits := strings.Fields(read("/proc/sys/net/ipv4/ip_local_port_range"))
	if len(limits) != 2 {
		return u
	}
	u.low, _ = strconv.Atoi(limits[0])
	u.high, _ = strconv.Atoi(limits[1])
	var sockets []tcpSocket
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		some, err := tcpSockets(family, ^uint32(0))
		if err != nil {
			return portUse{}
		}
		sockets = append(sockets, some...)
	}
	u.count(sockets, parsePortSet(read("/proc/sys/net/ipv4/ip_local_reserved_ports")), r, socketInodes(pid))
	return u
}

// inOurNetwork reports whether a process is surely in the network namespace that the facts are read in.
func inOurNetwork(pid int) bool {
	theirs, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/net")
	if err != nil {
		return false
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	return err == nil && ours == theirs
}

// socketInodes are the inodes of the sockets that a process has.
func socketInodes(pid int) map[uint64]bool {
	out := map[uint64]bool{}
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, entry := range entries {
		link, err := os.Readlink(dir + "/" + entry.Name())
		digits, ok := strings.CutPrefix(strings.TrimSuffix(link, "]"), "socket:[")
		if inode, bad := strconv.ParseUint(digits, 10, 64); err == nil && ok && bad == nil {
			out[inode] = true
		}
	}
	return out
}

// Of sock_diag(7), <linux/inet_diag.h>.
const (
	sockDiagByFamily = 20
	tcpTimeWait      = 6 // include/net/tcp_states.h
	tcpListen        = 10
	sizeofDiagReq    = 56 // struct inet_diag_req_v2
	sizeofDiagMsg    = 72 // struct inet_diag_msg
	inetDiagSkV6only = 11 // INET_DIAG_SKV6ONLY, of sockets that listen
)

// tcpSockets lists the TCP sockets of this thread's network namespace that are in one of the states, a bit each; with every bit set those
// included that are bound only (from Linux 6.8 on).
func tcpSockets(family uint8, states uint32) ([]tcpSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	req := make([]byte, unix.SizeofNlMsghdr+sizeofDiagReq)
	binary.NativeEndian.PutUint32(req[0:], uint32(len(req)))
	binary.NativeEndian.PutUint16(req[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(req[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	req[unix.SizeofNlMsghdr] = family
	req[unix.SizeofNlMsghdr+1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(req[unix.SizeofNlMsghdr+4:], states)
	if err := unix.Sendto(fd, req, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var out []tcpSocket
	buf := make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return nil, err
		}
		done, err := eachDiag(buf[:n], func(m []byte) { out = append(out, parseDiag(m)) })
		if done || err != nil {
			return out, err
		}
	}
}

// eachDiag calls f with each inet_diag_msg of a datagram of the kernel's, and reports whether the dump has ended.
func eachDiag(b []byte, f func([]byte)) (done bool, err error) {
	for len(b) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(b))
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return true, unix.EBADMSG
		}
		body := b[unix.SizeofNlMsghdr:length]
		switch typ := binary.NativeEndian.Uint16(b[4:]); {
		case typ == unix.NLMSG_DONE:
			return true, nil
		case typ == unix.NLMSG_ERROR && len(body) >= 4:
			return true, unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
		case typ == sockDiagByFamily && len(body) >= sizeofDiagMsg:
			f(body)
		}
		b = b[min((length+3)&^3, len(b)):]
	}
	return false, nil
}

// parseDiag reads a struct inet_diag_msg. Ports and addresses are in network byte order.
func parseDiag(m []byte) tcpSocket {
	addr := func(at int) netip.Addr {
		if m[0] == unix.AF_INET {
			return netip.AddrFrom4([4]byte(m[at : at+4]))
		}
		return netip.AddrFrom16([16]byte(m[at : at+16])).Unmap()
	}
	v6only := attributes(m, sizeofDiagMsg)[inetDiagSkV6only]
	return tcpSocket{
		v6: m[0] == unix.AF_INET6, v6only: len(v6only) > 0 && v6only[0] != 0, device: binary.NativeEndian.Uint32(m[40:]),
		local:    netip.AddrPortFrom(addr(8), binary.BigEndian.Uint16(m[4:])),
		remote:   netip.AddrPortFrom(addr(24), binary.BigEndian.Uint16(m[6:])),
		timeWait: m[1] == tcpTimeWait,
		inode:    uint64(binary.NativeEndian.Uint32(m[68:])),
	}
}
