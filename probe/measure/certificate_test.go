//go:build linux

package measure

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// signer makes certificates.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var noon = time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC)

// issue signs one that is changed by f; of s nil, it signs itself.
func (s *signer) issue(t *testing.T, name string, f func(*x509.Certificate)) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: noon.AddDate(-1, 0, 0), NotAfter: noon.AddDate(1, 0, 0),
	}
	f(c)
	by := &signer{c, key}
	if s != nil {
		by = s
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.cert, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made := &signer{key: key}
	if made.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return made
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

func server(c *x509.Certificate) {
	c.DNSNames, c.IPAddresses = []string{"api.example", "*.api.example"}, []net.IP{net.IPv4(192, 0, 2, 1)}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
}

// TestExamine tells every fault from every other, and finds two where there are two.
func TestExamine(t *testing.T) {
	root := (*signer)(nil).issue(t, "Public Root", authority)
	between := root.issue(t, "Public R1", authority)
	oldBetween := root.issue(t, "Public R0", func(c *x509.Certificate) { authority(c); c.NotAfter = noon.AddDate(0, -1, 0) })
	office := (*signer)(nil).issue(t, "Office Proxy CA", authority)
	good := between.issue(t, "api.example", server)
	when := func(from, to time.Time) func(*x509.Certificate) {
		return func(c *x509.Certificate) { server(c); c.NotBefore, c.NotAfter = from, to }
	}
	late := between.issue(t, "api.example", when(noon.AddDate(0, -3, 0), noon.AddDate(0, 0, -3)))
	early := between.issue(t, "api.example", when(noon.AddDate(0, 0, 2), noon.AddDate(0, 3, 0)))
	forged := office.issue(t, "api.example", server)
	forgedLate := office.issue(t, "api.example", when(noon.AddDate(0, -3, 0), noon.AddDate(0, 0, -3)))
	self := (*signer)(nil).issue(t, "api.example", server)
	appliance := (*signer)(nil).issue(t, "FortiGate", func(c *x509.Certificate) {})
	mail := between.issue(t, "client", func(c *x509.Certificate) { server(c); c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	alone := between.issue(t, "api.example", func(c *x509.Certificate) {
		server(c)
		c.IssuingCertificateURL = []string{"http://public.example/r1.der"}
	})
	newRoot := (*signer)(nil).issue(t, "New Root", func(c *x509.Certificate) { authority(c); c.NotBefore = noon.AddDate(0, 0, -1) })
	older := newRoot.issue(t, "api.example", when(noon.AddDate(0, -3, 0), noon.AddDate(0, 0, -3)))
	rests := oldBetween.issue(t, "api.example", server)
	trusted := x509.NewCertPool()
	trusted.AddCert(root.cert)
	trusted.AddCert(newRoot.cert)
	withSelf := x509.NewCertPool()
	withSelf.AddCert(self.cert)

	for _, c := range []struct {
		about string
		name  string
		roots *x509.CertPool
		chain []*signer
		want  string
	}{
		{"right", "api.example", trusted, []*signer{good, between}, ""},
		{"right, by the wildcard", "x.api.example", trusted, []*signer{good, between}, ""},
		{"right, by the address", "192.0.2.1", trusted, []*signer{good, between}, ""},
		{"another name", "db.example", trusted, []*signer{good, between}, "wrong-name: not for db.example, but for api.example, *.api.example, 192.0.2.1"},
		{"another address", "192.0.2.2", trusted, []*signer{good, between}, "wrong-name: not for 192.0.2.2, but for api.example, *.api.example, 192.0.2.1"},
		{"the wildcard is for one label", "a.b.api.example", trusted, []*signer{good, between}, "wrong-name: not for a.b.api.example, but for api.example, *.api.example, 192.0.2.1"},
		{"expired", "api.example", trusted, []*signer{late, between}, "expired: expired on 2030-06-12, 3 days ago by this host's clock"},
		{"expired before its issuer was made", "api.example", trusted, []*signer{older}, "expired: expired on 2030-06-12, 3 days ago by this host's clock"},
		{"not yet valid", "api.example", trusted, []*signer{early, between}, "not-yet-valid: not valid before 2030-06-17, in 2 days by this host's clock"},
		{"an interceptor", "api.example", trusted, []*signer{forged}, "untrusted-issuer: issued by Office Proxy CA, which this host does not trust"},
		{"an interceptor that sends its root", "api.example", trusted, []*signer{forged, office}, "untrusted-issuer: issued by Office Proxy CA, which this host does not trust"},
		{"an interceptor, expired, wrong name", "db.example", trusted, []*signer{forgedLate}, "expired: expired on 2030-06-12, 3 days ago by this host's clock; " +
			"untrusted-issuer: issued by Office Proxy CA, which this host does not trust; wrong-name: not for db.example, but for api.example, *.api.example, 192.0.2.1"},
		{"self-signed", "api.example", trusted, []*signer{self}, "self-signed: self-signed, and this host does not trust it"},
		{"self-signed, trusted", "api.example", withSelf, []*signer{self}, ""},
		{"self-signed, of no name", "api.example", trusted, []*signer{appliance}, "self-signed: self-signed, and this host does not trust it; wrong-name: not for api.example, nor for any other name"},
		{"for clients", "api.example", trusted, []*signer{mail, between}, "other: certificate specifies an incompatible key usage"},
		{"those between are left out", "api.example", trusted, []*signer{alone}, "untrusted-issuer: issued by Public R1, which this host does not trust; " +
			"the server sends none but its own certificate, as if those between were left out"},
		{"one between has expired", "api.example", trusted, []*signer{rests, oldBetween}, "expired: the certificate of Public R0 that it rests on was valid until 2030-05-15"},
		{"no roots here", "api.example", x509.NewCertPool(), []*signer{good, between}, "untrusted-issuer: issued by Public R1, and this host trusts nobody: it has no root certificates"},
		{"none", "api.example", trusted, nil, "no-certificate: shows no certificate"},
	} {
		t.Run(c.about, func(t *testing.T) {
			state := &tls.ConnectionState{Version: tls.VersionTLS12}
			for _, s := range c.chain {
				state.PeerCertificates = append(state.PeerCertificates, s.cert)
			}
			found := examine(state, c.name, c.roots, noon)
			var got []string
			for _, f := range found.Faults {
				got = append(got, fmt.Sprintf("%s: %s", f.Kind, f.Words))
			}
			if text := strings.Join(got, "; "); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
			if found.Version != "TLS 1.2" {
				t.Errorf("version %q", found.Version)
			}
		})
	}
}
