package tlspeer

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"io"
	"slices"
)

// The suites of TLS 1.3 that are read here.
const (
	suiteAES128 = 0x1301
	suiteAES256 = 0x1302
)

// retryRandom marks a server hello as a hello retry request: SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3).
var retryRandom = sha256.Sum256([]byte("HelloRetryRequest"))

// Read makes a handshake with the server at the other end of conn, asking for a name ("" or an address: for none), and returns the certificates
// that it presents, its own first. It ends when conn's deadline does; conn is of no more use then.
func Read(conn io.ReadWriter, name string) ([]Certificate, error) {
	h, err := newHello(name)
	if err != nil {
		return nil, err
	}
	var transcript []byte
	in := &records{from: conn}
	s, err := h.exchange(conn, in, &transcript)
	if err == nil && s.retry {
		s, err = h.again(conn, in, s, &transcript)
	}
	if err != nil {
		return nil, err
	}
	if s.version == version13 {
		if err := s.decrypt(in, h, transcript); err != nil {
			return nil, err
		}
	}
	for {
		m, err := in.message()
		if err != nil {
			return nil, err
		}
		if m[0] == typeCertificate {
			return certificates(m[4:], s.version == version13)
		}
		if s.version != version13 {
			return nil, errSyntax // in TLS 1.2 the certificate comes next, or there is none
		}
	}
}

// serverHello is what matters of one.
type serverHello struct {
	retry   bool
	version int
	suite   int
	group   uint16
	share   []byte
	cookie  []byte
}

// exchange sends the hello and reads the answer.
func (h *hello) exchange(to io.Writer, in *records, transcript *[]byte) (*serverHello, error) {
	m := h.message()
	*transcript = append(*transcript, m...)
	minor := byte(3)
	if len(*transcript) == len(m) {
		minor = 1 // a first record says TLS 1.0, for old servers (RFC 8446, section 5.1)
	}
	if _, err := to.Write(vector([]byte{recordHandshake, 3, minor}, 2, m)); err != nil {
		return nil, err
	}
	answer, err := in.message()
	if err != nil {
		return nil, err
	}
	*transcript = append(*transcript, answer...)
	return readServerHello(answer)
}

func readServerHello(m []byte) (*serverHello, error) {
	if m[0] != typeServerHello {
		return nil, errSyntax
	}
	r := &reader{b: m[4:]}
	s := &serverHello{version: r.number(2)}
	s.retry = bytes.Equal(r.bytes(32), retryRandom[:])
	r.vector(1) // the session
	s.suite = r.number(2)
	r.number(1) // the compression
	for ext := r.vector(2); ext.more(); {
		kind := ext.number(2)
		content := ext.vector(2)
		switch kind {
		case extSupportedVersions:
			s.version = content.number(2)
		case extKeyShare:
			s.group = uint16(content.number(2))
			if !s.retry {
				s.share = content.vector(2).b
			}
		case extCookie:
			s.cookie = content.vector(2).b
		}
		if ext.bad {
			return nil, errSyntax
		}
	}
	if s.version < 0x0300 || s.version > version13 {
		return nil, errSyntax
	}
	return s, nil // one of TLS 1.2 may end without extensions
}

// again makes the hello that the server asked for. The first one counts as its hash then (RFC 8446, section 4.4.1).
func (h *hello) again(to io.Writer, in *records, s *serverHello, transcript *[]byte) (*serverHello, error) {
	clear(h.keys)
	if err := h.offer(s.group); err != nil {
		return nil, err
	}
	h.cookie = s.cookie
	newHash, _ := hashOf(s.suite)
	if newHash == nil {
		return nil, errSyntax
	}
	first := newHash()
	n := 4 + int((*transcript)[1])<<16 + int((*transcript)[2])<<8 + int((*transcript)[3])
	first.Write((*transcript)[:n])
	*transcript = slices.Concat(vector([]byte{typeMessageHash}, 3, first.Sum(nil)), (*transcript)[n:])
	out, err := h.exchange(to, in, transcript)
	if err == nil && out.retry {
		err = errSyntax // once is allowed
	}
	return out, err
}

// hashOf is the hash of a suite of TLS 1.3, and the length of its keys; nil for others.
func hashOf(suite int) (func() hash.Hash, int) {
	switch suite {
	case suiteAES128:
		return sha256.New, 16
	case suiteAES256:
		return sha512.New384, 32
	}
	return nil, 0
}

// decrypt derives the key of the server's handshake messages (RFC 8446, section 7.1).
func (s *serverHello) decrypt(in *records, h *hello, transcript []byte) error {
	newHash, keyLength := hashOf(s.suite)
	key := h.keys[s.group]
	if newHash == nil || key == nil {
		return errSyntax
	}
	peer, err := key.Curve().NewPublicKey(s.share)
	if err != nil {
		return errSyntax
	}
	shared, err := key.ECDH(peer)
	if err != nil {
		return errSyntax
	}
	sum := func(b []byte) []byte {
		d := newHash()
		d.Write(b)
		return d.Sum(nil)
	}
	k := schedule{newHash: newHash}
	none := make([]byte, newHash().Size())
	early := k.extract(none, nil)
	secret := k.extract(shared, k.expand(early, "derived", sum(nil), len(none)))
	traffic := k.expand(secret, "s hs traffic", sum(transcript), len(none))
	block, err := aes.NewCipher(k.expand(traffic, "key", nil, keyLength))
	if err != nil {
		return err
	}
	if in.aead, err = cipher.NewGCM(block); err != nil {
		return err
	}
	in.iv = k.expand(traffic, "iv", nil, in.aead.NonceSize())
	return k.err
}

// schedule derives secrets, and keeps the first error.
type schedule struct {
	newHash func() hash.Hash
	err     error
}

func (k *schedule) extract(secret, salt []byte) []byte {
	out, err := hkdf.Extract(k.newHash, secret, salt)
	if err != nil && k.err == nil {
		k.err = err
	}
	return out
}

// expand is HKDF-Expand-Label.
func (k *schedule) expand(secret []byte, label string, context []byte, length int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = vector(info, 1, []byte("tls13 "+label))
	info = vector(info, 1, context)
	out, err := hkdf.Expand(k.newHash, secret, string(info), length)
	if err != nil && k.err == nil {
		k.err = err
	}
	return out
}

// certificates reads a Certificate message.
func certificates(m []byte, v13 bool) ([]Certificate, error) {
	r := &reader{b: m}
	if v13 {
		r.vector(1) // the context
	}
	var out []Certificate
	for list := r.vector(3); list.more(); {
		der := list.vector(3)
		if v13 {
			list.vector(2) // extensions
		}
		if list.bad {
			return nil, errSyntax
		}
		c, err := parse(der.b)
		if err != nil {
			if len(out) == 0 {
				return nil, err
			}
			continue // the server's own matters
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errSyntax
	}
	return out, nil
}
