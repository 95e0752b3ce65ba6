package flowset

// op is a set operation as a truth table: bit 0 says whether what is in neither set is in the result, bit 1 what is
// only in the first, bit 2 what is only in the second, bit 3 what is in both.
type op uint8

const (
	opUnion     op = 0b1110
	opIntersect op = 0b1000
	opSubtract  op = 0b0010
)

func (o op) of(a, b bool) bool {
	i := 0
	if a {
		i = 1
	}
	if b {
		i |= 2
	}
	return o>>i&1 != 0
}

// Sets over ordered keys are kept as edges: the keys, in order, at which membership changes. So the even ones begin a
// range, the odd ones are the first key after it, and a range that reaches the last key has no second edge. Any two
// different lists of edges are different sets, and an operation is one merge.

// mergePorts appends to out the edges of a op b.
func mergePorts(out, a, b []uint16, o op) []uint16 {
	i, j, in := 0, 0, false
	for i < len(a) || j < len(b) {
		var at uint16
		switch {
		case j == len(b) || i < len(a) && a[i] < b[j]:
			at = a[i]
			i++
		case i == len(a) || b[j] < a[i]:
			at = b[j]
			j++
		default:
			at = a[i]
			i++
			j++
		}
		if now := o.of(i&1 != 0, j&1 != 0); now != in {
			out, in = append(out, at), now
		}
	}
	return out
}

// mergeKeys is mergePorts for addresses.
func mergeKeys(out, a, b []key, o op) []key {
	i, j, in := 0, 0, false
	for i < len(a) || j < len(b) {
		var at key
		switch {
		case j == len(b) || i < len(a) && a[i].less(b[j]):
			at = a[i]
			i++
		case i == len(a) || b[j].less(a[i]):
			at = b[j]
			j++
		default:
			at = a[i]
			i++
			j++
		}
		if now := o.of(i&1 != 0, j&1 != 0); now != in {
			out, in = append(out, at), now
		}
	}
	return out
}
