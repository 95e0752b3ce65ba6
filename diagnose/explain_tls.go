package diagnose

import (
	"fmt"
	"strings"
	"time"
)

func explainMismatch(x *examined, e *explanation) {
	p := x.tls
	e.summary = fmt.Sprintf("%s connected to %s by TLS, and the certificate there is for somebody else: for %s, not for %s",
		x.who(), x.to(), nameList(p.chain[0].Names()), p.host)
	x.sawCertificate(e)
	switch {
	case x.sawInterceptor(e):
	case p.bundle != "" && !p.trusted:
		e.advise("if this network inspects TLS, or shows a login page first: log in, use its proxy, or have %s let through", x.destinationRule())
	default:
		e.saw("the issuer is one that this machine trusts: another server answers, or one that does not know the name")
	}
	e.advise("check the name and the address: does %s really lead to %v? `getent ahosts %[1]s`; a stale /etc/hosts or DNS entry looks like this", p.host, x.Destination.Addr().Unmap())
	e.advise("on the server: have the virtual host or the ingress of %s answer with its own certificate; the default one answers to names that it does not know", p.host)
	e.advise("see it: `openssl s_client -connect %v -servername %s </dev/null | openssl x509 -noout -subject -issuer -ext subjectAltName`", x.Destination, p.host)
}

func explainExpired(x *examined, e *explanation) {
	p := x.tls
	c := &p.chain[0]
	if p.at.Before(c.NotBefore) {
		e.summary = fmt.Sprintf("%s connected to %s by TLS, and the certificate there is not valid before %s", x.who(), x.to(), c.NotBefore.UTC().Format(time.RFC3339))
	} else {
		e.summary = fmt.Sprintf("%s connected to %s by TLS, and the certificate there expired on %s", x.who(), x.to(), c.NotAfter.UTC().Format(time.RFC3339))
	}
	x.sawCertificate(e)
	e.saw("the clock of this machine says %s", p.at.UTC().Format(time.RFC3339))
	x.sawInterceptor(e)
	e.advise("have the certificate renewed, and the server load it: many read it only when they start")
	e.advise("if the clock is wrong: `timedatectl`, `date -u`")
}

func explainUntrusted(x *examined, e *explanation) {
	p := x.tls
	c := &p.chain[0]
	if c.SelfSigned() {
		e.summary = fmt.Sprintf("%s connected to %s by TLS, and the certificate there is signed by itself: nobody vouches for it", x.who(), x.to())
	} else {
		e.summary = fmt.Sprintf("%s connected to %s by TLS, and the certificate there is signed by %s, which this machine does not know: a private authority, a proxy that inspects TLS, or a server that sends an incomplete chain",
			x.who(), x.to(), printable(p.issuer.String()))
	}
	x.sawCertificate(e)
	e.saw("no authority of that name is in %s; a program can have a list of its own", p.bundle)
	x.sawInterceptor(e)
	e.advise("if %s is your own authority's or your proxy's: put its certificate into /usr/local/share/ca-certificates/NAME.crt and run `update-ca-certificates` (Fedora: /etc/pki/ca-trust/source/anchors, `update-ca-trust`)", printable(p.issuer.String()))
	e.advise("for programs with a list of their own: `SSL_CERT_FILE` (OpenSSL, Go, Python), `REQUESTS_CA_BUNDLE` (requests), `NODE_EXTRA_CA_CERTS` (Node), `keytool -importcert -cacerts` (Java), `curl --cacert`")
	if !c.SelfSigned() && len(p.chain) == 1 {
		e.advise("if %s is a public authority's: the server has to send the intermediate certificate as well (nginx: the chain behind its own in ssl_certificate)", printable(p.issuer.String()))
	}
	e.advise("if neither is so, somebody stands between: don't turn the check off")
}

// sawCertificate says what was presented.
func (x *examined) sawCertificate(e *explanation) {
	c, n := &x.tls.chain[0], x.life.Ending
	e.saw("the program left after the server's first answer: %d bytes sent, %d received", n.Sent, n.Received)
	e.saw("a handshake of sallyport's own, for %s, got a certificate for %s, issued by %s, valid from %s to %s",
		orNone(x.tls.host), nameList(c.Names()), printable(c.Issuer.String()), c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
}

// sawInterceptor says who stands between, where that was shown.
func (x *examined) sawInterceptor(e *explanation) bool {
	if x.met == nil {
		return false
	}
	switch v := x.met.visit; {
	case v.Inside.IsValid():
		by := "a process"
		if v.Holder != nil {
			by = processName(v.Holder)
		}
		e.saw("it is not that host which answers, but %s on this machine, at port %d: the packet filter redirects the connection to it", by, v.Inside.Port())
		e.advise("see who redirects: `nft list ruleset` or `iptables-save -t nat`, and look for %d", v.Inside.Port())
	case x.met.at > 0:
		router, _ := x.met.interceptor()
		e.saw("it is not that host which answers, but something at hop %d (%v): a SYN that may go no further was answered", x.met.at, router)
		e.advise("ask whoever runs %v: it intercepts TLS; have its authority's certificate from them, or have %s let through", router, x.destinationRule())
	default:
		return false
	}
	return true
}

func orNone(host string) string {
	if host == "" {
		return "no name"
	}
	return host
}

// nameList is "a, b and 3 more".
func nameList(names []string) string {
	const shown = 4
	for i, n := range names {
		names[i] = printable(n)
	}
	switch {
	case len(names) == 0:
		return "no name"
	case len(names) > shown:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// printable is what a server says with nothing that a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
