package unotify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// data is struct seccomp_data as the kernel lays it out, little-endian.
type data struct {
	nr   uint32
	arch uint32
	ip   uint64
	args [6]uint64
}

func (d data) word(offset uint32) (uint32, bool) {
	b := binary.LittleEndian.AppendUint32(nil, d.nr)
	b = binary.LittleEndian.AppendUint32(b, d.arch)
	b = binary.LittleEndian.AppendUint64(b, d.ip)
	for _, a := range d.args {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	if offset%4 != 0 || int(offset)+4 > len(b) {
		return 0, false
	}
	return binary.LittleEndian.Uint32(b[offset:]), true
}

// check is what the kernel's verifier wants of a program (bpf_check_classic, seccomp_check_filter): jumps that stay
// inside, and a return at the end.
func check(p []Instruction) error {
	for i, in := range p {
		jt, jf := 0, 0
		switch in.Code {
		case opJump:
			jt = int(in.K)
		case opJumpEq, opJumpSet:
			jt, jf = int(in.JT), int(in.JF)
		case opLoad, opAnd, opReturn:
		default:
			return fmt.Errorf("instruction %d: opcode %#x", i, in.Code)
		}
		if i+1+max(jt, jf) >= len(p) && in.Code != opReturn {
			return fmt.Errorf("instruction %d leads out of the program", i)
		}
	}
	return nil
}

// run interprets a program, and counts its steps.
func run(p []Instruction, d data) (Action, int, error) {
	var a uint32
	for pc, steps := 0, 1; pc < len(p); pc, steps = pc+1, steps+1 {
		in := p[pc]
		jump := func(yes bool) {
			if yes {
				pc += int(in.JT)
			} else {
				pc += int(in.JF)
			}
		}
		switch in.Code {
		case opLoad:
			var ok bool
			if a, ok = d.word(in.K); !ok {
				return 0, 0, fmt.Errorf("instruction %d loads from %d", pc, in.K)
			}
		case opAnd:
			a &= in.K
		case opJumpEq:
			jump(a == in.K)
		case opJumpSet:
			jump(a&in.K != 0)
		case opJump:
			pc += int(in.K)
		case opReturn:
			return Action(in.K), steps, nil
		default:
			return 0, 0, fmt.Errorf("instruction %d: opcode %#x", pc, in.Code)
		}
	}
	return 0, 0, errors.New("ran out of the program")
}

// decide is what the documentation of Filter says, word for word.
func decide(f *Filter, d data) Action {
	foreign := f.Foreign
	if foreign == 0 {
		foreign = Allow
	}
	rules, otherwise := f.Rules, Allow
	switch {
	case d.arch == nativeArch && hasX32 && d.nr&x32Bit != 0:
		return foreign
	case d.arch == nativeArch:
	case d.arch == compatArch:
		rules, otherwise = f.ForeignRules, foreign
	default:
		return foreign
	}
	for _, r := range rules {
		holds := uint32(r.Syscall) == d.nr
		for _, c := range r.When {
			mask := c.Mask
			if mask == 0 {
				mask = ^uint64(0)
			}
			holds = holds && (d.args[c.Arg]&mask == c.Value) != c.Not
		}
		if holds {
			return r.Action
		}
	}
	return otherwise
}

func needArch(t testing.TB) {
	t.Helper()
	if nativeArch == 0 {
		t.Skip("needs amd64 or arm64")
	}
}

// compare assembles a filter and runs it on calls that its rules nearly describe.
func compare(t *testing.T, f *Filter, rnd *rand.Rand) {
	t.Helper()
	p, err := f.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	if err := check(p); err != nil {
		t.Fatalf("%v\nfilter %+v", err, f)
	}
	for range 50 {
		d := near(f, rnd)
		got, _, err := run(p, d)
		if err != nil {
			t.Fatalf("%v\nfilter %+v\ncall %+v", err, f, d)
		}
		if want := decide(f, d); got != want {
			t.Fatalf("got  %#x\nwant %#x\nfilter %+v\ncall %+v", got, want, f, d)
		}
	}
}

// near makes up a call that most often meets the conditions of some rule, or misses them by a bit.
func near(f *Filter, rnd *rand.Rand) data {
	d := data{arch: nativeArch, nr: rnd.Uint32N(6), ip: rnd.Uint64()}
	rules := f.Rules
	switch rnd.IntN(6) {
	case 0:
		d.arch, rules = compatArch, f.ForeignRules
	case 1:
		d.arch = rnd.Uint32()
	case 2:
		d.nr |= x32Bit
	}
	for i := range d.args {
		d.args[i] = rnd.Uint64() >> rnd.UintN(64)
	}
	if len(rules) == 0 || rnd.IntN(8) == 0 {
		return d
	}
	r := rules[rnd.IntN(len(rules))]
	d.nr |= uint32(r.Syscall)
	for _, c := range r.When {
		mask := c.Mask
		if mask == 0 {
			mask = ^uint64(0)
		}
		d.args[c.Arg] = d.args[c.Arg]&^mask | c.Value&mask
		if rnd.IntN(4) == 0 {
			d.args[c.Arg] ^= 1 << rnd.UintN(64)
		}
	}
	return d
}

// randomRules draws rules for few calls with few values, so that they overlap.
func randomRules(rnd *rand.Rand, count int) []Rule {
	masks := []uint64{0, 0xffffffff, 0xf, 0xffff0000, 0xffffffff00000000, 0xf00000000, 0x8000000080000000, 1 << 63}
	values := []uint64{0, 1, 2, 0x10000, 0xffffffff, 1 << 32, 0xffffffff00000000, 1 << 63, ^uint64(0)}
	actions := []Action{Notify, Allow, Fail(1), Fail(38), Fail(4095), 0}
	rules := make([]Rule, count)
	for i := range rules {
		r := Rule{Syscall: rnd.IntN(6), Action: actions[rnd.IntN(len(actions))]}
		for range rnd.IntN(7) {
			r.When = append(r.When, Condition{
				Arg: rnd.IntN(6), Mask: masks[rnd.IntN(len(masks))], Value: values[rnd.IntN(len(values))], Not: rnd.IntN(2) == 0,
			})
		}
		rules[i] = r
	}
	return rules
}

func TestAssembleRandom(t *testing.T) {
	needArch(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		f := &Filter{Rules: randomRules(rnd, rnd.IntN(12)), ForeignRules: randomRules(rnd, rnd.IntN(5))}
		if rnd.IntN(2) == 0 {
			f.Foreign = Fail(38)
		}
		compare(t, f, rnd)
	}
}

func FuzzAssemble(f *testing.F) {
	needArch(f)
	f.Add([]byte{}, uint64(1), uint32(0))
	f.Add([]byte{42, 1, 0x20, 255, 255, 255, 255, 1, 0, 0, 0}, uint64(2), uint32(38))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64, foreign uint32) {
		next := func() uint64 {
			if len(b) == 0 {
				return 0
			}
			n := min(int(b[0]>>5)+1, len(b)-1) // how many bytes follow
			var v uint64
			for _, c := range b[1 : 1+n] {
				v = v<<8 | uint64(c)
			}
			b = b[1+n:]
			return v
		}
		flt := &Filter{Foreign: Action(foreign)}
		for len(b) > 0 && len(flt.Rules)+len(flt.ForeignRules) < 40 {
			r := Rule{Syscall: int(int32(next())), Action: Action(next())}
			for range next() % 7 {
				r.When = append(r.When, Condition{Arg: int(next() % 6), Mask: next(), Value: next(), Not: next()%2 == 1})
			}
			if next()%4 == 0 {
				flt.ForeignRules = append(flt.ForeignRules, r)
			} else {
				flt.Rules = append(flt.Rules, r)
			}
		}
		compare(t, flt, rand.New(rand.NewPCG(seed, 0)))
	})
}

