package callsite

import (
	"debug/elf"
	"fmt"
	"path"
)

// jvm is a process that runs HotSpot, the Java machine of OpenJDK. All that is needed is read from memory, by the tables
// of vmStructs: nothing is asked of the machine. (Its attach mechanism would make it start a thread and a socket, and a
// SIGQUIT at the wrong time makes it print to the program's output.)
type jvm struct {
	*vmStructs
	codes jvmCodes
}

// jvmNeeds are the fields without which no stack can be read, and what some versions call them. All from JDK 11 on.
var jvmNeeds = [][]string{
	{"ThreadsSMRSupport::_java_thread_list"},
	{"ThreadsList::_length"},
	{"ThreadsList::_threads"},
	{"JavaThread::_osthread", "Thread::_osthread"},
	{"JavaThread::_anchor"},
	{"JavaThread::_thread_state"},
	{"OSThread::_thread_id"},
	{"JavaFrameAnchor::_last_Java_sp"},
	{"JavaFrameAnchor::_last_Java_pc"},
	{"JavaFrameAnchor::_last_Java_fp"},
	{"JavaCallWrapper::_anchor"},
	{"StubRoutines::_call_stub_return_address"},
	{"AbstractInterpreter::_code"},
	{"StubQueue::_stub_buffer"},
	{"StubQueue::_buffer_limit"},
	{"Method::_constMethod"},
	{"ConstMethod::_constants"},
	{"ConstMethod::_code_size"},
	{"ConstMethod::_name_index"},
	{"ConstMethod::_flags", "ConstMethod::_flags._flags"},
	{"ConstantPool::_pool_holder"},
	{"ConstantPool::_length"},
	{"ConstantPool::_source_file_name_index", "InstanceKlass::_source_file_name_index"},
	{"Klass::_name"},
	{"Symbol::_length"},
	{"Symbol::_body"},
	{"Abstract_VM_Version::_vm_major_version"},
}

// findJVM finds the tables of the process's libjvm.so.
func (r *Reader) findJVM(p *process, modules []module) (*jvm, error) {
	for _, m := range modules {
		if path.Base(m.path) == "libjvm.so" {
			return r.readJVM(p, m)
		}
	}
	return nil, fmt.Errorf("%w: process %d has no libjvm.so", ErrUnknown, p.tgid)
}

func (r *Reader) readJVM(p *process, m module) (*jvm, error) {
	s, err := r.symbolsOf(p, m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if s.machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("%w: Java frames of %v are not understood, only amd64's", ErrUnknown, s.machine)
	}
	for _, name := range jvmSymbols {
		if s.addr[name] == 0 {
			return nil, fmt.Errorf("%w: %s has no symbol %s, expected HotSpot's", ErrUnknown, m.path, name)
		}
	}
	mem := newMemory(p.tgid) // of its own: the tables take many reads
	defer mem.release()
	structs, err := readVMStructs(mem, func(symbol string) uint64 { return m.start + s.addr[symbol] - s.bias0 })
	if err != nil {
		return nil, err
	}
	for _, names := range jvmNeeds {
		if err := structs.settle(names); err != nil {
			return nil, err
		}
	}
	// The tables are static, but what they lead to is not there before the machine has started.
	major, err := mem.u32(structs.field["Abstract_VM_Version::_vm_major_version"])
	if err != nil {
		return nil, err
	}
	if major < 11 || structs.size["ConstMethod"] == 0 || structs.size["ConstantPool"] == 0 {
		return nil, fmt.Errorf("%w: JDK %d, expected 11 or later", ErrUnknown, major)
	}
	return &jvm{structs, newJVMCodes(structs, major)}, nil
}

// settle makes a field known by the first of its names.
func (s *vmStructs) settle(names []string) error {
	for _, name := range names {
		if at, ok := s.field[name]; ok {
			s.field[names[0]] = at
			return nil
		}
	}
	return fmt.Errorf("%w: this HotSpot has no field %s", ErrUnknown, names[0])
}

// ptr, u32 and u16 read a field of the structure at addr.
func (s *vmStructs) ptr(mem *memory, addr uint64, field string) (uint64, error) {
	return mem.u64(addr + s.field[field])
}

func (s *vmStructs) u32(mem *memory, addr uint64, field string) (uint32, error) {
	return mem.u32(addr + s.field[field])
}

func (s *vmStructs) u16(mem *memory, addr uint64, field string) (uint16, error) {
	return mem.u16(addr + s.field[field])
}
