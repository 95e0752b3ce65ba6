package testhost

import (
	"encoding/binary"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxConntrack is the largest table that is filled: an entry takes the kernel some 300 bytes.
const maxConntrack = 1 << 19

// Of <linux/netfilter/nfnetlink_conntrack.h> and nf_conntrack_common.h.
const (
	ctNew          = unix.NFNL_SUBSYS_CTNETLINK << 8 // IPCTNL_MSG_CT_NEW is 0
	ctTupleOrig    = 1
	ctTupleReply   = 2
	ctStatus       = 3
	ctTimeout      = 7
	ctTupleIP      = 1
	ctTupleProto   = 2
	ctSeenReply    = 1 << 1
	ctAssured      = 1 << 2
	ctConfirmed    = 1 << 3
	ctPerMessage   = 200
	ctEntrySeconds = 600
)

// FillConntrack has the host track connections, and fills its table of them up to the limit, by entries that the kernel does not give up for
// new ones. The limit is the machine's (in a namespace it can't be changed), the count is the host's alone: nobody else's connections are touched.
func (h *Host) FillConntrack() {
	h.t.Helper()
	h.NFT(`table inet track { chain output { type filter hook output priority filter; ct state invalid counter; }; }`)
	limit, count := h.conntrack("max"), h.conntrack("count")
	if limit == 0 || limit > maxConntrack {
		h.t.Skipf("needs a table of 1 to %d connections to fill: net.netfilter.nf_conntrack_max is %d", maxConntrack, limit)
	}
	h.Do(func() {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			h.t.Fatalf("open a netlink socket: %v", err)
		}
		defer unix.Close(fd)
		for n := count; n < limit; {
			var b []byte
			for range min(ctPerMessage, limit-n) {
				b = append(b, ctEntry(n)...)
				n++
			}
			if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
				h.t.Fatalf("add conntrack entries: %v", err)
			}
		}
	})
	if n := h.conntrack("count"); n < limit {
		h.t.Fatalf("the table of connections has %d entries of %d", n, limit)
	}
}

// conntrack reads net.netfilter.nf_conntrack_NAME; 0 where there is none.
func (h *Host) conntrack(name string) (n int) {
	h.Do(func() {
		b, _ := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_" + name)
		n, _ = strconv.Atoi(strings.TrimSpace(string(b)))
	})
	return n
}

// ctEntry is a request for the n-th entry: a UDP flow between addresses of nobody (RFC 2544).
func ctEntry(n int) []byte {
	attr := func(typ uint16, value []byte) []byte {
		b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
		b = append(binary.NativeEndian.AppendUint16(b, typ), value...)
		return append(b, make([]byte, (4-len(b)%4)%4)...)
	}
	nest := func(typ uint16, parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		return attr(typ|unix.NLA_F_NESTED, all)
	}
	be32 := func(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
	be16 := func(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
	from, to := []byte{198, 18, byte(n >> 16), 1}, []byte{198, 19, 0, 1}
	port := 1 + n&0xffff%0xfffe
	host := byte(2 + n&0xffff/0xfffe)
	from[3] = host
	tuple := func(typ uint16, src, dst []byte, sport, dport int) []byte {
		return nest(typ, nest(ctTupleIP, attr(1, src), attr(2, dst)), nest(ctTupleProto, attr(1, []byte{unix.IPPROTO_UDP}), attr(2, be16(sport)), attr(3, be16(dport))))
	}
	body := []byte{unix.AF_INET, 0, 0, 0} // struct nfgenmsg
	body = append(body, tuple(ctTupleOrig, from, to, port, 9)...)
	body = append(body, tuple(ctTupleReply, to, from, 9, port)...)
	body = append(body, attr(ctStatus, be32(ctSeenReply|ctAssured|ctConfirmed))...)
	body = append(body, attr(ctTimeout, be32(ctEntrySeconds))...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = binary.NativeEndian.AppendUint16(b, ctNew)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	b = append(b, make([]byte, 8)...) // sequence, port
	return append(b, body...)
}
