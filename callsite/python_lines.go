package callsite

// lineAt is the line of the instruction at an offset in bytes, by a code object's own table and first line. It is 0
// where the table has none for it.
func lineAt(version pythonVersion, table []byte, first, last int) int {
	switch {
	case version >= 0x030b:
		return lineAtLocations(table, first, last)
	case version == 0x030a:
		return lineAtRanges(table, first, last)
	}
	return lineAtSteps(table, first, last, version >= 0x0306)
}

// lineAtSteps reads co_lnotab, until 3.9: pairs of steps in bytecode and in lines, where the latter are signed since
// 3.6 (Objects/lnotab_notes.txt).
func lineAtSteps(table []byte, first, last int, signed bool) int {
	line, addr := first, 0
	for ; len(table) >= 2; table = table[2:] {
		if addr += int(table[0]); addr > last {
			break
		}
		if signed {
			line += int(int8(table[1]))
		} else {
			line += int(table[1])
		}
	}
	return line
}

// lineAtRanges reads co_linetable of 3.10 (PEP 626): pairs of a length in bytecode and a step in lines, signed, where
// -128 says that the range has no line.
func lineAtRanges(table []byte, first, last int) int {
	const noLine = -128
	line, end := first, 0
	for ; len(table) >= 2; table = table[2:] {
		step := int(int8(table[1]))
		if step != noLine {
			line += step
		}
		if end += int(table[0]); last < end {
			if step == noLine {
				return 0
			}
			return line
		}
	}
	return 0
}

// lineAtLocations reads co_linetable since 3.11 (PEP 657, InternalDocs/code_objects.md): entries of a byte that holds
// the kind and the length in code units of two bytes, followed by numbers; the top bit starts an entry.
func lineAtLocations(table []byte, first, last int) int {
	const (
		oneLine   = 10 // to 12: the step in lines is in the kind
		noColumns = 13
		long      = 14
		noLine    = 15
	)
	line, end := first, 0
	for len(table) > 0 {
		head := table[0]
		table = table[1:]
		kind := int(head>>3) & 15
		switch {
		case kind == noColumns || kind == long:
			line += signedVarint(table)
		case kind >= oneLine && kind < noColumns:
			line += kind - oneLine
		}
		if end += (int(head&7) + 1) * 2; last < end {
			if kind == noLine {
				return 0
			}
			return line
		}
		for len(table) > 0 && table[0]&0x80 == 0 {
			table = table[1:]
		}
	}
	return 0
}

// signedVarint reads a number in groups of six bits, least first, whose own lowest bit is the sign.
func signedVarint(b []byte) int {
	var n uint
	for i, shift := 0, 0; i < len(b) && shift < 36; i, shift = i+1, shift+6 {
		n |= uint(b[i]&0x3f) << shift
		if b[i]&0x40 == 0 {
			break
		}
	}
	if n&1 != 0 {
		return -int(n >> 1)
	}
	return int(n >> 1)
}
