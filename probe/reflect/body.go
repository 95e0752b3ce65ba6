package reflect

import (
	"crypto/sha256"
	"encoding/binary"
)

// Way is the direction of a body.
type Way string

// The ways.
const (
	Out  Way = "out"  // from the client to the reflector
	Back Way = "back" // from the reflector to the client
)

// Body is the bytes that go with a proof: each value of a byte in its order, and then what nobody without the token can tell beforehand. Both ends
// know them, so that either can say where they were changed.
func (t *Token) Body(p *Proof, way Way, length int) []byte {
	b := make([]byte, 0, length+sha256.Size)
	for i := range min(length, 256) {
		b = append(b, byte(i))
	}
	block := append(t.derive(string(way), p.plain()), 0, 0, 0, 0)
	for i := uint32(0); len(b) < length; i++ {
		binary.BigEndian.PutUint32(block[sha256.Size:], i)
		sum := sha256.Sum256(block)
		b = append(b, sum[:]...)
	}
	return b[:length]
}

// Differ is where what came differs first from what was sent; -1 for nowhere. Less than was sent differs where it ends, more at the first byte too many.
func Differ(sent, came []byte) int {
	for i := range min(len(sent), len(came)) {
		if sent[i] != came[i] {
			return i
		}
	}
	if len(sent) != len(came) {
		return min(len(sent), len(came))
	}
	return -1
}
