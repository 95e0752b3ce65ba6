package reflect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
)

// minToken is the shortest token that is taken. Who sees a proof can try tokens against it as fast as he computes, so a word would be found.
const minToken = 16

// maxToken bounds what is read of a file that is no token's.
const maxToken = 1024

// Token is a secret that both ends have.
type Token struct{ secret []byte }

// NewToken makes a token of 160 random bits, in letters and digits that no shell changes.
func NewToken() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// ParseToken takes a token as it stands in a file or a variable; space around it is no part of it.
func ParseToken(s string) (*Token, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return nil, fmt.Errorf("the token is empty: want %d characters at least; sallyport reflect without a token makes one", minToken)
	case len(s) < minToken:
		return nil, fmt.Errorf("the token has %d characters: want %d at least, since who sees the traffic could guess it; sallyport reflect without a token makes one", len(s), minToken)
	case len(s) > maxToken:
		return nil, fmt.Errorf("the token has %d characters: want %d at most", len(s), maxToken)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' { // it has to stand in an HTTP header, and in one line
			return nil, fmt.Errorf("the token has a space, or a character that is not ASCII: want letters, digits and signs, on one line")
		}
	}
	return &Token{[]byte(s)}, nil
}

// derive is a secret of 32 bytes for one purpose.
func (t *Token) derive(purpose string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, t.secret)
	_, _ = h.Write([]byte("sallyport-reflect/1 " + purpose + "\x00"))
	for _, p := range parts {
		_, _ = h.Write(p)
	}
	return h.Sum(nil)
}

// is reports whether a text is the token, in a time that does not tell where they differ.
func (t *Token) is(text string) bool {
	return subtle.ConstantTimeCompare(t.derive("bearer"), (&Token{[]byte(text)}).derive("bearer")) == 1
}
