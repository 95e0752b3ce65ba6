package testhost

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// PortTLS is where TLSServer listens.
const PortTLS = 443

// Authority signs certificates. The zero value is none.
type Authority struct {
	Path string // its own certificate, PEM
	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority makes one that nobody trusts yet.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	a := &Authority{}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	var der []byte
	der, a.key = sign(t, c, c, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.Path = writeFile(t, tempDir(t), "ca.pem", 0o644, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

func sign(t testing.TB, c, by *x509.Certificate, with crypto.Signer) ([]byte, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if with == nil {
		with = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), with)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// issue writes a certificate for names and addresses, and its key, into dir; it was valid until then.
func (a *Authority) issue(t testing.TB, dir string, until time.Time, names ...string) {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: names[0]},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	der, key := sign(t, c, a.cert, a.key)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Issue makes a certificate for these names, and returns the files of it and its key.
func (a *Authority) Issue(t testing.TB, names ...string) (cert, key string) {
	t.Helper()
	dir := tempDir(t)
	a.issue(t, dir, soonEnough(), names...)
	return dir + "/cert.pem", dir + "/key.pem"
}

// TLSServer starts nginx on PortTLS of both families, with a certificate of a's that is valid until then. protocols are nginx's: "TLSv1.2 TLSv1.3".
// It answers "hello\n" to /, and that it found nothing to all else.
func TLSServer(h *Host, a *Authority, protocols string, until time.Time, names ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "nginx", "nginx-light")
	dir := tempDir(h.t)
	a.issue(h.t, dir, until, names...)
	conf := writeFile(h.t, dir, "nginx.conf", 0o644,
		"daemon off; user www-data; worker_processes 1;",
		"pid "+dir+"/pid; error_log stderr notice;",
		"events { worker_connections 64; }",
		"http {",
		"  access_log off;",
		"  client_body_temp_path "+dir+"/body; proxy_temp_path "+dir+"/proxy; fastcgi_temp_path "+dir+"/fastcgi;",
		"  uwsgi_temp_path "+dir+"/uwsgi; scgi_temp_path "+dir+"/scgi;",
		fmt.Sprintf("  server { listen %d ssl; listen [::]:%d ssl; default_type text/plain;", PortTLS, PortTLS),
		"    ssl_certificate "+dir+"/cert.pem; ssl_certificate_key "+dir+"/key.pem; ssl_protocols "+protocols+";",
		`    location = / { return 200 "hello\n"; }`,
		`    location / { return 404; } }`,
		"}")
	s := h.serve(nil, bin, "-p", dir, "-e", "stderr", "-c", conf)
	h.AwaitListen(s, PortTLS)
	return s
}
