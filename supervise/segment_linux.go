package supervise

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The lengths of the headers of packets without options.
const (
	ip4Header = 20
	ip6Header = 40
)

// snapped is how much of a packet is looked at.
const snapped = 4096

// firstWords is a filter that lets pass TCP segments from and to an address and port whose data begin as a request or an answer can: with a
// capital letter (a method, HTTP/1.1, a header), or with SOCKS5's version, or that of its authentication. All else,
// the data of uploads, downloads and tunnels, is left to the kernel, but for the odd segment that begins so by chance.
func firstWords(to netip.AddrPort) []unix.SockFilter {
	var f []bpf.Instruction
	drop := func(jump bpf.JumpIf) { // goes on where the condition holds
		f = append(f, jump, bpf.RetConstant{})
		jump.SkipTrue, jump.SkipFalse = 1, 0
		f[len(f)-2] = jump
	}
	equal := func(load bpf.Instruction, v uint32) {
		f = append(f, load)
		drop(bpf.JumpIf{Cond: bpf.JumpEqual, Val: v})
	}
	addr := to.Addr().AsSlice()
	source, destination := uint32(8), uint32(24) // offsets, RFC 8200 section 3
	if to.Addr().Is4() {
		source, destination = 12, 16 // RFC 791 section 3.1
		f = append(f, bpf.LoadAbsolute{Off: 0, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
		drop(bpf.JumpIf{Cond: bpf.JumpEqual, Val: 4})
		equal(bpf.LoadAbsolute{Off: 9, Size: 1}, unix.IPPROTO_TCP)
		f = append(f, bpf.LoadAbsolute{Off: 6, Size: 2})
		drop(bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: 0x1fff}) // no later fragment
		f = append(f, bpf.LoadMemShift{Off: 0})                 // X: the length of the IP header
	} else {
		f = append(f, bpf.LoadAbsolute{Off: 0, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4})
		drop(bpf.JumpIf{Cond: bpf.JumpEqual, Val: 6})
		equal(bpf.LoadAbsolute{Off: 6, Size: 1}, unix.IPPROTO_TCP)
		f = append(f, bpf.LoadConstant{Dst: bpf.RegX, Val: ip6Header})
	}
	// Either end is the proxy: each word of its address, and its port.
	end := func(at, port uint32) (checks []bpf.Instruction) {
		for i := 0; i < len(addr); i += 4 {
			checks = append(checks, bpf.LoadAbsolute{Off: at + uint32(i), Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(addr[i:])})
		}
		checks = append(checks, bpf.LoadIndirect{Off: port, Size: 2}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(to.Port())})
		return checks
	}
	from, toward := end(source, 0), end(destination, 2)
	for i := range from { // a mismatch goes on with the other end; a match skips it
		if j, ok := from[i].(bpf.JumpIf); ok {
			j.SkipFalse = uint8(len(from) - i) // over the jump after the last
			from[i] = j
		}
	}
	f = append(f, from...)
	for i := range toward {
		if j, ok := toward[i].(bpf.JumpIf); ok {
			j.SkipFalse = uint8(len(toward) - i) // to the return behind the jump
			toward[i] = j
		}
	}
	f = append(f, bpf.Jump{Skip: uint32(len(toward) + 2)})
	f = append(f, toward...)
	f = append(f, bpf.Jump{Skip: 1}, bpf.RetConstant{})
	// The data: behind a header whose length the upper half of its 13th byte has, in words (RFC 9293 section 3.1). A load past the
	// packet's end drops it: there are none.
	f = append(f,
		bpf.LoadIndirect{Off: 12, Size: 1}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 2},
		bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{}, bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 5, SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 1, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 'A', SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: 'Z', SkipTrue: 1},
		bpf.RetConstant{},
		bpf.RetConstant{Val: snapped},
	)
	raw, err := bpf.Assemble(f)
	if err != nil {
		panic("filter for packets: " + err.Error())
	}
	out := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		out[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return out
}

// The length of the shortest TCP header, and where its fields are.
const (
	leastTCP     = 20
	tcpSequence  = 4
	tcpDataStart = 12
)

// segment is a TCP segment with data.
type segment struct {
	from, to netip.AddrPort
	seq      uint32
	data     []byte
}

// segmentOf reads an IP packet; what follows its beginning may be missing.
func segmentOf(b []byte) (s segment, ok bool) {
	var from, to netip.Addr
	var rest []byte
	switch {
	case len(b) >= ip4Header && b[0]>>4 == 4:
		header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
		if total == 0 { // larger than the field can say: segmentation offload
			total = len(b)
		}
		if header < ip4Header || header > len(b) || total < header {
			return s, false
		}
		from, to = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		rest = b[header:min(total, len(b))] // short packets are padded
	case len(b) >= ip6Header && b[0]>>4 == 6:
		from, to = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		rest = b[ip6Header:]
	}
	if len(rest) < leastTCP {
		return s, false
	}
	start := int(rest[tcpDataStart]>>4) * 4
	if start < leastTCP || start >= len(rest) {
		return s, false
	}
	s.from = netip.AddrPortFrom(from, binary.BigEndian.Uint16(rest))
	s.to = netip.AddrPortFrom(to, binary.BigEndian.Uint16(rest[2:]))
	s.seq, s.data = binary.BigEndian.Uint32(rest[tcpSequence:]), rest[start:]
	return s, true
}
