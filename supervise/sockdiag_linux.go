package supervise

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/sound"
	"golang.org/x/sys/unix"
)

// The parts of sock_diag(7)'s interface that are read (include/uapi/linux/inet_diag.h, sock_diag.h).
const (
	diagRequestLength = 56 // struct inet_diag_req_v2
	diagMessageLength = 72 // struct inet_diag_msg
	diagCookie        = 44 // offset of idiag_cookie in it
	diagReceiveQueue  = 56 // offset of idiag_rqueue
	diagInfo          = 2  // INET_DIAG_INFO: struct tcp_info
	diagMemory        = 7  // INET_DIAG_SKMEMINFO: numbers, of which the first is SK_MEMINFO_RMEM_ALLOC
)

// diagnosedStates are all states of TCP but listening and closed (include/net/tcp_states.h).
const diagnosedStates = 0xfff &^ (1<<tcpClose | 1<<tcpListen | 1)

const tcpListen = 10

// dumpTCP samples the TCP sockets of this thread's network namespace, and calls saw for each that is wanted; saw must not keep the sample.
func dumpTCP(family uint8, wanted func(cookie uint64) bool, saw func(cookie uint64, t *attempt.Traffic)) error {
	var t attempt.Traffic
	return dumpSockets(family, diagnosedStates, func(m diagMessage) {
		if cookie := m.cookie(); wanted(cookie) {
			t = trafficOf(m)
			saw(cookie, &t)
		}
	})
}

// dumpSockets calls saw for each TCP socket of this thread's network namespace that is in one of the states; saw must not keep it. It needs
// no rights: it is what `ss -ti` asks for.
func dumpSockets(family uint8, states uint32, saw func(diagMessage)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return fmt.Errorf("open sock_diag: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return err
	}
	h := unix.NlMsghdr{
		Len: unix.SizeofNlMsghdr + diagRequestLength, Type: unix.SOCK_DIAG_BY_FAMILY, Flags: unix.NLM_F_REQUEST | unix.NLM_F_DUMP, Seq: 1,
	}
	request := append((*[unix.SizeofNlMsghdr]byte)(unsafe.Pointer(&h))[:], make([]byte, diagRequestLength)...)
	body := request[unix.SizeofNlMsghdr:]
	body[0], body[1], body[2] = family, unix.IPPROTO_TCP, 1<<(diagInfo-1)|1<<(diagMemory-1)
	binary.NativeEndian.PutUint32(body[4:], states)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask sock_diag: %w", err)
	}
	b := make([]byte, 1<<15)
	for {
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			return fmt.Errorf("read sock_diag: %w", err)
		}
		messages, err := syscall.ParseNetlinkMessage(b[:n])
		if err != nil {
			return fmt.Errorf("read sock_diag: %w", err)
		}
		for _, m := range messages {
			switch {
			case m.Header.Type == unix.NLMSG_DONE:
				return nil
			case m.Header.Type == unix.NLMSG_ERROR:
				return fmt.Errorf("sock_diag: %w", errorOf(m.Data))
			case len(m.Data) >= diagMessageLength:
				saw(m.Data)
			}
		}
	}
}

func errorOf(message []byte) unix.Errno {
	if len(message) < 4 {
		return unix.EBADMSG
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(message)))
}

// trafficOf reads one message. An older kernel's tcp_info is shorter: what it lacks is zero.
func trafficOf(message []byte) attempt.Traffic {
	now := time.Now()
	t := attempt.Traffic{At: now, Moved: now}
	unread := binary.NativeEndian.Uint32(message[diagReceiveQueue:])
	var held uint32
	for kind, value := range sound.Attributes(message[diagMessageLength:]) {
		switch {
		case kind == diagMemory && len(value) >= 4:
			held = binary.NativeEndian.Uint32(value)
		case kind == diagInfo:
			var info unix.TCPInfo
			copy((*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))[:], value)
			t.Sent, t.Acked, t.Received = info.Bytes_sent, info.Bytes_acked, info.Bytes_received
			t.Retransmits, t.Backoff, t.Unacked = int(info.Retransmits), int(info.Backoff), int(info.Unacked)
			t.MSS, t.PMTU, t.RTT = int(info.Snd_mss), int(info.Pmtu), time.Duration(info.Rtt)*time.Microsecond
			t.Hole = info.Rcv_ooopack > 0
		}
	}
	// Memory that is held for received data, none of which the program could read, is the out-of-order queue's.
	t.Hole = t.Hole && unread == 0 && held > 0
	return t
}
