package reflect

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// batch builds a transaction of nftables messages (linux/netfilter/nfnetlink.h, nf_tables.h). Numbers in attributes are big-endian.
type batch struct {
	b    []byte
	seq  uint32
	sent int // messages that the kernel answers
}

func (b *batch) begin() { b.mark(unix.NFNL_MSG_BATCH_BEGIN) }
func (b *batch) end()   { b.mark(unix.NFNL_MSG_BATCH_END) }

// header begins a message; the function that comes back sets its length.
func (b *batch) header(kind uint16, flags uint16, family byte, resource uint16) func() {
	at := len(b.b)
	b.seq++
	b.b = append(b.b, 0, 0, 0, 0)
	b.b = binary.NativeEndian.AppendUint16(b.b, kind)
	b.b = binary.NativeEndian.AppendUint16(b.b, unix.NLM_F_REQUEST|flags)
	b.b = binary.NativeEndian.AppendUint32(b.b, b.seq)
	b.b = binary.NativeEndian.AppendUint32(b.b, 0)
	b.b = append(b.b, family, unix.NFNETLINK_V0)
	b.b = binary.BigEndian.AppendUint16(b.b, resource)
	return func() { binary.NativeEndian.PutUint32(b.b[at:], uint32(len(b.b)-at)) }
}

func (b *batch) mark(kind uint16) {
	b.header(kind, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES)()
}

func (b *batch) message(kind, flags uint16, attributes func()) {
	done := b.header(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags|unix.NLM_F_ACK, unix.NFPROTO_INET, 0)
	attributes()
	done()
	b.sent++
}

func (b *batch) attr(kind uint16, data []byte) {
	b.b = binary.NativeEndian.AppendUint16(b.b, uint16(4+len(data)))
	b.b = binary.NativeEndian.AppendUint16(b.b, kind)
	b.b = append(b.b, data...)
	for len(b.b)%4 != 0 {
		b.b = append(b.b, 0)
	}
}

func (b *batch) text(kind uint16, s string) { b.attr(kind, append([]byte(s), 0)) }
func (b *batch) u32(kind uint16, v uint32)  { b.attr(kind, binary.BigEndian.AppendUint32(nil, v)) }
func (b *batch) data(kind uint16, v []byte) { b.nest(kind, func() { b.attr(unix.NFTA_DATA_VALUE, v) }) }

func (b *batch) nest(kind uint16, in func()) {
	at := len(b.b)
	b.attr(unix.NLA_F_NESTED|kind, nil)
	in()
	binary.NativeEndian.PutUint16(b.b[at:], uint16(len(b.b)-at))
}

func (b *batch) expression(name string, in func()) {
	b.nest(unix.NFTA_LIST_ELEM, func() {
		b.text(unix.NFTA_EXPR_NAME, name)
		b.nest(unix.NFTA_EXPR_DATA, in)
	})
}

// equal compares register 1.
func (b *batch) equal(v []byte) {
	b.expression("cmp", func() {
		b.u32(unix.NFTA_CMP_SREG, unix.NFT_REG_1)
		b.u32(unix.NFTA_CMP_OP, unix.NFT_CMP_EQ)
		b.data(unix.NFTA_CMP_DATA, v)
	})
}

func (b *batch) meta(key uint32, v byte) {
	b.expression("meta", func() {
		b.u32(unix.NFTA_META_DREG, unix.NFT_REG_1)
		b.u32(unix.NFTA_META_KEY, key)
	})
	b.equal([]byte{v})
}

func (b *batch) payload(base, offset, length uint32) {
	b.expression("payload", func() {
		b.u32(unix.NFTA_PAYLOAD_DREG, unix.NFT_REG_1)
		b.u32(unix.NFTA_PAYLOAD_BASE, base)
		b.u32(unix.NFTA_PAYLOAD_OFFSET, offset)
		b.u32(unix.NFTA_PAYLOAD_LEN, length)
	})
}

// destination is "ip daddr ADDR", or ip6.
func (b *batch) destination(a netip.Addr) {
	if a.Is4() {
		b.meta(unix.NFT_META_NFPROTO, unix.NFPROTO_IPV4)
		b.payload(unix.NFT_PAYLOAD_NETWORK_HEADER, 16, 4)
	} else {
		b.meta(unix.NFT_META_NFPROTO, unix.NFPROTO_IPV6)
		b.payload(unix.NFT_PAYLOAD_NETWORK_HEADER, 24, 16)
	}
	b.equal(a.AsSlice())
}

func (b *batch) protocol(p byte) { b.meta(unix.NFT_META_L4PROTO, p) }

// foreignSocket is "socket transparent 0": a socket is there for the packet, and it is not one of ours. Without a socket the rule does not match.
func (b *batch) foreignSocket() {
	b.expression("socket", func() {
		b.u32(nftaSocketKey, nftSocketTransparent)
		b.u32(nftaSocketDreg, unix.NFT_REG_1)
	})
	b.equal([]byte{0})
}

// ports is "th dport FIRST-LAST".
func (b *batch) ports(p Ports) {
	b.payload(unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2)
	b.expression("range", func() {
		b.u32(unix.NFTA_RANGE_SREG, unix.NFT_REG_1)
		b.u32(unix.NFTA_RANGE_OP, unix.NFT_RANGE_EQ)
		b.data(unix.NFTA_RANGE_FROM_DATA, binary.BigEndian.AppendUint16(nil, p.First))
		b.data(unix.NFTA_RANGE_TO_DATA, binary.BigEndian.AppendUint16(nil, p.Last))
	})
}

func (b *batch) immediate(register uint32, v []byte) {
	b.expression("immediate", func() {
		b.u32(unix.NFTA_IMMEDIATE_DREG, register)
		b.data(unix.NFTA_IMMEDIATE_DATA, v)
	})
}

func (b *batch) accept() {
	b.expression("immediate", func() {
		b.u32(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT)
		b.nest(unix.NFTA_IMMEDIATE_DATA, func() {
			b.nest(unix.NFTA_DATA_VERDICT, func() { b.u32(unix.NFTA_VERDICT_CODE, nfAccept) })
		})
	})
}

const nfAccept = 1 // NF_ACCEPT (linux/netfilter.h)

// tproxy is "tproxy to ADDR:PORT".
func (b *batch) tproxy(s steered) {
	b.immediate(unix.NFT_REG_1, s.addr.AsSlice())
	b.immediate(unix.NFT_REG_2, binary.BigEndian.AppendUint16(nil, s.port))
	family := uint32(unix.NFPROTO_IPV4)
	if s.addr.Is6() {
		family = unix.NFPROTO_IPV6
	}
	b.expression("tproxy", func() {
		b.u32(nftaTproxyFamily, family)
		b.u32(nftaTproxyAddr, unix.NFT_REG_1)
		b.u32(nftaTproxyPort, unix.NFT_REG_2)
	})
}
