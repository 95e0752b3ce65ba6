package tlspeer

// reader reads what lies in a message; once it has come to its end, everything is empty and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

// number reads a number of so many bytes.
func (r *reader) number(size int) (n int) {
	for _, c := range r.bytes(size) {
		n = n<<8 | int(c)
	}
	return n
}

// vector reads what comes behind its length.
func (r *reader) vector(size int) *reader {
	n := r.number(size)
	return &reader{b: r.bytes(n), bad: r.bad}
}

func (r *reader) more() bool { return len(r.b) > 0 && !r.bad }
