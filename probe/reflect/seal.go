package reflect

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Answers are sealed with AES-256-GCM by a key of their request's own, so that nobody on the way reads or forges them, and no translator finds an
// address in them to rewrite (RFC 8489, section 14.2, has the same worry).

func (t *Token) aead(p *Proof) cipher.AEAD {
	block, err := aes.NewCipher(t.derive("answer", p.plain()))
	if err != nil {
		panic(err) // of the key's length alone
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

// seal is an answer to a proof as text.
func (t *Token) seal(p *Proof, s *Seen) string {
	plain, err := json.Marshal(s)
	if err != nil {
		panic(err) // nothing in it can fail
	}
	gcm := t.aead(p)
	b := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(plain)+gcm.Overhead())
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(gcm.Seal(b, b, plain, nil))
}

// ErrForged is of an answer that the holder of the token did not make, or that was changed on the way.
var ErrForged = errors.New("the answer is not of this token's owner, or was changed on the way")

// Open reads an answer to a proof.
func (t *Token) Open(p *Proof, text []byte) (*Seen, error) {
	b := make([]byte, base64.RawURLEncoding.DecodedLen(len(text)))
	n, err := base64.RawURLEncoding.Strict().Decode(b, text)
	gcm := t.aead(p)
	if err != nil || n < gcm.NonceSize()+gcm.Overhead() {
		return nil, ErrForged
	}
	plain, err := gcm.Open(nil, b[:gcm.NonceSize()], b[gcm.NonceSize():n], nil)
	if err != nil {
		return nil, ErrForged
	}
	s := &Seen{}
	if err := json.Unmarshal(plain, s); err != nil {
		return nil, fmt.Errorf("the reflector is of another version: %w", err)
	}
	return s, nil
}
