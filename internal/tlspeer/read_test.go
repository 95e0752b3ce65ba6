package tlspeer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// issue is a certificate for example.org and others, and its key, signed by itself.
func issue(t testing.TB, key crypto.Signer, sanless bool) tls.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "example.org", Organization: []string{"Example, Ltd"}},
		NotBefore: time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(2060, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if !sanless {
		c.DNSNames, c.IPAddresses = []string{"example.org", "*.example.net"}, []net.IP{{192, 0, 2, 1}, net.ParseIP("2001:db8::1")}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func keys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": r, "ECDSA": e, "Ed25519": ed}
}

// serve answers one handshake as config says.
func serve(t testing.TB, config *tls.Config) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	go func() { // ends when the client closes
		_ = tls.Server(server, config).Handshake()
		server.Close()
	}()
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	return client
}

func TestRead(t *testing.T) {
	for kind, key := range keys(t) {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, curve := range []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} { // the last two are asked for again
				t.Run(kind+" "+tls.VersionName(version)+" "+curve.String(), func(t *testing.T) {
					asked := ""
					own := issue(t, key, false)
					chain, err := Read(serve(t, &tls.Config{
						MinVersion: version, MaxVersion: version, CurvePreferences: []tls.CurveID{curve},
						GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
							asked = h.ServerName
							return &own, nil
						},
					}), "www.example.net")
					if err != nil {
						t.Fatal(err)
					}
					c := chain[0]
					if len(chain) != 1 || asked != "www.example.net" || c.Subject.CN != "example.org" || !c.SelfSigned() ||
						!slices.Equal(c.DNSNames, []string{"example.org", "*.example.net"}) || c.NotAfter.Year() != 2060 ||
						!slices.Contains(c.Addresses, netip.MustParseAddr("2001:db8::1")) {
						t.Errorf("asked for %q, got %+v", asked, chain)
					}
				})
			}
		}
	}
}

func TestReadRefused(t *testing.T) {
	_, err := Read(serve(t, &tls.Config{}), "example.org") // it has no certificate
	var alert AlertError
	if !errors.As(err, &alert) {
		t.Errorf("got %v, want an alert", err)
	}
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		b := make([]byte, 4096)
		_, _ = server.Read(b)
		_, _ = server.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
		server.Close()
	}()
	if _, err := Read(client, "example.org"); !errors.Is(err, errNotTLS) {
		t.Errorf("got %v, want %v", err, errNotTLS)
	}
}

func TestFor(t *testing.T) {
	key := keys(t)["ECDSA"]
	full, err := parse(issue(t, key, false).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	bare, err := parse(issue(t, key, true).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		c    Certificate
		host string
		want bool
	}{
		{full, "example.org", true},
		{full, "EXAMPLE.org.", true},
		{full, "www.example.net", true},
		{full, "example.net", false},
		{full, "a.www.example.net", false},
		{full, ".example.net", false},
		{full, "www.example.org", false},
		{full, "192.0.2.1", true},
		{full, "::ffff:192.0.2.1", true},
		{full, "192.0.2.2", false},
		{full, "2001:db8::1", true},
		{bare, "example.org", true},
		{bare, "www.example.org", false},
		{bare, "192.0.2.1", false},
		{full, "", false},
	} {
		if got := tt.c.For(tt.host); got != tt.want {
			t.Errorf("%v for %q: %v", tt.c.Names(), tt.host, got)
		}
	}
}

func TestRoots(t *testing.T) {
	n := func(s string) Name { return Name{Raw: []byte(s), Text: "CN=" + s, CN: s} }
	r := Roots{names: []Name{n("root")}}
	cert := func(subject, issuer string) Certificate { return Certificate{Subject: n(subject), Issuer: n(issuer)} }
	for _, tt := range []struct {
		name  string
		chain []Certificate
		last  string
		want  bool
	}{
		{"the root's own", []Certificate{cert("host", "root")}, "root", true},
		{"by an intermediate", []Certificate{cert("host", "between"), cert("between", "root")}, "root", true},
		{"with the root, out of order", []Certificate{cert("host", "between"), cert("root", "root"), cert("between", "root")}, "root", true},
		{"without the intermediate", []Certificate{cert("host", "between")}, "between", false},
		{"another's", []Certificate{cert("host", "proxy"), cert("proxy", "proxy")}, "proxy", false},
		{"self-signed", []Certificate{cert("host", "host")}, "host", false},
		{"in a circle", []Certificate{cert("host", "a"), cert("a", "b"), cert("b", "a")}, "", false},
		{"none", nil, "", false},
	} {
		last, ok := r.Lead(tt.chain)
		if ok != tt.want || tt.last != "" && last.CN != tt.last {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, last.CN, ok, tt.last, tt.want)
		}
	}
}

// TestReadRoots reads this machine's, of which every one has a name.
func TestReadRoots(t *testing.T) {
	r, ok := ReadRoots()
	if !ok {
		t.Skip("needs the certificates of authorities (Debian's package ca-certificates)")
	}
	for _, n := range r.names {
		if n.Text == "" || !r.Know(n) {
			t.Errorf("%+v", n)
		}
	}
	if len(r.names) < 50 {
		t.Errorf("%d authorities in %s", len(r.names), r.Path)
	}
}

// replay is a server that says the same whatever it hears.
type replay struct{ b []byte }

func (r *replay) Write(b []byte) (int, error) { return len(b), nil }

func (r *replay) Read(b []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, errors.New("end")
	}
	n := copy(b, r.b)
	r.b = r.b[n:]
	return n, nil
}

// recording keeps what a server says.
type recording struct {
	net.Conn
	b []byte
}

func (r *recording) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.b = append(r.b, b[:n]...)
	return n, err
}

func FuzzRead(f *testing.F) {
	for _, key := range keys(f) {
		own := issue(f, key, false)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			r := &recording{Conn: serve(f, &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{own}, CurvePreferences: []tls.CurveID{tls.CurveP384}})}
			_, _ = Read(r, "example.org")
			f.Add(r.b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		chain, err := Read(&replay{b}, "example.org")
		if err == nil && len(chain) == 0 {
			t.Error("no certificate, and no error")
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, key := range keys(f) {
		f.Add(issue(f, key, false).Certificate[0])
		f.Add(issue(f, key, true).Certificate[0])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parse(b); err == nil {
			c.Names()
			c.For("example.org")
			if !c.Issuer.Is(c.Issuer) {
				t.Error("a name is not its own")
			}
		}
	})
}
