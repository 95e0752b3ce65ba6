package demo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loopbackIndex is the loopback device's number, which is the first in each network namespace (include/net/net_namespace.h,
// LOOPBACK_IFINDEX).
const loopbackIndex = 1

// setUp makes the network of a new network namespace: the loopback device, the gear's address, and the server's. The
// server's is no address of a device but a local route, so that what is sent there comes from the gear's address;
// to an address of a device the kernel would send from that same address (ip_route_output_key_hash_rcu, RTN_LOCAL).
func setUp(gear, server netip.Addr) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open rtnetlink: %w", err)
	}
	defer unix.Close(fd)
	const create = unix.NLM_F_CREATE | unix.NLM_F_EXCL
	link := unix.IfInfomsg{Family: unix.AF_UNSPEC, Index: loopbackIndex, Flags: unix.IFF_UP, Change: unix.IFF_UP}
	if err := request(fd, unix.RTM_NEWLINK, 0, bytesOf(&link)); err != nil {
		return fmt.Errorf("bring the loopback device up: %w", err)
	}
	address := unix.IfAddrmsg{Family: unix.AF_INET, Prefixlen: 32, Scope: unix.RT_SCOPE_UNIVERSE, Index: loopbackIndex}
	if err := request(fd, unix.RTM_NEWADDR, create, bytesOf(&address), attribute(unix.IFA_LOCAL, gear.AsSlice())); err != nil {
		return fmt.Errorf("add the address %v: %w", gear, err)
	}
	route := unix.RtMsg{
		Family: unix.AF_INET, Dst_len: 32, Table: unix.RT_TABLE_LOCAL, Protocol: unix.RTPROT_STATIC,
		Scope: unix.RT_SCOPE_HOST, Type: unix.RTN_LOCAL,
	}
	if err := request(fd, unix.RTM_NEWROUTE, create, bytesOf(&route), attribute(unix.RTA_DST, server.AsSlice()),
		attribute(unix.RTA_PREFSRC, gear.AsSlice()), attribute(unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, loopbackIndex))); err != nil {
		return fmt.Errorf("add the route to %v: %w", server, err)
	}
	return nil
}

// request sends one rtnetlink request, and waits for its acknowledgement (netlink(7), NLMSG_ERROR).
func request(fd int, kind, flags uint16, parts ...[]byte) error {
	h := unix.NlMsghdr{Type: kind, Flags: unix.NLM_F_REQUEST | unix.NLM_F_ACK | flags, Seq: 1}
	msg := make([]byte, unix.SizeofNlMsghdr)
	for _, p := range parts {
		msg = append(msg, p...)
	}
	h.Len = uint32(len(msg))
	copy(msg, bytesOf(&h))
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	b := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return errors.New("rtnetlink did not acknowledge")
	}
	if errno := -int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); errno != 0 {
		return unix.Errno(errno)
	}
	return nil
}

// attribute is a route attribute, rtnetlink(7). The values here are all four bytes long, so they need no padding.
func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	return append(binary.NativeEndian.AppendUint16(b, kind), value...)
}

func bytesOf[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }
