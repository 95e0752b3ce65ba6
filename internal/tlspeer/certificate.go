package tlspeer

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Certificate is what an X.509 certificate says (RFC 5280). Nothing of it is verified.
type Certificate struct {
	Subject   Name
	Issuer    Name
	DNSNames  []string     // of its subjectAltName, as they are: "*.example.org"
	Addresses []netip.Addr // the same
	NotBefore time.Time
	NotAfter  time.Time
}

// Name is a distinguished name.
type Name struct {
	Raw  []byte // its DER
	Text string // "CN=example.org,O=Example"
	CN   string // its common name; "" where it has none
}

// Is reports whether two names are the same, whatever the kinds of their strings.
func (n Name) Is(o Name) bool {
	return bytes.Equal(n.Raw, o.Raw) || n.Text != "" && strings.EqualFold(n.Text, o.Text)
}

// String is its common name, or all of it.
func (n Name) String() string {
	if n.CN != "" {
		return n.CN
	}
	return n.Text
}

type certificate struct {
	TBS       tbsCertificate
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

type tbsCertificate struct {
	Version    int `asn1:"optional,explicit,default:0,tag:0"`
	Serial     asn1.RawValue
	Algorithm  asn1.RawValue
	Issuer     asn1.RawValue
	Validity   struct{ NotBefore, NotAfter time.Time }
	Subject    asn1.RawValue
	Key        asn1.RawValue
	IssuerID   asn1.BitString   `asn1:"optional,tag:1"`
	SubjectID  asn1.BitString   `asn1:"optional,tag:2"`
	Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
}

var (
	oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidAltName    = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// Tags of a GeneralName (RFC 5280, section 4.2.1.6).
const (
	tagDNSName   = 2
	tagIPAddress = 7
)

var errCertificate = errors.New("the server's certificate is malformed")

func parse(der []byte) (Certificate, error) {
	var c certificate
	if rest, err := asn1.Unmarshal(der, &c); err != nil || len(rest) > 0 {
		return Certificate{}, errCertificate
	}
	t := &c.TBS
	out := Certificate{
		Subject: name(t.Subject.FullBytes), Issuer: name(t.Issuer.FullBytes), NotBefore: t.Validity.NotBefore, NotAfter: t.Validity.NotAfter,
	}
	for _, x := range t.Extensions {
		if x.Id.Equal(oidAltName) {
			out.altNames(x.Value)
		}
	}
	return out, nil
}

func (c *Certificate) altNames(der []byte) {
	var all []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &all); err != nil {
		return
	}
	for _, v := range all {
		switch {
		case v.Class != asn1.ClassContextSpecific:
		case v.Tag == tagDNSName:
			c.DNSNames = append(c.DNSNames, string(v.Bytes))
		case v.Tag == tagIPAddress:
			if a, ok := netip.AddrFromSlice(v.Bytes); ok {
				c.Addresses = append(c.Addresses, a)
			}
		}
	}
}

func name(der []byte) Name {
	n := Name{Raw: der}
	var seq pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &seq); err != nil {
		return n
	}
	n.Text = seq.String()
	for _, set := range seq {
		for _, a := range set {
			if s, ok := a.Value.(string); ok && a.Type.Equal(oidCommonName) {
				n.CN = s
			}
		}
	}
	return n
}

// SelfSigned reports whether the certificate names itself as its issuer.
func (c *Certificate) SelfSigned() bool { return c.Issuer.Is(c.Subject) }

// Names are all that the certificate is for, for people; its common name where it has no others.
func (c *Certificate) Names() []string {
	out := slices.Clone(c.DNSNames)
	for _, a := range c.Addresses {
		out = append(out, a.String())
	}
	if len(out) == 0 && c.Subject.CN != "" {
		out = append(out, c.Subject.CN)
	}
	return out
}

// For reports whether the certificate is for a host: a DNS name, or an address as text. As RFC 9525 has it, with one exception: the common name
// of a certificate that has no other names still counts, since some clients take it.
func (c *Certificate) For(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return slices.ContainsFunc(c.Addresses, func(o netip.Addr) bool { return o.Unmap() == a.Unmap().WithZone("") })
	}
	names := c.DNSNames
	if len(names) == 0 && len(c.Addresses) == 0 {
		names = []string{c.Subject.CN}
	}
	return slices.ContainsFunc(names, func(pattern string) bool { return matches(pattern, host) })
}

// matches reports whether a name is meant by a pattern, whose first label may be a wildcard for one label (RFC 9525, section 6.3).
func matches(pattern, host string) bool {
	pattern, host = strings.TrimSuffix(pattern, "."), strings.TrimSuffix(host, ".")
	if pattern == "" || host == "" {
		return false
	}
	if rest, wild := strings.CutPrefix(pattern, "*."); wild {
		label, parent, ok := strings.Cut(host, ".")
		return ok && label != "" && strings.EqualFold(parent, rest)
	}
	return strings.EqualFold(pattern, host)
}
