package flowset

// Within is the flows in s to any of the addresses, and to no peer. It is [Set.Intersect] for few addresses: it looks only at the
// part of s where they are.
func (s Set) Within(to Addrs) Set {
	var out Set
	numbers := map[uint32]uint32{} // classes of s to those of out
	put := func(from key, class uint32) {
		if class > 0 {
			n, there := numbers[class]
			if !there {
				out.transports = append(out.transports, s.transports[class-1])
				n = uint32(len(out.transports))
				numbers[class] = n
			}
			class = n
		}
		last := uint32(0)
		if n := len(out.cells); n > 0 {
			last = out.cells[n-1].class
		}
		if class != last {
			out.cells = append(out.cells, cell{from, class})
		}
	}
	for i := 0; i < len(to.edges); i += 2 {
		first := to.edges[i]
		at := s.cellAt(first)
		if at > 0 {
			put(first, s.cells[at-1].class)
		}
		for ; at < len(s.cells) && (i+1 == len(to.edges) || s.cells[at].from.less(to.edges[i+1])); at++ {
			put(s.cells[at].from, s.cells[at].class)
		}
		if i+1 < len(to.edges) {
			put(to.edges[i+1], 0)
		}
	}
	return out
}

// cellAt is how many cells begin at or before k.
func (s *Set) cellAt(k key) int {
	i, j := 0, len(s.cells)
	for i < j {
		if m := int(uint(i+j) >> 1); k.less(s.cells[m].from) {
			j = m
		} else {
			i = m + 1
		}
	}
	return i
}
