//go:build linux

package measure

import (
	"bytes"
	"encoding/binary"
)

// reader takes a message apart. Once something is missing it is bad, and all that it gives is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) || r.bad {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// until takes what comes before a byte, and the byte.
func (r *reader) until(c byte) []byte {
	i := bytes.IndexByte(r.b, c)
	if i < 0 {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:i]
	r.b = r.b[i+1:]
	return out
}
