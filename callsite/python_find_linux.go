package callsite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// python is the CPython runtime of one process.
type python struct {
	version  pythonVersion
	layout   pythonLayout
	headAddr uint64 // where the pointer to the first PyInterpreterState is
	codeType uint64 // PyCode_Type, 0 where it was not found
}

// findPython finds CPython in the executable, or in a library that has python in its name.
func (r *Reader) findPython(p *process, mem *memory, modules []module) (*python, error) {
	err := fmt.Errorf("%w: process %d has no runtime that is understood, expected CPython or Go", ErrUnknown, p.tgid)
	for _, m := range modules {
		if !m.main && !strings.Contains(path.Base(m.path), "python") {
			continue
		}
		symbols, symErr := r.symbolsOf(p, m)
		if symErr != nil {
			err = fmt.Errorf("%w: %w", ErrUnknown, symErr)
			continue
		}
		// The executable is called by many names; a library that it loads tells the version as well.
		names := []string{path.Base(m.path)}
		for _, other := range modules {
			names = append(names, other.path)
		}
		at := func(name string) uint64 {
			if symbols.addr[name] == 0 {
				return 0
			}
			return symbols.addr[name] - symbols.bias0 + m.start
		}
		switch {
		case at("_PyRuntime") != 0:
			return newPython(mem, at, names)
		case at("PyInterpreterState_Head") != 0:
			return oldPython(mem, at, names)
		}
	}
	return nil, err
}

// newPython is a Python with a _PyRuntime, since 3.7. Since 3.13 it starts with _Py_DebugOffsets.
func newPython(mem *memory, at func(string) uint64, names []string) (*python, error) {
	state := at("_PyRuntime")
	var start [debugOffsetsSize]byte
	if err := mem.read(state, start[:]); err != nil {
		return nil, err
	}
	py := &python{codeType: at("PyCode_Type")}
	if bytes.HasPrefix(start[:], []byte(debugCookie)) {
		var err error
		if py.version, py.layout, err = parseDebugOffsets(start[:]); err != nil {
			return nil, err
		}
	} else if err := py.setVersion(mem, at, names); err != nil {
		return nil, err
	}
	py.headAddr = state + py.layout.runtimeInterpreters
	return py, nil
}

// setVersion finds which version it is: Py_Version says so since 3.11, before it is only in the names.
func (py *python) setVersion(mem *memory, at func(string) uint64, names []string) error {
	if addr := at("Py_Version"); addr != 0 {
		hex, err := mem.u32(addr)
		if err != nil {
			return err
		}
		py.version = pythonVersion(hex >> 16)
	} else {
		py.version = versionIn(names)
	}
	layout, ok := pythonLayouts[py.version]
	if !ok {
		return fmt.Errorf("%w: CPython %d.%d, expected 2.7 or 3.6 to 3.14", ErrUnknown, py.version>>8, py.version&0xff)
	}
	py.layout = layout
	return nil
}

var versionName = regexp.MustCompile(`python([23])\.(\d{1,2})`)

// versionIn is the version in the first of the names that has one, as libpython3.8.so.1.0 and python3.9 do.
func versionIn(names []string) pythonVersion {
	for _, name := range names {
		if m := versionName.FindStringSubmatch(name); m != nil {
			major, _ := strconv.Atoi(m[1])
			minor, _ := strconv.Atoi(m[2])
			return pythonVersion(major<<8 | minor)
		}
	}
	return 0
}

// oldPython is a Python before 3.7. Its list of interpreters is a static variable, which a stripped file has no name
// for; but an exported function does nothing else than load it.
func oldPython(mem *memory, at func(string) uint64, names []string) (*python, error) {
	py := &python{codeType: at("PyCode_Type"), headAddr: at("interp_head")}
	if err := py.setVersion(mem, at, names); err != nil {
		return nil, err
	}
	if py.headAddr != 0 {
		return py, nil
	}
	function := at("PyInterpreterState_Head")
	var code [12]byte
	if err := mem.read(function, code[:]); err != nil {
		return nil, err
	}
	op := code[:]
	if bytes.HasPrefix(op, []byte{0xf3, 0x0f, 0x1e, 0xfa}) { // endbr64
		op, function = op[4:], function+4
	}
	// mov interp_head(%rip),%rax, on amd64
	if !bytes.HasPrefix(op, []byte{0x48, 0x8b, 0x05}) {
		return nil, fmt.Errorf("%w: CPython %d.%d without symbols", ErrUnknown, py.version>>8, py.version&0xff)
	}
	py.headAddr = function + 7 + uint64(int64(int32(binary.LittleEndian.Uint32(op[3:7]))))
	return py, nil
}
