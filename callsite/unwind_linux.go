package callsite

import (
	"errors"
	"fmt"
)

// registers are what is known of a frame's registers. Of a thread in a system call the kernel tells only the stack
// pointer and the pc to whom does not trace it (/proc/PID/task/TID/syscall): the kstkesp and kstkeip of
// /proc/PID/stat are 0 since Linux 4.11 but for processes that exit, and NT_PRSTATUS, as the whole of the user's
// registers on the kernel's stack, is for ptrace(2) alone. The others become known as callers are found that saved
// them.
type registers struct {
	value [regCount]uint64
	known [regCount]bool
}

// errUnknownRegister says that a register is needed that no frame so far has saved.
var errUnknownRegister = errors.New("register not known")

func (r *registers) get(reg uint64) (uint64, error) {
	if reg >= regCount || !r.known[reg] {
		return 0, fmt.Errorf("%w: %w: %d", ErrUnknown, errUnknownRegister, reg)
	}
	return r.value[reg], nil
}

func (r *registers) set(reg, value uint64) { r.value[reg], r.known[reg] = value, true }

// unwind follows the stack from the system call on: innermost first. It ends where nobody called, or where the next
// frame is not certain, of which the error tells where it may be that other things are mapped by now.
func (n *native) unwind(p *process, mem *memory) (codes []code, err error) {
	sp, pc, err := p.stackPointer()
	if err != nil {
		return nil, err
	}
	var regs registers
	regs.set(regRSP, sp)
	regs.set(regPC, pc)
	var seen *image
	returned := false // the pc is where a call returns to, so that the call is before it
	for range maxNativeFrames {
		pc := regs.value[regPC]
		i := n.imageOf(pc)
		if i == nil || i != seen && !i.unchanged(mem) {
			return codes, fmt.Errorf("%w: no file at pc %#x", ErrUnknown, pc)
		}
		seen = i
		at := pc
		if returned {
			at--
		}
		r, err := n.rowAt(p, mem, i, at)
		if err != nil {
			if len(codes) == 0 {
				return append(codes, code{image: i, pc: at}), nil
			}
			return codes, nil //nolint:nilerr // as far as is certain
		}
		if returned && !r.signal {
			if _, ok := callBefore(mem, pc); !ok {
				return codes, nil
			}
		}
		codes = append(codes, code{image: i, pc: at, signal: r.signal})
		next, ended, err := n.caller(p, mem, r, &regs)
		if err != nil || ended {
			return codes, nil //nolint:nilerr // as far as is certain
		}
		regs, returned = next, !r.signal
	}
	return codes, nil
}

// caller is the registers as the caller has them; ended where there is none.
func (n *native) caller(p *process, mem *memory, r *row, regs *registers) (next registers, ended bool, err error) {
	if r.regs[regPC].kind == ruleUndefined {
		return next, true, nil
	}
	cfa, err := r.frameAddress(mem, regs)
	if errors.Is(err, errUnknownRegister) && n.findBase(p, mem, r, regs) {
		cfa, err = r.frameAddress(mem, regs)
	}
	if err != nil {
		return next, false, err
	}
	if !r.signal && (cfa <= regs.value[regRSP] || cfa%8 != 0) {
		return next, false, fmt.Errorf("%w: frame at %#x below the stack pointer", ErrUnknown, cfa)
	}
	next.set(regRSP, cfa)
	for reg := range uint64(regCount) {
		value, err := r.value(mem, regs, reg, cfa)
		switch {
		case err == nil:
			next.set(reg, value)
		case !errors.Is(err, errUnknownRegister):
			return next, false, err
		}
	}
	if !next.known[regPC] {
		return next, false, fmt.Errorf("%w: return address not known", ErrUnknown)
	}
	return next, next.value[regPC] == 0, nil
}

// frameAddress is the CFA.
func (r *row) frameAddress(mem *memory, regs *registers) (uint64, error) {
	switch r.cfa.kind {
	case ruleRegister:
		base, err := regs.get(r.cfa.reg)
		return base + uint64(r.cfa.offset), err
	case ruleExpression:
		return r.cfa.evaluate(mem, regs)
	}
	return 0, fmt.Errorf("%w: unwind table without a frame address", ErrUnknown)
}

// value is the caller's value of a register.
func (r *row) value(mem *memory, regs *registers, reg, cfa uint64) (uint64, error) {
	rule := &r.regs[reg]
	switch rule.kind {
	case ruleOffset:
		return mem.u64(cfa + uint64(rule.offset))
	case ruleValOffset:
		return cfa + uint64(rule.offset), nil
	case ruleRegister:
		return regs.get(rule.reg)
	case ruleExpression:
		addr, err := rule.evaluate(mem, regs, cfa)
		if err != nil {
			return 0, err
		}
		return mem.u64(addr)
	case ruleValExpression:
		return rule.evaluate(mem, regs, cfa)
	case ruleSame:
		return regs.get(reg)
	case ruleUnsaid:
		switch {
		case reg == regRSP:
			return cfa, nil
		case reg == regRBX, reg == regRBP, reg >= regR12 && reg <= regR15: // System V ABI, figure 3.4
			return regs.get(reg)
		}
	}
	return 0, errUnknownRegister
}
