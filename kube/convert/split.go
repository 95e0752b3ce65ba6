package convert

import "fmt"

const (
	// maxBytes is how large an object may be: what etcd takes in a request (--max-request-bytes).
	maxBytes = 3 << 19
	// maxTerms is how many prefixes and ports an object has at most: with IPv6 prefixes of 60 bytes each these are 1.2 MB.
	maxTerms = 20_000
)

// split divides clauses whose order does not matter into objects. There is at least one.
func split(clauses []clause, most int) [][]clause {
	var out [][]clause
	var now []clause
	size := 0
	for len(clauses) > 0 {
		k := clauses[0]
		n := k.terms()
		switch {
		case size+n <= most:
			now, size, clauses = append(now, k), size+n, clauses[1:]
			continue
		case len(k.blocks) > 1 && size < most/2: // in two: together they say the same
			half := len(k.blocks) / 2
			rest := append([]clause{k, k}, clauses[1:]...)
			rest[0].blocks, rest[1].blocks = k.blocks[:half], k.blocks[half:]
			clauses = rest
			continue
		case len(now) == 0: // one block alone: it cannot be divided
			now, clauses = append(now, k), clauses[1:]
		}
		out, now, size = append(out, now), nil, 0
	}
	if len(now) > 0 || len(out) == 0 {
		out = append(out, now)
	}
	return out
}

// numbered is the name of an object: the first has it plain.
func (c *converter) numbered(i int) string {
	if i == 0 {
		return c.name()
	}
	return fmt.Sprintf("%s-%d", c.name(), i+1)
}
