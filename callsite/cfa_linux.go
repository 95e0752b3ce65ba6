package callsite

import "fmt"

// Registers of amd64 by their DWARF numbers (System V ABI, figure 3.36).
const (
	regRBX, regRBP, regRSP, regR12, regR15, regPC = 3, 6, 7, 12, 15, 16
	regCount                                      = 17
)

// ruleKind is how a register of the caller is found.
type ruleKind uint8

const (
	ruleUnsaid     ruleKind = iota // as the ABI has it: unchanged, if the callee has to keep it
	ruleUndefined                  // lost; of the return address: nobody called
	ruleSame                       // unchanged
	ruleOffset                     // saved at CFA + offset
	ruleValOffset                  // is CFA + offset
	ruleRegister                   // in another register
	ruleExpression                 // saved at the address that an expression yields
	ruleValExpression
)

// rule is one column of an unwind table; of the CFA itself, ruleRegister is register + offset.
type rule struct {
	kind      ruleKind
	reg       uint64
	offset    int64
	expr, end uint64 // of the expression, in the memory of the process
}

// row is how to unwind at one pc: the CFA (the stack pointer before the call), and the caller's registers from it.
type row struct {
	cfa    rule
	regs   [regCount]rule
	signal bool
	start  uint64 // of the function
}

const (
	maxRemembered   = 16
	maxInstructions = 1 << 14
)

// rowAt runs the entry's program up to the pc (DWARF 5, section 6.4.2).
func (f *fde) rowAt(mem *memory, pc uint64) (*row, error) {
	if f.returnReg != regPC {
		return nil, fmt.Errorf("%w: return address in register %d, expected %d", ErrUnknown, f.returnReg, regPC)
	}
	m := &cfaMachine{cie: &f.cie, target: pc, loc: f.start}
	if err := m.run(&cursor{mem: mem, at: f.program, end: f.done}); err != nil {
		return nil, err
	}
	m.initial, m.loc = m.row, f.start
	if err := m.run(&cursor{mem: mem, at: f.instrs, end: f.finish}); err != nil {
		return nil, err
	}
	m.row.signal, m.row.start = f.signal, f.start
	return &m.row, nil
}

type cfaMachine struct {
	cie          *cie
	target, loc  uint64
	row, initial row
	remembered   []row
}

func (m *cfaMachine) run(c *cursor) error {
	for n := 0; c.at < c.end && c.err == nil; n++ {
		if n > maxInstructions {
			c.fail("unwind program does not end")
		}
		op := c.u8()
		next, moved := m.loc, true
		switch low := uint64(op & 0x3f); op {
		default:
			switch op >> 6 {
			case 1: // DW_CFA_advance_loc
				next += low * m.cie.codeAlign
			case 2:
				m.set(low, rule{kind: ruleOffset, offset: int64(c.uleb()) * m.cie.dataAlign})
				moved = false
			case 3:
				m.restore(low)
				moved = false
			default:
				m.extended(c, op)
				moved = false
			}
		case 0x01: // DW_CFA_set_loc
			next = c.encoded(m.cie.encoding, 0)
		case 0x02, 0x03, 0x04: // DW_CFA_advance_loc1, 2, 4
			next += c.bytes(1<<(op-2)) * m.cie.codeAlign
		}
		if c.err == nil && moved {
			if next > m.target {
				return nil
			}
			m.loc = next
		}
	}
	return c.err
}

// extended is one instruction that names its operands after it.
func (m *cfaMachine) extended(c *cursor, op uint8) {
	align := m.cie.dataAlign
	switch op {
	case 0x00: // DW_CFA_nop
	case 0x05: // DW_CFA_offset_extended
		m.set(c.uleb(), rule{kind: ruleOffset, offset: int64(c.uleb()) * align})
	case 0x06: // DW_CFA_restore_extended
		m.restore(c.uleb())
	case 0x07:
		m.set(c.uleb(), rule{kind: ruleUndefined})
	case 0x08:
		m.set(c.uleb(), rule{kind: ruleSame})
	case 0x09:
		m.set(c.uleb(), rule{kind: ruleRegister, reg: c.uleb()})
	case 0x0a: // DW_CFA_remember_state
		if len(m.remembered) >= maxRemembered {
			c.fail("unwind program remembers more than %d states", maxRemembered)
			return
		}
		m.remembered = append(m.remembered, m.row)
	case 0x0b: // DW_CFA_restore_state
		if len(m.remembered) == 0 {
			c.fail("unwind program restores a state that it did not remember")
			return
		}
		m.row = m.remembered[len(m.remembered)-1]
		m.remembered = m.remembered[:len(m.remembered)-1]
	case 0x0c: // DW_CFA_def_cfa
		m.row.cfa = rule{kind: ruleRegister, reg: c.uleb(), offset: int64(c.uleb())}
	case 0x0d:
		m.row.cfa.reg = c.uleb()
	case 0x0e:
		m.row.cfa.offset = int64(c.uleb())
	case 0x0f: // DW_CFA_def_cfa_expression
		m.row.cfa = c.expression(ruleExpression)
	case 0x10:
		m.set(c.uleb(), c.expression(ruleExpression))
	case 0x11: // DW_CFA_offset_extended_sf
		m.set(c.uleb(), rule{kind: ruleOffset, offset: c.sleb() * align})
	case 0x12: // DW_CFA_def_cfa_sf
		m.row.cfa = rule{kind: ruleRegister, reg: c.uleb(), offset: c.sleb() * align}
	case 0x13:
		m.row.cfa.offset = c.sleb() * align
	case 0x14:
		m.set(c.uleb(), rule{kind: ruleValOffset, offset: int64(c.uleb()) * align})
	case 0x15:
		m.set(c.uleb(), rule{kind: ruleValOffset, offset: c.sleb() * align})
	case 0x16:
		m.set(c.uleb(), c.expression(ruleValExpression))
	case 0x2e: // DW_CFA_GNU_args_size
		c.uleb()
	default:
		c.fail("unwind instruction %#x is not known", op)
	}
}

func (c *cursor) expression(kind ruleKind) rule {
	length := c.uleb()
	r := rule{kind: kind, expr: c.at}
	c.skip(length)
	r.end = c.at
	return r
}

// set sets a rule. Of registers that are of no use here, such as those for floating point, nothing is kept.
func (m *cfaMachine) set(reg uint64, r rule) {
	if reg < regCount {
		m.row.regs[reg] = r
	}
}

func (m *cfaMachine) restore(reg uint64) {
	if reg < regCount {
		m.row.regs[reg] = m.initial.regs[reg]
	}
}