// The longest rule there can be, and rules for a call one after another, jump as far as they must.
func TestAssembleDistances(t *testing.T) {
	needArch(t)
	for _, not := range []bool{false, true} {
		long := Rule{Syscall: 1, Action: Notify}
		for arg := range 6 {
			long.When = append(long.When, Condition{Arg: arg, Mask: 0x00ffffff00ffffff, Value: 0x00abcdef00abcdef, Not: not})
		}
		f := &Filter{Foreign: Fail(1)}
		for range 90 { // as many as the kernel takes
			f.Rules = append(f.Rules, long)
		}
		f.Rules = append(f.Rules, Rule{Syscall: 2, Action: Fail(2)})
		rnd := rand.New(rand.NewPCG(3, 4))
		for range 50 {
			compare(t, f, rnd)
		}
	}
}

// A call that no rule names is decided in few steps, however many conditions the others have.
func TestAssembleSteps(t *testing.T) {
	needArch(t)
	f := &Filter{}
	for nr := range 20 {
		for range 5 {
			f.Rules = append(f.Rules, Rule{Syscall: nr, When: []Condition{{Arg: 0, Value: 1 << 40}, {Arg: 1, Value: 1 << 50}}, Action: Notify})
		}
	}
	p, err := f.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	got, steps, err := run(p, data{nr: 100, arch: nativeArch})
	if err != nil || got != Allow {
		t.Fatalf("got %#x, %v, want Allow", got, err)
	}
	if most := 2*20 + 6; steps > most {
		t.Errorf("got %d steps, want at most %d", steps, most)
	}
}

// An int is compared without the upper half of its register.
func TestInt(t *testing.T) {
	needArch(t)
	f := &Filter{Rules: []Rule{{Syscall: 41, When: []Condition{Int(0, 2)}, Action: Notify}}}
	p, err := f.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[uint64]Action{2: Notify, 0xdeadbeef00000002: Notify, 3: Allow, 1 << 33: Allow}
	for arg, want := range tests {
		got, _, err := run(p, data{nr: 41, arch: nativeArch, args: [6]uint64{arg}})
		if err != nil || got != want {
			t.Errorf("argument %#x: got %#x, %v, want %#x", arg, got, err, want)
		}
	}
}

func TestAssembleErrors(t *testing.T) {
	needArch(t)
	many := make([]Condition, 7)
	tests := []struct {
		name   string
		filter Filter
		want   string
	}{
		{"argument", Filter{Rules: []Rule{{When: []Condition{{Arg: 6}}}}}, "filter rule 1: argument 6, want 0 to 5"},
		{"negative argument", Filter{Rules: []Rule{{}, {When: []Condition{{Arg: -1}}}}}, "filter rule 2: argument -1, want 0 to 5"},
		{"conditions", Filter{Rules: []Rule{{When: many}}}, "filter rule 1: 7 conditions, at most 6"},
		{"foreign", Filter{ForeignRules: []Rule{{When: many}}}, "filter rule 1: 7 conditions, at most 6"},
		{"length", Filter{Rules: slices.Repeat([]Rule{{When: []Condition{{Value: 1}}}}, 1000)}, "the kernel takes 4096"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.filter.Assemble()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
