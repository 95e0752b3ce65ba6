package diagnose

import (
	"context"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/tlspeer"
)

// tlsPorts are ports where TLS comes first (IANA's registry, and usual ones).
var tlsPorts = []uint16{
	443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2376, 2379, 3269, 5061, 5671, 5986, 6443, 6514, 6697, 8443, 8531, 8883, 9093, 9443,
}

// tlsSchemes are the ports of URLs that ask for TLS.
var tlsSchemes = map[string]uint16{
	"https": 443, "wss": 443, "ldaps": 636, "imaps": 993, "pop3s": 995, "smtps": 465, "ftps": 990, "amqps": 5671, "ircs": 6697, "mqtts": 8883, "rediss": 6379,
}

const (
	tlsDestinations = 4   // that are asked for their certificate
	leastFlight     = 300 // bytes that a server hello and a certificate have
	skew            = 5 * time.Minute
)

// presented is what a TLS server presented to a handshake of sallyport's own.
type presented struct {
	host    string // whom the program wanted; "" where that is not known
	chain   []tlspeer.Certificate
	issuer  tlspeer.Name // the last one that the chain leads to
	bundle  string       // the file of authorities that it was looked up in; "" where there is none
	trusted bool         // the issuer's name is in there
	at      time.Time
	took    time.Duration
}

// certificates adds a finding for each TLS server whose certificate the program can't have liked, where it left after the server's
// first answer and ended badly, and nothing else explains that.
func (v *Investigation) certificates(ctx context.Context, rec *record, folded *folder) {
	if !v.ranBadly() || len(folded.findings) > 0 || v.options.NoCounterfactuals {
		return
	}
	seen := make(map[netip.AddrPort]*presented)
	for i := range rec.all {
		m := &rec.all[i]
		if !v.leftHandshake(rec, m) || !stands(m.life) {
			continue
		}
		p, asked := seen[m.Destination]
		if !asked {
			if len(seen) == tlsDestinations {
				break
			}
			p = v.present(ctx, m)
			seen[m.Destination] = p
		}
		if p == nil || p.cause() == "" {
			continue
		}
		x := &examined{made: m, experiment: &experiment{}, facts: v.facts(), rec: rec, options: v.options, tls: p}
		if f := v.facts(); !f.local(m.Destination.Addr()) {
			x.met = v.meet(ctx, m)
		}
		x.cfs = []Counterfactual{{
			Change: "a TLS handshake of sallyport's own", Attempt: attempt.Attempt{Protocol: m.Protocol, Destination: m.Destination, Name: m.Name},
			Outcome: attempt.Outcome{Kind: attempt.Connected}, Detail: "and read the certificate", Took: p.took,
		}}
		folded.finding(m, x.finding())
	}
}

// leftHandshake reports whether a TLS client can have left when it saw the certificate. It has sent its hello then and at most an alert;
// one that went on has sent the end of the handshake, and its question, as well. curl and wget look at the name only when the handshake has ended,
// and say by their exit status that they did not like the certificate.
func (v *Investigation) leftHandshake(rec *record, m *made) bool {
	e := m.life.Ending
	if !m.connected() || m.Decided || m.Protocol != attempt.TCP || e == nil || e.Wiped || rec.resolvers[m.life.Cookie] {
		return false
	}
	if r, ok := connection(m.life); !ok || r.First != m.First {
		return false
	}
	if _, port := urlHost(m); !port && !slices.Contains(tlsPorts, m.Destination.Port()) {
		return false
	}
	most := 2
	if e.MSS > 0 {
		most += int(e.Sent) / e.MSS
	}
	return e.Received >= leastFlight && e.DataSegsOut > 0 && (e.DataSegsOut <= most || v.toldCertificate(m))
}

// toldCertificate reports whether the program's exit status says that a certificate was not taken: EXIT CODES of curl(1), EXIT STATUS of wget(1).
func (v *Investigation) toldCertificate(m *made) bool {
	p := m.life.Process
	if p == nil {
		return false
	}
	switch filepath.Base(p.Exe) {
	case "curl":
		return v.status == 60 || v.status == 51
	case "wget":
		return v.status == 5
	}
	return false
}

// urlHost is the host of the one URL with TLS on the program's command line that leads to the attempt's port; ok is false where there is
// none, and the host "" where there are several.
func urlHost(m *made) (host string, ok bool) {
	if m.life.Process == nil {
		return "", false
	}
	for _, arg := range m.life.Process.Command {
		u, err := url.Parse(arg)
		if err != nil || tlsSchemes[u.Scheme] == 0 || u.Hostname() == "" {
			continue
		}
		port := int(tlsSchemes[u.Scheme])
		if p, err := strconv.Atoi(u.Port()); err == nil {
			port = p
		}
		if port != int(m.Destination.Port()) {
			continue
		}
		if ok && host != u.Hostname() {
			return "", true
		}
		host, ok = u.Hostname(), true
	}
	return host, ok
}

// wanted is the host whom the program wanted to talk to; "" where that is not known.
func wanted(m *made) string {
	if host, _ := urlHost(m); host != "" {
		return host
	}
	if m.Name != "" {
		return m.Name
	}
	if p := m.life.Process; p != nil && slices.Contains(p.Command, m.Destination.Addr().Unmap().String()) {
		return m.Destination.Addr().Unmap().String()
	}
	return ""
}

// present asks a server for its certificate; nil where that is not to be had.
func (v *Investigation) present(ctx context.Context, m *made) *presented {
	ctx, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	p := &presented{host: wanted(m), at: v.now()}
	conn, err := v.dial(ctx, m.pid(), m.Destination)
	if err != nil {
		return nil
	}
	defer conn.Close()
	if p.chain, err = tlspeer.Read(conn, p.host); err != nil {
		return nil
	}
	p.took = v.now().Sub(p.at)
	if roots, ok := tlspeer.ReadRoots(); ok {
		p.bundle = roots.Path
		p.issuer, p.trusted = roots.Lead(p.chain)
	}
	return p
}

// cause names what is wrong with the certificate; "" where nothing is.
func (p *presented) cause() string {
	c := &p.chain[0]
	switch {
	case p.host != "" && !c.For(p.host):
		return CertificateMismatch
	case p.at.After(c.NotAfter.Add(skew)) || p.at.Before(c.NotBefore.Add(-skew)):
		return CertificateExpired
	case p.bundle != "" && !p.trusted:
		return CertificateUntrusted
	}
	return ""
}

func refineTLS(x *examined) string {
	if x.tls == nil {
		return ""
	}
	return x.tls.cause()
}
