package tlspeer

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
)

// Types of handshake messages and of records (RFC 8446, sections 4 and 5.1).
const (
	typeClientHello = 1
	typeServerHello = 2
	typeCertificate = 11
	typeMessageHash = 254

	recordCCS         = 20
	recordAlert       = 21
	recordHandshake   = 22
	recordApplication = 23
)

const (
	version12 = 0x0303
	version13 = 0x0304
)

// Extensions (RFC 8446, section 4.2; RFC 7627; RFC 5746; RFC 8422).
const (
	extServerName        = 0
	extGroups            = 10
	extPointFormats      = 11
	extSignatures        = 13
	extMasterSecret      = 23
	extSupportedVersions = 43
	extCookie            = 44
	extPSKModes          = 45
	extKeyShare          = 51
	extRenegotiation     = 0xff01
)

// groups are the curves that keys can be agreed on, by their number. Keys of the first two are sent at once.
var groups = []struct {
	id    uint16
	curve ecdh.Curve
}{{29, ecdh.X25519()}, {23, ecdh.P256()}, {24, ecdh.P384()}, {25, ecdh.P521()}}

// suites are offered in the order in which usual clients do. Of TLS 1.3 only those that are read here: every server has the first (RFC 8446,
// section 9.1). Of TLS 1.2 nothing is read that is encrypted, so they are those of usual clients.
var suites = []uint16{
	suiteAES128, suiteAES256,
	0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
	0x009e, 0x009f, 0x0033, 0x0039,
}

// signatures are all that certificates are signed with, Ed25519 and SHA-1 as well.
var signatures = []uint16{
	0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201,
}

// hello is a client hello, and what is needed to make it again as a server asks for.
type hello struct {
	name    string // the server's, "" for none
	random  [32]byte
	session [32]byte
	keys    map[uint16]*ecdh.PrivateKey
	cookie  []byte
}

func newHello(name string) (*hello, error) {
	h := &hello{name: name, keys: make(map[uint16]*ecdh.PrivateKey)}
	if _, err := netip.ParseAddr(name); err == nil {
		h.name = "" // server_name is for names alone (RFC 6066, section 3)
	}
	rand.Read(h.random[:])
	rand.Read(h.session[:])
	for _, g := range groups[:2] {
		if err := h.offer(g.id); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// offer makes a key for a group.
func (h *hello) offer(id uint16) error {
	for _, g := range groups {
		if g.id == id {
			key, err := g.curve.GenerateKey(rand.Reader)
			h.keys[id] = key
			return err
		}
	}
	return errGroup
}

// message is the handshake message.
func (h *hello) message() []byte {
	var b []byte
	b = binary.BigEndian.AppendUint16(b, version12)
	b = append(b, h.random[:]...)
	b = vector(b, 1, h.session[:])
	b = vector(b, 2, numbers(suites))
	b = append(b, 1, 0) // no compression
	b = vector(b, 2, h.extensions())
	return vector([]byte{typeClientHello}, 3, b)
}

func (h *hello) extensions() []byte {
	var b []byte
	add := func(kind uint16, content []byte) {
		b = vector(binary.BigEndian.AppendUint16(b, kind), 2, content)
	}
	if h.name != "" {
		add(extServerName, vector(nil, 2, vector([]byte{0}, 2, []byte(h.name))))
	}
	var ids []uint16
	for _, g := range groups {
		ids = append(ids, g.id)
	}
	add(extMasterSecret, nil)
	add(extRenegotiation, []byte{0})
	add(extGroups, vector(nil, 2, numbers(ids)))
	add(extPointFormats, []byte{1, 0})
	add(extSignatures, vector(nil, 2, numbers(signatures)))
	add(extSupportedVersions, vector(nil, 1, numbers([]uint16{version13, version12, 0x0302, 0x0301})))
	add(extPSKModes, []byte{1, 1})
	if h.cookie != nil {
		add(extCookie, vector(nil, 2, h.cookie))
	}
	var shares []byte
	for _, id := range ids {
		if key := h.keys[id]; key != nil {
			shares = vector(binary.BigEndian.AppendUint16(shares, id), 2, key.PublicKey().Bytes())
		}
	}
	add(extKeyShare, vector(nil, 2, shares))
	return b
}

// vector appends content behind its length, a number of so many bytes.
func vector(b []byte, size int, content []byte) []byte {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(content)))
	return slices.Concat(b, n[8-size:], content)
}

func numbers(all []uint16) (b []byte) {
	for _, n := range all {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}
