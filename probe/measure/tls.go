//go:build linux

package measure

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/probe"
)

// maxTLS is how many bytes of TLS are read: a chain of certificates alone may have 20,000.
const maxTLS = 256 << 10

// greetTLS is for services of which nothing but TLS is known: the handshake was all.
func greetTLS(s *session) (*probe.Answer, error) { return &probe.Answer{Service: "tls"}, nil }

// tlsRefused is an alert: TLS it is.
type tlsRefused struct{ words string }

func (e *tlsRefused) Error() string { return "refuses this client by a TLS alert: " + e.words }

// secure makes a TLS handshake, asking for the target's name, and goes on inside of it. Whatever certificate comes, the handshake goes on:
// nothing secret is sent, and the finding says what a client that verifies would find.
func (s *session) secure(alpn ...string) (*probe.TLS, error) {
	return s.secureAs(s.a.Name, s.name(), alpn...) // RFC 6066, section 3: a server name is never an address
}

// secureAs is secure with another name to ask for, "" for none, and another that the certificate has to be for.
func (s *session) secureAs(ask, name string, alpn ...string) (*probe.TLS, error) {
	if s.in.Buffered() > 0 { // nothing that came before may be taken for what is said inside
		return nil, errOther
	}
	if err := s.step(); err != nil {
		return nil, err
	}
	raw := &rawConn{s: s, conn: s.conn}
	asks := false
	c := tls.Client(raw, &tls.Config{
		ServerName:         ask,
		NextProtos:         alpn,
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		CipherSuites:       allSuites(),
		// Without the post-quantum groups the hello is one segment.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asks = true
			return &tls.Certificate{}, nil
		},
	})
	begin := time.Now()
	if err := c.Handshake(); err != nil {
		return nil, tlsError(s, err)
	}
	took := time.Since(begin)
	raw.inside = true
	state := c.ConnectionState()
	found := examine(&state, name, s.roots, time.Now())
	found.AsksForCertificate, found.Took = asks, took
	s.conn, s.first, s.read = c, nil, 0
	s.in.Reset(s)
	return found, nil
}

// name is what the certificate has to be for.
func (s *session) name() string {
	if s.a.Name != "" {
		return s.a.Name
	}
	return s.a.Destination.Addr().WithZone("").String()
}

// bye says that nothing more comes (RFC 8446, section 6.1), so that servers log no broken connection.
func (s *session) bye() {
	switch c := s.conn.(type) {
	case *tls.Conn:
		_ = c.CloseWrite()
	case tunnel:
		_ = c.CloseWrite()
	}
}

// tlsError is the error of a handshake for people. Those that tell nothing of TLS stay what they are.
func tlsError(s *session, err error) error {
	var errno syscall.Errno
	var head tls.RecordHeaderError
	switch {
	case alertOf(err) != "":
		return &tlsRefused{alertOf(err)}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &errno):
		if s.read == 0 && errors.Is(err, io.EOF) {
			return errors.New("closed the connection at the TLS hello")
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return io.EOF
		}
		return err
	case errors.As(err, &head):
		return errOther
	case errors.Is(err, errTooMuch):
		return err
	}
	return &malformedTLS{trimTLS(err)}
}

// alertOf is the alert that ended TLS; "" where none did.
func alertOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return trimTLS(op.Err)
	}
	return ""
}

// malformedTLS is what no TLS has; also what an implementation has that is older than TLS 1.0.
type malformedTLS struct{ words string }

func (e *malformedTLS) Error() string { return "malformed TLS: " + e.words }

func trimTLS(err error) string {
	text := err.Error()
	if len(text) > 5 && text[:5] == "tls: " {
		text = text[5:]
	}
	return clean(text)
}

// allSuites are all that there are: old servers are found too.
func allSuites() []uint16 {
	var ids []uint16
	for _, list := range [][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
		for _, suite := range list {
			ids = append(ids, suite.ID)
		}
	}
	return ids
}

// rawConn is the socket as crypto/tls wants it.
type rawConn struct {
	s      *session
	conn   io.ReadWriter
	read   int
	inside bool // the handshake is over: what comes is not for people
}

func (c *rawConn) Read(b []byte) (int, error) {
	if c.read >= maxTLS {
		return 0, fmt.Errorf("%w", errTooMuch)
	}
	n, err := c.conn.Read(b)
	c.read += n
	if !c.inside {
		c.s.read += n
		c.s.note(b[:n])
	}
	return n, err
}

func (c *rawConn) Write(b []byte) (int, error)        { return c.conn.Write(b) }
func (c *rawConn) Close() error                       { return nil } // whoever opened the socket closes it
func (c *rawConn) LocalAddr() net.Addr                { return &net.TCPAddr{} }
func (c *rawConn) RemoteAddr() net.Addr               { return net.TCPAddrFromAddrPort(c.s.a.Destination) }
func (c *rawConn) SetDeadline(t time.Time) error      { return c.s.socket.SetDeadline(t) }
func (c *rawConn) SetReadDeadline(time.Time) error    { return nil }
func (c *rawConn) SetWriteDeadline(t time.Time) error { return nil } // that of the step holds
