package reflect

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Prefix begins each line of the protocol. All of a line are characters that what changes single bytes on the way lets be: the bytes that show
// such a change come after it.
const Prefix = "sallyport-reflect/1 "

// MaxBody is the most bytes that a request may announce.
const MaxBody = 16 << 10

// Proof shows that its sender has the token, without the token. It counts once.
type Proof struct {
	Time   time.Time // of the sender's clock, in whole milliseconds
	Nonce  [16]byte
	Length int // of the body that comes after it, at most MaxBody
}

const (
	proofBytes = 8 + 16 + 4 + 32
	proofText  = (proofBytes*8 + 5) / 6 // base64url without padding
)

// NewProof is a proof for a body of some length.
func NewProof(now time.Time, length int) Proof {
	p := Proof{Time: now.Truncate(time.Millisecond), Length: length}
	_, _ = rand.Read(p.Nonce[:])
	return p
}

func (p *Proof) plain() []byte {
	b := make([]byte, 0, proofBytes)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Time.UnixMilli()))
	b = append(b, p.Nonce[:]...)
	return binary.BigEndian.AppendUint32(b, uint32(p.Length))
}

// Text is the proof as it is sent, proofText characters.
func (t *Token) Text(p *Proof) string {
	b := p.plain()
	return base64.RawURLEncoding.EncodeToString(append(b, t.derive("proof", b)...))
}

// Check reads a proof. It is false for all that this token did not make.
func (t *Token) Check(text []byte) (Proof, bool) {
	var raw [proofBytes]byte
	if len(text) != proofText {
		return Proof{}, false
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(raw[:], text); err != nil || n != proofBytes {
		return Proof{}, false
	}
	plain, mac := raw[:proofBytes-32], raw[proofBytes-32:]
	if !hmac.Equal(mac, t.derive("proof", plain)) {
		return Proof{}, false
	}
	length := binary.BigEndian.Uint32(plain[24:])
	if length > MaxBody {
		return Proof{}, false
	}
	p := Proof{Time: time.UnixMilli(int64(binary.BigEndian.Uint64(plain))), Length: int(length)}
	copy(p.Nonce[:], plain[8:])
	return p, true
}

// Line is a line of the protocol, with its end.
func Line(text string) string { return Prefix + text + "\n" }

// CutLine takes the first line off what came, and returns its text. The line may end in CR LF, as what changes ends of lines would make it.
func CutLine(b []byte) (text, rest []byte, ok bool) {
	line, rest, found := bytes.Cut(b, []byte("\n"))
	text, is := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\r")), []byte(Prefix))
	return text, rest, found && is
}
