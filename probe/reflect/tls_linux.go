package reflect

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"slices"
	"time"
)

// newCertificate makes a certificate of the reflector's own. It proves nothing by itself: the sealed answer names it, and who sees another one
// has somebody between.
func newCertificate() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-24 * time.Hour), // for clients whose clocks are behind
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Fingerprint is how a certificate is named in answers.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// secure makes a TLS handshake, which takes no token, and goes on inside of it.
func (c *conn) secure(in *bufio.Reader) bool {
	seen := &SeenTLS{Certificate: Fingerprint(c.s.certificate.Certificate[0])}
	outer := &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			seen.ServerName = hello.ServerName[:min(len(hello.ServerName), 255)]
			for _, p := range hello.SupportedProtos[:min(len(hello.SupportedProtos), 8)] {
				seen.ALPN = append(seen.ALPN, p[:min(len(p), 32)])
			}
			inner := &tls.Config{
				Certificates: []tls.Certificate{*c.s.certificate}, MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true,
				CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384}, // strangers get no more work of us than that
			}
			if slices.Contains(hello.SupportedProtos, "http/1.1") { // else none is agreed on, and the client goes on or not
				inner.NextProtos = []string{"http/1.1"}
			}
			return inner, nil
		},
	}
	t := tls.Server(&buffered{TCPConn: c.sock, in: in}, outer)
	if err := t.Handshake(); err != nil {
		return false
	}
	seen.Version = tls.VersionName(t.ConnectionState().Version)
	c.tls = seen
	answered := c.talk(bufio.NewReader(t), t)
	if answered {
		_ = t.CloseWrite()
	}
	return answered
}

// buffered is a connection of which some bytes have been read.
type buffered struct {
	*net.TCPConn
	in *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.in.Read(p) }
