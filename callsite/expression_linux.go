package callsite

// The stack machine of DWARF expressions (DWARF 5, section 2.5), as far as unwind tables use it.

const (
	maxOperands = 32
	maxSteps    = 1 << 10
)

type evaluation struct {
	*cursor
	regs  *registers
	stack []uint64
}

// evaluate runs the rule's expression. What is on the stack first is the CFA, for rules other than its own.
func (r *rule) evaluate(mem *memory, regs *registers, first ...uint64) (uint64, error) {
	e := &evaluation{cursor: &cursor{mem: mem, at: r.expr, end: r.end}, regs: regs, stack: first}
	for n := 0; e.at < e.end && e.err == nil; n++ {
		if n > maxSteps {
			e.fail("expression in an unwind table does not end")
		}
		e.step(r.expr)
	}
	v := e.pop()
	return v, e.err
}

func (e *evaluation) push(v uint64) {
	if len(e.stack) >= maxOperands {
		e.fail("expression in an unwind table has more than %d operands", maxOperands)
		return
	}
	e.stack = append(e.stack, v)
}

func (e *evaluation) pop() uint64 {
	if len(e.stack) == 0 {
		e.fail("expression in an unwind table has no operand")
		return 0
	}
	v := e.stack[len(e.stack)-1]
	e.stack = e.stack[:len(e.stack)-1]
	return v
}

// peek pushes again what lies n below the top.
func (e *evaluation) peek(n int) {
	if n >= len(e.stack) {
		e.fail("expression in an unwind table has no operand %d", n)
		return
	}
	e.push(e.stack[len(e.stack)-1-n])
}

func (e *evaluation) load(size uint64) {
	addr := e.pop()
	if size == 0 || size > 8 {
		e.fail("expression in an unwind table loads %d bytes", size)
	}
	if e.err == nil {
		c := &cursor{mem: e.mem, at: addr, end: addr + 8}
		e.push(c.bytes(size))
		e.err = c.err
	}
}

func (e *evaluation) step(start uint64) {
	switch op := e.u8(); {
	case op >= 0x30 && op <= 0x4f: // DW_OP_lit0 to 31
		e.push(uint64(op - 0x30))
	case op >= 0x70 && op <= 0x8f: // DW_OP_breg0 to 31
		e.register(uint64(op-0x70), e.sleb())
	case op == 0x92:
		e.register(e.uleb(), e.sleb())
	case op == 0x03 || op == 0x0e || op == 0x0f:
		e.push(e.bytes(8))
	case op == 0x08 || op == 0x0a || op == 0x0c: // DW_OP_const1u, 2u, 4u
		e.push(e.bytes(1 << ((op - 8) / 2)))
	case op == 0x09 || op == 0x0b || op == 0x0d: // DW_OP_const1s, 2s, 4s
		e.push(uint64(e.signed(1 << ((op - 8) / 2))))
	case op == 0x10:
		e.push(e.uleb())
	case op == 0x11:
		e.push(uint64(e.sleb()))
	case op == 0x06: // DW_OP_deref
		e.load(8)
	case op == 0x94:
		e.load(uint64(e.u8()))
	case op == 0x12:
		e.peek(0)
	case op == 0x13:
		e.pop()
	case op == 0x14:
		e.peek(1)
	case op == 0x15:
		e.peek(int(e.u8()))
	case op == 0x16:
		a, b := e.pop(), e.pop()
		e.push(a)
		e.push(b)
	case op == 0x1f:
		e.push(-e.pop())
	case op == 0x20:
		e.push(^e.pop())
	case op == 0x23:
		e.push(e.pop() + e.uleb())
	case op == 0x28 || op == 0x2f: // DW_OP_bra, DW_OP_skip
		by := e.signed(2)
		if op == 0x2f || e.pop() != 0 {
			if e.at += uint64(by); e.at < start || e.at > e.end {
				e.fail("expression in an unwind table leaves itself")
			}
		}
	case op == 0x96:
	default:
		b, a := e.pop(), e.pop()
		e.binary(op, a, b)
	}
}

func (e *evaluation) register(reg uint64, offset int64) {
	v, err := e.regs.get(reg)
	if err != nil && e.err == nil {
		e.err = err
	}
	e.push(v + uint64(offset))
}

func (e *evaluation) binary(op uint8, a, b uint64) {
	truth := func(yes bool) uint64 {
		if yes {
			return 1
		}
		return 0
	}
	switch op {
	case 0x1a:
		e.push(a & b)
	case 0x1c:
		e.push(a - b)
	case 0x1e:
		e.push(a * b)
	case 0x21:
		e.push(a | b)
	case 0x22:
		e.push(a + b)
	case 0x24:
		e.push(a << b)
	case 0x25:
		e.push(a >> b)
	case 0x26:
		e.push(uint64(int64(a) >> b))
	case 0x27:
		e.push(a ^ b)
	case 0x29:
		e.push(truth(a == b))
	case 0x2a:
		e.push(truth(int64(a) >= int64(b)))
	case 0x2b:
		e.push(truth(int64(a) > int64(b)))
	case 0x2c:
		e.push(truth(int64(a) <= int64(b)))
	case 0x2d:
		e.push(truth(int64(a) < int64(b)))
	case 0x2e:
		e.push(truth(a != b))
	default:
		e.fail("operation %#x in an unwind table is not known", op)
	}
}
