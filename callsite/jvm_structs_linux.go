package callsite

import (
	"encoding/binary"
	"fmt"
)

// vmStructs is what HotSpot tells of its own structures: tables that libjvm.so exports for debuggers, the Serviceability
// Agent's (src/hotspot/share/runtime/vmStructs.hpp). They name fields as C++ does, "Method::_constMethod".
type vmStructs struct {
	field map[string]uint64 // the offset in its structure; the address where it is static
	size  map[string]uint64 // of types
}

// jvmSymbols are the symbols that lead to these tables. HotSpot exports them, no other Java machine does.
var jvmSymbols = []string{
	"gHotSpotVMStructs", "gHotSpotVMStructEntryTypeNameOffset", "gHotSpotVMStructEntryFieldNameOffset",
	"gHotSpotVMStructEntryIsStaticOffset", "gHotSpotVMStructEntryOffsetOffset", "gHotSpotVMStructEntryAddressOffset",
	"gHotSpotVMStructEntryArrayStride", "gHotSpotVMTypes", "gHotSpotVMTypeEntryTypeNameOffset",
	"gHotSpotVMTypeEntrySizeOffset", "gHotSpotVMTypeEntryArrayStride",
}

// maxVMEntries bounds each table; JDK 17 has 1000 fields and 700 types.
const maxVMEntries = 8192

// readVMStructs reads the tables; at is where a symbol is in memory.
func readVMStructs(mem *memory, at func(symbol string) uint64) (*vmStructs, error) {
	layout := map[string]uint64{}
	for _, name := range jvmSymbols {
		v, err := mem.u64(at(name))
		if err != nil {
			return nil, err
		}
		layout[name[len("gHotSpotVM"):]] = v
	}
	s := &vmStructs{field: map[string]uint64{}, size: map[string]uint64{}}
	err := eachEntry(mem, layout["Structs"], layout["StructEntryArrayStride"], layout["StructEntryTypeNameOffset"],
		func(entry uint64, name string) error {
			return s.readField(mem, entry, name, layout)
		})
	if err != nil {
		return nil, err
	}
	return s, eachEntry(mem, layout["Types"], layout["TypeEntryArrayStride"], layout["TypeEntryTypeNameOffset"],
		func(entry uint64, name string) (err error) {
			s.size[name], err = mem.u64(entry + layout["TypeEntrySizeOffset"])
			return err
		})
}

// eachEntry calls do for the entries of a table, which ends with one that has no name.
func eachEntry(mem *memory, table, stride, atName uint64, do func(entry uint64, name string) error) error {
	if stride == 0 || stride > 1024 {
		return fmt.Errorf("%w: HotSpot's tables have entries of %d bytes", ErrUnknown, stride)
	}
	for n := uint64(0); n < maxVMEntries; n++ {
		entry := table + n*stride
		name, err := mem.u64(entry + atName)
		if err != nil || name == 0 {
			return err
		}
		text, err := mem.cString(name)
		if err != nil {
			return err
		}
		if err := do(entry, text); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: HotSpot's tables have no end", ErrUnknown)
}

func (s *vmStructs) readField(mem *memory, entry uint64, typeName string, layout map[string]uint64) error {
	name, err := mem.u64(entry + layout["StructEntryFieldNameOffset"])
	if err != nil {
		return err
	}
	field, err := mem.cString(name)
	if err != nil {
		return err
	}
	static, err := mem.u32(entry + layout["StructEntryIsStaticOffset"])
	if err != nil {
		return err
	}
	at := layout["StructEntryOffsetOffset"]
	if static != 0 {
		at = layout["StructEntryAddressOffset"]
	}
	s.field[typeName+"::"+field], err = mem.u64(entry + at)
	return err
}

// cString is the text at addr, up to its zero byte.
func (m *memory) cString(addr uint64) (string, error) {
	const limit = 256
	var b [limit]byte
	for i := range b {
		var err error
		if b[i], err = m.u8(addr + uint64(i)); err != nil {
			return "", err
		}
		if b[i] == 0 {
			return string(b[:i]), nil
		}
	}
	return "", fmt.Errorf("%w: no text at %#x", ErrUnknown, addr)
}

func (m *memory) u16(addr uint64) (uint16, error) {
	var b [2]byte
	err := m.read(addr, b[:])
	return binary.LittleEndian.Uint16(b[:]), err
}
