//go:build linux

package measure

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// soon is how long before its end a certificate's end is told.
const soon = 14 * 24 * time.Hour

// maxNames is how many names of a certificate are told.
const maxNames = 3

// systemRoots are what this host trusts, read once.
var systemRoots = sync.OnceValue(func() *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return x509.NewCertPool()
	}
	return pool
})

// examine finds what a client that verifies would find, each fault by itself.
func examine(state *tls.ConnectionState, name string, roots *x509.CertPool, now time.Time) *probe.TLS {
	t := &probe.TLS{Version: tls.VersionName(state.Version), ALPN: clean(state.NegotiatedProtocol)}
	chain := state.PeerCertificates
	if len(chain) == 0 {
		fault(t, probe.NoCertificate, "shows no certificate")
		return t
	}
	if roots == nil {
		roots = systemRoots()
	}
	leaf := chain[0]
	t.Names, t.Issuer, t.NotBefore, t.NotAfter = namesOf(leaf), nameOf(leaf.Issuer), leaf.NotBefore, leaf.NotAfter
	at := now // a time at which the certificate is valid, for what has nothing to do with time
	switch {
	case now.After(leaf.NotAfter):
		fault(t, probe.Expired, fmt.Sprintf("expired on %s, %s ago by this host's clock", day(leaf.NotAfter), span(now.Sub(leaf.NotAfter))))
		at = leaf.NotAfter
	case now.Before(leaf.NotBefore):
		fault(t, probe.NotYetValid, fmt.Sprintf("not valid before %s, in %s by this host's clock", day(leaf.NotBefore), span(leaf.NotBefore.Sub(now))))
		at = leaf.NotBefore
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at})
	trust(t, err, chain, roots)
	if leaf.VerifyHostname(name) != nil {
		fault(t, probe.WrongName, "not for "+name+wrongName(t.Names))
	}
	return t
}

func fault(t *probe.TLS, kind probe.FaultKind, words string) {
	t.Faults = append(t.Faults, probe.Fault{Kind: kind, Words: words})
}

// trust takes the error of a verification at a time when the server's own certificate was valid.
func trust(t *probe.TLS, err error, chain []*x509.Certificate, roots *x509.CertPool) {
	leaf := chain[0]
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
	case errors.As(err, &unknown) && roots.Equal(x509.NewCertPool()):
		fault(t, probe.UntrustedIssuer, "issued by "+t.Issuer+", and this host trusts nobody: it has no root certificates")
	case errors.As(err, &unknown) && bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		fault(t, probe.SelfSigned, "self-signed, and this host does not trust it")
	case errors.As(err, &unknown):
		words := "issued by " + lastIssuer(chain) + ", which this host does not trust"
		if len(chain) == 1 && len(leaf.IssuingCertificateURL) > 0 {
			words += "; the server sends none but its own certificate, as if those between were left out"
		}
		fault(t, probe.UntrustedIssuer, words)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && len(t.Faults) > 0: // at another time than now, that tells nothing
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		fault(t, probe.Expired, "the certificate of "+nameOf(invalid.Cert.Subject)+" that it rests on was valid until "+day(invalid.Cert.NotAfter))
	default:
		fault(t, probe.OtherFault, clean(strings.TrimPrefix(err.Error(), "x509: ")))
	}
}

// lastIssuer is the name at the end of a chain that leads nowhere.
func lastIssuer(chain []*x509.Certificate) string {
	c := chain[0]
	for range chain {
		i := slices.IndexFunc(chain, func(o *x509.Certificate) bool {
			return bytes.Equal(o.RawSubject, c.RawIssuer) && !bytes.Equal(o.RawSubject, o.RawIssuer)
		})
		if i < 0 {
			break
		}
		c = chain[i]
	}
	return nameOf(c.Issuer)
}

func nameOf(n pkix.Name) string {
	name := n.CommonName
	if name == "" {
		name = n.String()
	}
	return clean(name)
}

// namesOf are the names and addresses that a certificate is for. The common name is none of them for any client of today (RFC 9525).
func namesOf(c *x509.Certificate) []string {
	var names []string
	for _, n := range c.DNSNames {
		names = append(names, clean(n))
	}
	for _, a := range c.IPAddresses {
		names = append(names, a.String())
	}
	return names
}

func wrongName(names []string) string {
	if len(names) == 0 {
		return ", nor for any other name"
	}
	return ", but for " + some(names)
}

func some(names []string) string {
	text := strings.Join(names[:min(len(names), maxNames)], ", ")
	if n := len(names) - maxNames; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// span is a duration in days where it has some.
func span(d time.Duration) string {
	if n := int(d.Hours() / 24); n > 1 {
		return fmt.Sprintf("%d days", n)
	}
	return attempt.DurationText(d.Round(time.Minute))
}

// words are for people. bare is where the version has been told.
func tlsWords(t *probe.TLS, bare bool) []string {
	var list []string
	if !bare {
		list = append(list, t.Version)
	}
	if t.ALPN != "" {
		list = append(list, "ALPN "+t.ALPN)
	}
	untrusted, wrong, late := false, false, false
	for _, f := range t.Faults {
		untrusted = untrusted || f.Kind == probe.UntrustedIssuer || f.Kind == probe.SelfSigned || f.Kind == probe.NoCertificate
		wrong = wrong || f.Kind == probe.WrongName || f.Kind == probe.NoCertificate
		late = late || f.Kind == probe.Expired || f.Kind == probe.NotYetValid || f.Kind == probe.NoCertificate
	}
	if !wrong && len(t.Names) > 0 {
		list = append(list, "certificate for "+some(t.Names))
	}
	if !untrusted {
		list = append(list, "issued by "+t.Issuer)
	}
	if left := time.Until(t.NotAfter); !late && left < soon {
		list = append(list, "expires in "+span(left))
	} else if !late {
		list = append(list, "valid until "+day(t.NotAfter))
	}
	for _, f := range t.Faults {
		list = append(list, "certificate "+f.Words)
	}
	if t.AsksForCertificate {
		list = append(list, "asks for a client's certificate")
	}
	return list
}
