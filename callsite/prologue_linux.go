package callsite

import "encoding/binary"

// findBase finds rbp for a function that keeps it as the base of its frame, where no callee has saved it, from what
// the function did first: it pushed rbp, copied the stack pointer into it, pushed other registers and made room for its
// variables. So rbp is as far above the stack pointer as that, or further where arguments lie on the stack. It is taken for found
// only where the return address beside it follows a call that leads to the function: without a doubt where the distance is
// as expected, and else where there is no second place like it.
func (n *native) findBase(p *process, mem *memory, r *row, regs *registers) bool {
	const savedBase = 16 // CFA - rbp where rbp was pushed first
	if r.cfa.kind != ruleRegister || r.cfa.reg != regRBP || r.cfa.offset != savedBase || regs.known[regRBP] {
		return false
	}
	sp := regs.value[regRSP]
	room, ok := roomBelowBase(mem, r.start, regs.value[regPC])
	base := sp + room
	if ok {
		if to := n.calledFrom(mem, base); to == r.start || to == anywhere || to == nowhere && n.handles(p, mem, base) {
			regs.set(regRBP, base)
			return true
		}
	}
	const maxScan = 32 << 10
	var found uint64
	for at := base; at < base+maxScan; at += 8 {
		to := n.calledFrom(mem, at)
		if to == unreadable {
			break
		}
		if to != r.start {
			continue
		}
		if found != 0 {
			return false // one may be what an earlier call has left there
		}
		found = at
	}
	if found == 0 {
		return false
	}
	regs.set(regRBP, found)
	return true
}

// What calledFrom says beside addresses.
const (
	nowhere    = 0
	anywhere   = 1 // a call by a pointer
	unreadable = 2
)

// calledFrom is which function the call leads to whose return address is saved above base.
func (n *native) calledFrom(mem *memory, base uint64) uint64 {
	pc, err := mem.u64(base + 8)
	if err != nil {
		return unreadable
	}
	if base%16 != 0 || n.imageOf(pc) == nil { // the ABI aligns the stack before a call
		return nowhere
	}
	to, ok := callBefore(mem, pc)
	if !ok {
		return nowhere
	}
	return n.throughPLT(mem, to)
}

// handles reports whether what returns to the address that is saved above base is the handler of a signal.
func (n *native) handles(p *process, mem *memory, base uint64) bool {
	pc, err := mem.u64(base + 8)
	if err != nil {
		return false
	}
	i := n.imageOf(pc)
	if i == nil {
		return false
	}
	r, err := n.rowAt(p, mem, i, pc-1)
	return err == nil && r.signal
}

// callBefore reports whether the instruction before pc can be a call, and where that leads.
func callBefore(mem *memory, pc uint64) (to uint64, ok bool) {
	var b [8]byte
	if mem.read(pc-8, b[:]) != nil {
		return nowhere, false
	}
	if b[3] == 0xe8 { // call rel32
		return pc + uint64(int64(int32(binary.LittleEndian.Uint32(b[4:])))), true
	}
	for size := 2; size <= 8; size++ { // call r/m64: ff /2, with a prefix or without
		in, known := decodeInstruction(b[8-size:])
		if known && in.length == size && in.op == 0xff && in.modrm>>3&7 == 2 {
			return anywhere, true
		}
	}
	return nowhere, false
}

// throughPLT follows an entry of a procedure linkage table to where it leads.
func (n *native) throughPLT(mem *memory, to uint64) uint64 {
	if to < pageSize || n.imageOf(to) == nil {
		return to
	}
	var b [16]byte
	if mem.read(to, b[:]) != nil {
		return to
	}
	at := 0
	if binary.LittleEndian.Uint32(b[:]) == 0xfa1e0ff3 { // endbr64
		at = 4
	}
	if b[at] == 0xf2 { // bnd
		at++
	}
	if b[at] != 0xff || b[at+1] != 0x25 { // jmp *rel32(%rip)
		return to
	}
	slot := to + uint64(at) + 6 + uint64(int64(int32(binary.LittleEndian.Uint32(b[at+2:]))))
	if target, err := mem.u64(slot); err == nil {
		return target
	}
	return to
}

// roomBelowBase is how far the stack pointer is below rbp once the function at start has begun; ok is false where its
// beginning is not understood.
func roomBelowBase(mem *memory, start, pc uint64) (room uint64, ok bool) {
	const maxPrologue = 256
	b := make([]byte, min(maxPrologue, max(pc, start)-start))
	if mem.read(start, b) != nil {
		return 0, false
	}
	based := false
	for len(b) > 0 {
		in, known := decodeInstruction(b)
		if !known {
			return 0, false
		}
		b = b[in.length:]
		const rsp, rbp = 4, 5
		direct := in.hasModRM && in.mod() == 3
		switch {
		case in.op == 0x89 && direct && in.reg() == rsp && in.rm() == rbp, in.op == 0x8b && direct && in.reg() == rbp && in.rm() == rsp:
			based, room = true, 0 // mov %rsp,%rbp
		case in.op >= 0x50 && in.op <= 0x57:
			room += 8
		case (in.op == 0x83 || in.op == 0x81) && direct && in.rm() == rsp:
			switch in.modrm >> 3 & 7 {
			case 0: // add
				room -= uint64(in.imm)
			case 5: // sub
				room += uint64(in.imm)
			case 7: // cmp
			default:
				return 0, false
			}
		case in.op >= 0x70 && in.op <= 0x7f, in.op >= 0x0f80 && in.op <= 0x0f8f, in.op == 0xeb, in.op == 0xe9,
			in.op == 0xe8, in.op == 0xff, in.op == 0xc3, in.op == 0xc9:
			return room, based // what is to be done first is done before it goes anywhere
		case in.op >= 0x58 && in.op <= 0x5f, in.op == 0x68, in.op == 0x6a,
			in.op == 0x8d && in.reg() == rsp, in.op == 0x89 && direct && in.rm() == rsp, in.op == 0x8b && in.reg() == rsp,
			in.op < 0x40 && in.op&7 < 4 && direct && in.op>>3 != 7 && (in.op&2 == 0 && in.rm() == rsp || in.op&2 != 0 && in.reg() == rsp):
			return 0, false // something else becomes of the stack pointer
		}
	}
	return room, based
}
