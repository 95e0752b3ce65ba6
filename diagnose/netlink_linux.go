package diagnose

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtnetlink is an rtnetlink(7) socket. It asks about the network namespace that it was made in.
type rtnetlink struct{ fd int }

func openRTNetlink() (*rtnetlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	// The kernel answers before sendto returns; a limit all the same, as this is waited for when the program ends.
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
	return &rtnetlink{fd: fd}, nil
}

func (c *rtnetlink) close() { _ = unix.Close(c.fd) }

// ask sends one request, a fixed part and attributes, and returns the answer. An errno that the kernel answers is the error.
func (c *rtnetlink) ask(typ uint16, flags uint16, body []byte) ([]syscall.NetlinkMessage, error) {
	b := make([]byte, syscall.NLMSG_HDRLEN, syscall.NLMSG_HDRLEN+len(body))
	*(*syscall.NlMsghdr)(unsafe.Pointer(&b[0])) = syscall.NlMsghdr{
		Len: uint32(cap(b)), Type: typ, Flags: syscall.NLM_F_REQUEST | flags, Seq: 1,
	}
	if err := unix.Sendto(c.fd, append(b, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("ask rtnetlink: %w", err)
	}
	var out []syscall.NetlinkMessage
	for {
		buf := make([]byte, 1<<16)
		n, _, err := unix.Recvfrom(c.fd, buf, 0)
		if err != nil {
			return nil, fmt.Errorf("read from rtnetlink: %w", err)
		}
		msgs, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return nil, fmt.Errorf("read from rtnetlink: %w", err)
		}
		for _, m := range msgs {
			switch {
			case m.Header.Type == syscall.NLMSG_DONE:
				return out, nil
			case m.Header.Type == syscall.NLMSG_ERROR && len(m.Data) >= 4:
				if e := int32(binary.NativeEndian.Uint32(m.Data)); e != 0 {
					return nil, unix.Errno(-e)
				}
				return out, nil
			}
			out = append(out, m)
		}
		if flags&syscall.NLM_F_DUMP == 0 {
			return out, nil
		}
	}
}

// attribute is an attribute in its message form, padded.
func attribute(typ uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// attributes are the attributes that follow a message's fixed part of size bytes; nil where they can't be read.
func attributes(data []byte, size int) map[uint16][]byte {
	out := map[uint16][]byte{}
	for size <= len(data)-4 {
		n := int(binary.NativeEndian.Uint16(data[size:]))
		if n < 4 || size+n > len(data) {
			return nil
		}
		out[binary.NativeEndian.Uint16(data[size+2:])&^unix.NLA_F_NESTED] = data[size+4 : size+n]
		size += (n + 3) &^ 3
	}
	return out
}

// uint32Of is a number of an attribute; fallback where the message has none.
func uint32Of(b []byte, fallback uint32) uint32 {
	if len(b) < 4 {
		return fallback
	}
	return binary.NativeEndian.Uint32(b)
}
