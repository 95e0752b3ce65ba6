package unotify

import (
	"fmt"
)

// Action is what a filter does with a call: a SECCOMP_RET_* value of seccomp(2).
type Action uint32

// The actions. The zero value, KillThread, is the kernel's; a [Filter] without a Default allows.
const (
	Notify Action = 0x7fc00000 // SECCOMP_RET_USER_NOTIF: hand the call to the supervisor
	Allow  Action = 0x7fff0000 // SECCOMP_RET_ALLOW
)

// Fail is the action that makes a call fail with an errno (1 to 4095), without asking anybody.
func Fail(errno uint16) Action { return Action(0x00050000 | uint32(errno)) }

// Condition compares one argument of a call, as the register held it, with a value: it holds
// where (argument & Mask) == Value, or the opposite when Not is set. A zero Mask means all 64 bits.
//
// Arguments that C declares as int arrive with undefined upper halves: compare them with [Int].
type Condition struct {
	Arg   int // 0 to 5
	Mask  uint64
	Value uint64
	Not   bool
}

// Int is the condition that an int argument has a value.
func Int(arg int, value uint32) Condition {
	return Condition{Arg: arg, Mask: 0xffffffff, Value: uint64(value)}
}

// Rule says what to do with a call when all of its conditions hold. Of the rules for one
// call the first that holds decides; where none does, the filter's default.
type Rule struct {
	Syscall int // the number for the architecture this program was built for
	When    []Condition
	Action  Action
}

// Filter is a seccomp filter. Calls that no rule names are allowed at no cost: the kernel
// keeps a bitmap of calls that a filter allows whatever their arguments (Linux 5.11).
type Filter struct {
	Rules []Rule
	// Foreign is the action for calls of another architecture or ABI than this program's (i386 and x32 on
	// amd64, arm on arm64), whose numbers and arguments the rules do not describe. Zero means Allow.
	Foreign Action
	// ForeignRules are for the 32-bit ABI of the same machine (i386 on amd64), by its own numbers.
	// Calls that none of them names get Foreign.
	ForeignRules []Rule
}

// Instruction is one classic BPF instruction, as in struct sock_filter.
type Instruction struct {
	Code   uint16
	JT, JF uint8
	K      uint32
}

// The opcodes that a seccomp filter needs (linux/bpf_common.h).
const (
	opLoad    = 0x20 // A = seccomp_data[K], a word
	opAnd     = 0x54 // A &= K
	opJumpEq  = 0x15
	opJumpSet = 0x45
	opJump    = 0x05
	opReturn  = 0x06
)

// Offsets in struct seccomp_data: nr, arch, instruction pointer, args.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// maxInstructions is the kernel's BPF_MAXINSNS.
const maxInstructions = 4096

// x32Bit marks an x32 call in its number, asm/unistd.h (__X32_SYSCALL_BIT).
const x32Bit = 0x40000000

// Assemble compiles the filter for the architecture this program was built for.
func (f *Filter) Assemble() ([]Instruction, error) {
	if nativeArch == 0 {
		return nil, fmt.Errorf("seccomp filters are built for amd64 and arm64 only")
	}
	foreign := f.Foreign
	if foreign == 0 {
		foreign = Allow
	}
	native, err := assembleRules(f.Rules, Allow)
	if err != nil {
		return nil, err
	}
	if hasX32 {
		native = append([]Instruction{
			{Code: opJumpSet, K: x32Bit, JT: 0, JF: 1},
			{Code: opReturn, K: uint32(foreign)},
		}, native...)
	}
	other, err := assembleRules(f.ForeignRules, foreign)
	if err != nil {
		return nil, err
	}
	p := []Instruction{
		{Code: opLoad, K: offArch},
		{Code: opJumpEq, K: nativeArch, JT: 1, JF: 0},
		{Code: opJump, K: uint32(1 + len(native))},
		{Code: opLoad, K: offNr},
	}
	p = append(p, native...)
	p = append(p,
		Instruction{Code: opJumpEq, K: compatArch, JT: 1, JF: 0},
		Instruction{Code: opReturn, K: uint32(foreign)},
		Instruction{Code: opLoad, K: offNr},
	)
	p = append(p, other...)
	if len(p) > maxInstructions {
		return nil, fmt.Errorf("filter has %d instructions, the kernel takes %d", len(p), maxInstructions)
	}
	return p, nil
}

// assembleRules compiles rules for one ABI. It starts with the call's number in the accumulator,
// and always returns.
func assembleRules(rules []Rule, otherwise Action) ([]Instruction, error) {
	var order []int
	byCall := map[int][]Rule{}
	for i, r := range rules {
		if len(r.When) > 6 {
			return nil, fmt.Errorf("filter rule %d: %d conditions, at most 6", i+1, len(r.When))
		}
		for _, c := range r.When {
			if c.Arg < 0 || c.Arg > 5 {
				return nil, fmt.Errorf("filter rule %d: argument %d, want 0 to 5", i+1, c.Arg)
			}
		}
		if _, seen := byCall[r.Syscall]; !seen {
			order = append(order, r.Syscall)
		}
		byCall[r.Syscall] = append(byCall[r.Syscall], r)
	}
	var p []Instruction
	for _, nr := range order {
		var body []Instruction
		always := false
		for _, r := range byCall[nr] {
			body = append(body, assembleRule(r)...)
			if always = len(r.When) == 0; always {
				break
			}
		}
		if !always {
			body = append(body, Instruction{Code: opReturn, K: uint32(otherwise)})
		}
		p = append(p,
			Instruction{Code: opJumpEq, K: uint32(nr), JT: 1, JF: 0},
			Instruction{Code: opJump, K: uint32(len(body))})
		p = append(p, body...)
	}
	return append(p, Instruction{Code: opReturn, K: uint32(otherwise)}), nil
}

// assembleRule compiles one rule: its conditions, then its action; it falls through to what follows where a
// condition does not hold.
func assembleRule(r Rule) []Instruction {
	// The conditions are laid out back to front, so that each knows how far the rule's end is.
	tail := []Instruction{{Code: opReturn, K: uint32(r.Action)}}
	for i := len(r.When) - 1; i >= 0; i-- {
		c := r.When[i]
		mask := c.Mask
		if mask == 0 {
			mask = ^uint64(0)
		}
		low := half{uint32(mask), uint32(c.Value), uint32(offArgs + 8*c.Arg)}
		high := half{uint32(mask >> 32), uint32(c.Value >> 32), uint32(offArgs + 8*c.Arg + 4)}
		miss := uint8(len(tail)) // from behind the condition to behind the rule
		var code []Instruction
		switch {
		case high.mask|high.value == 0 && c.Not:
			code = low.test(miss, 0)
		case high.mask|high.value == 0:
			code = low.test(0, miss)
		case c.Not: // either half differing will do
			second := low.test(miss, 0)
			code = append(high.test(0, uint8(len(second))), second...)
		default:
			second := low.test(0, miss)
			code = append(high.test(0, miss+uint8(len(second))), second...)
		}
		tail = append(code, tail...)
	}
	return tail
}

// half is the test of one 32-bit half of an argument. Little-endian: the low half comes first.
type half struct{ mask, value, offset uint32 }

// test jumps yes instructions ahead where the half matches, else no instructions ahead.
func (h half) test(yes, no uint8) []Instruction {
	p := []Instruction{{Code: opLoad, K: h.offset}}
	if h.mask != 0xffffffff {
		p = append(p, Instruction{Code: opAnd, K: h.mask})
	}
	return append(p, Instruction{Code: opJumpEq, K: h.value, JT: yes, JF: no})
}
