package tlspeer

import (
	"encoding/pem"
	"os"
)

// bundles are where systems keep the certificates of the authorities that they trust: Debian, Fedora, openSUSE, Alpine.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// Roots are the names of the authorities that a machine trusts. The zero value knows none.
type Roots struct {
	Path  string // the file that they were read of
	names []Name
}

// ReadRoots reads the system's; false where there are none to be found.
func ReadRoots() (Roots, bool) {
	for _, path := range bundles {
		if b, err := os.ReadFile(path); err == nil {
			if r := readRoots(path, b); len(r.names) > 0 {
				return r, true
			}
		}
	}
	return Roots{}, false
}

func readRoots(path string, b []byte) Roots {
	r := Roots{Path: path}
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if c, err := parse(block.Bytes); err == nil {
			r.names = append(r.names, c.Subject)
		}
	}
	return r
}

// Know reports whether an authority of that name is trusted.
func (r *Roots) Know(n Name) bool {
	for i := range r.names {
		if r.names[i].Is(n) {
			return true
		}
	}
	return false
}

// Lead reports whether a chain of certificates, the server's own first, leads to a name that is trusted; and the last issuer's name. Whether the
// signatures are right is not looked at.
func (r *Roots) Lead(chain []Certificate) (last Name, ok bool) {
	if len(chain) == 0 {
		return Name{}, false
	}
	c := &chain[0]
	if c.SelfSigned() {
		return c.Issuer, r.Know(c.Subject)
	}
	for range chain {
		if r.Know(c.Issuer) {
			return c.Issuer, true
		}
		next := c
		for i := range chain {
			if chain[i].Subject.Is(c.Issuer) && !chain[i].SelfSigned() {
				next = &chain[i]
			}
		}
		if next == c {
			break
		}
		c = next
	}
	return c.Issuer, false
}
