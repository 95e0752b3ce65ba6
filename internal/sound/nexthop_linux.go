package sound

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"syscall"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// NextHop asks the kernel where it sends packets for an address, and whether the neighbour there answers (rtnetlink(7), RTM_GETROUTE and
// RTM_GETNEIGH). The error is the kernel's where it has no route.
func NextHop(to netip.Addr) (attempt.NextHop, error) {
	to = to.Unmap()
	var hop attempt.NextHop
	// struct rtmsg: family, length of the destination, then what is left to the kernel.
	body := make([]byte, unix.SizeofRtMsg)
	body[0], body[1] = netFamily(to), byte(to.BitLen())
	replies, err := rtnetlink(unix.RTM_GETROUTE, 0, appendAddr(body, unix.RTA_DST, to))
	if err != nil {
		return hop, fmt.Errorf("ask for the route to %v: %w", to, err)
	}
	for _, m := range replies {
		if m.Header.Type != unix.RTM_NEWROUTE || len(m.Data) < unix.SizeofRtMsg {
			continue
		}
		hop.Local = m.Data[7] == unix.RTN_LOCAL
		for kind, value := range Attributes(m.Data[unix.SizeofRtMsg:]) {
			switch kind {
			case unix.RTA_GATEWAY:
				hop.Gateway, _ = netip.AddrFromSlice(value)
			case unix.RTA_PREFSRC:
				hop.Source, _ = netip.AddrFromSlice(value)
			case unix.RTA_OIF:
				hop.Interface = int(binary.NativeEndian.Uint32(value))
			}
		}
	}
	neighbour := to
	if hop.Gateway.IsValid() {
		neighbour = hop.Gateway
	}
	hop.Silent = !hop.Local && neighbourSilent(neighbour, hop.Interface)
	return hop, nil
}

// neighbourSilent reports whether the kernel asked for a neighbour, and got no answer so far.
func neighbourSilent(addr netip.Addr, iface int) bool {
	body := make([]byte, unix.SizeofNdMsg) // struct ndmsg: family, the interface at 4, the state at 8
	body[0] = netFamily(addr)
	binary.NativeEndian.PutUint32(body[4:], uint32(iface))
	replies, err := rtnetlink(unix.RTM_GETNEIGH, 0, appendAddr(body, unix.NDA_DST, addr))
	if err != nil {
		return false
	}
	for _, m := range replies {
		if m.Header.Type == unix.RTM_NEWNEIGH && len(m.Data) >= unix.SizeofNdMsg {
			return binary.NativeEndian.Uint16(m.Data[8:])&(unix.NUD_FAILED|unix.NUD_INCOMPLETE) != 0
		}
	}
	return false
}

func netFamily(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// appendAddr appends a routing attribute that is an address.
func appendAddr(b []byte, kind uint16, a netip.Addr) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+a.BitLen()/8))
	b = binary.NativeEndian.AppendUint16(b, kind)
	return append(b, a.AsSlice()...)
}

// Attributes reads routing attributes: their kinds and values.
func Attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			n := int(binary.NativeEndian.Uint16(b))
			if n < unix.SizeofRtAttr || n > len(b) || !yield(binary.NativeEndian.Uint16(b[2:]), b[unix.SizeofRtAttr:n]) {
				return
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
}

// rtnetlink asks one question and reads the answer in this thread's network namespace.
func rtnetlink(kind, flags uint16, body []byte) ([]syscall.NetlinkMessage, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	// The kernel answers at once; this bounds what nobody expects.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, err
	}
	h := unix.NlMsghdr{Len: uint32(unix.SizeofNlMsghdr + len(body)), Type: kind, Flags: unix.NLM_F_REQUEST | flags, Seq: 1}
	message := append((*[unix.SizeofNlMsghdr]byte)(unsafe.Pointer(&h))[:], body...)
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	b := make([]byte, 1<<14)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return nil, err
	}
	replies, err := syscall.ParseNetlinkMessage(b[:n])
	if err != nil {
		return nil, err
	}
	for _, m := range replies {
		if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4 {
			if e := int32(binary.NativeEndian.Uint32(m.Data)); e != 0 {
				return nil, unix.Errno(-e)
			}
		}
	}
	return replies, nil
}
