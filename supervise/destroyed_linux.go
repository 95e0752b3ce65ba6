package supervise

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/sound"
	"golang.org/x/sys/unix"
)

// The multicast groups of sock_diag that tell of destroyed sockets (enum sknetlink_groups, include/uapi/linux/sock_diag.h), as bits of nl_groups.
const (
	groupTCPDestroy  = 1 << 0
	groupTCP6Destroy = 1 << 2
)

// The rest of struct inet_diag_msg that is read: its ports, its addresses, its inode (include/uapi/linux/inet_diag.h).
const (
	diagSourcePort = 4
	diagPeerPort   = 6
	diagSource     = 8
	diagPeer       = 24
	diagInode      = 68
)

// destroyedTCP is a netlink socket on which the kernel tells of every TCP socket that it destroys in this thread's network namespace.
func destroyedTCP() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return -1, fmt.Errorf("open sock_diag: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, endingsBuffer) != nil { // takes CAP_NET_ADMIN
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, endingsBuffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groupTCPDestroy | groupTCP6Destroy}); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("listen for sockets that are destroyed: %w", err)
	}
	return fd, nil
}

// diagMessage is a struct inet_diag_msg and the attributes behind it.
type diagMessage []byte

// diagMessages are those in what was read off a netlink socket. What is no such message is left out.
func diagMessages(b []byte) iter.Seq[diagMessage] {
	return func(yield func(diagMessage) bool) {
		messages, err := syscall.ParseNetlinkMessage(b)
		if err != nil {
			return
		}
		for _, m := range messages {
			if m.Header.Type == unix.SOCK_DIAG_BY_FAMILY && len(m.Data) >= diagMessageLength && !yield(m.Data) {
				return
			}
		}
	}
}

func (m diagMessage) cookie() uint64 { return binary.NativeEndian.Uint64(m[diagCookie:]) }

func (m diagMessage) inode() uint64 { return uint64(binary.NativeEndian.Uint32(m[diagInode:])) }

// source and peer are the socket's own end and the other.
func (m diagMessage) source() netip.AddrPort { return m.end(diagSource, diagSourcePort) }
func (m diagMessage) peer() netip.AddrPort   { return m.end(diagPeer, diagPeerPort) }

func (m diagMessage) end(addr, port int) netip.AddrPort {
	a := netip.AddrFrom16([16]byte(m[addr : addr+16])).Unmap()
	if m[0] == unix.AF_INET {
		a = netip.AddrFrom4([4]byte(m[addr : addr+4]))
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(m[port:]))
}

// info is the message's tcp_info. An older kernel's is shorter: what it lacks is zero.
func (m diagMessage) info() (info unix.TCPInfo) {
	for kind, value := range sound.Attributes(m[diagMessageLength:]) {
		if kind == diagInfo {
			copy((*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))[:], value)
		}
	}
	return info
}

// noMinRTT is tcpi_min_rtt where no round trip was measured.
const noMinRTT = ^uint32(0)

func endingOf(m diagMessage) attempt.Ending {
	info := m.info()
	e := attempt.Ending{
		At: time.Now(), Sent: info.Bytes_sent, Acked: info.Bytes_acked, Received: info.Bytes_received,
		SegsIn: int(info.Segs_in), SegsOut: int(info.Segs_out), DataSegsIn: int(info.Data_segs_in), DataSegsOut: int(info.Data_segs_out),
		Retransmits: int(info.Retransmits), RTT: time.Duration(info.Rtt) * time.Microsecond, MSS: int(info.Snd_mss),
		Wiped: m.peer().Port() == 0, // tcp_disconnect in net/ipv4/tcp.c
	}
	if info.Min_rtt != noMinRTT {
		e.MinRTT = time.Duration(info.Min_rtt) * time.Microsecond
	}
	return e
}
