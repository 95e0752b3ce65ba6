package measure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// peer is the far end of a protocol, of a few fixed bytes: what it says first, and what it answers to each thing that comes.
type peer struct {
	service string // what a right handshake says of it
	says    []string
	answers func(asked []byte) []byte // for those that have to read what was asked; of UDP too
	tls     bool
	alpn    string
}

var peers = map[string]peer{
	"smtp":       {service: "smtp", says: []string{"220 mail.example ESMTP Test\r\n", "250-mail.example\r\n250-8BITMIME\r\n250 STARTTLS\r\n", "221 bye\r\n"}},
	"ssh":        {service: "ssh", says: []string{"SSH-2.0-Test_1.0 x\r\n"}},
	"irc":        {service: "irc", says: []string{":irc.example NOTICE * :*** Looking up your hostname...\r\n"}},
	"http":       {service: "http", says: []string{"", "HTTP/1.1 404 Not Found\r\nServer: test\r\nContent-Length: 0\r\n\r\n"}},
	"h2c":        {service: "h2c", says: []string{"", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80"}},
	"amqp":       {service: "amqp", says: []string{"", testAMQPStart}},
	"amqp1":      {service: "amqp1", says: []string{"", amqpSASL + "\x00\x00\x00\x15\x02\x01\x00\x00\x00\x53\x40\xc0\x08\x01\xa3\x05PLAIN"}},
	"mongodb":    {service: "mongodb", says: []string{"", testMongo(1), testMongo(2)}},
	"postgres":   {service: "postgres", says: []string{"", "N", "N"}},
	"mysql":      {service: "mysql", says: []string{testMySQL}},
	"redis":      {service: "redis", says: []string{"", "+PONG\r\n", "$30\r\n# Server\r\nredis_version:7.0.15\r\n\r\n"}},
	"memcached":  {service: "memcached", says: []string{"", "VERSION 1.6.18\r\n"}},
	"kafka":      {service: "kafka", says: []string{"", "\x00\x00\x00\x16\x00\x00\x5a\x11\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x09\x00\x12\x00\x00\x00\x04"}},
	"ldap":       {service: "ldap", says: []string{"", testLDAP}},
	"mqtt":       {service: "mqtt", says: []string{"", "\x20\x02\x00\x02"}},
	"socks5":     {service: "socks5", says: []string{"", "\x05\x00"}},
	"http-proxy": {service: "http-proxy", says: []string{"", "HTTP/1.1 502 Bad Gateway\r\nVia: 1.1 test\r\n\r\n"}},
	"dns":        {service: "dns", answers: testDNS},
	"ntp":        {service: "ntp", answers: testNTP},
	"quic":       {service: "quic", answers: testQUIC},
	"tls":        {service: "tls", tls: true},
	"https":      {service: "https", tls: true, alpn: "http/1.1", says: []string{"", "HTTP/1.1 200 OK\r\nServer: test\r\n\r\n"}},
	"h2":         {service: "h2", tls: true, alpn: "h2", says: []string{"", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"}},
}

const (
	testAMQPStart = "\x01\x00\x00\x00\x00\x00\x40\x00\x0a\x00\x0a\x00\x09" +
		"\x00\x00\x00\x24\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x02\x33\x31" + "\x00\x00\x00\x05PLAIN" + "\x00\x00\x00\x05en_US\xce"
	testMySQL = "\x44\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00\x01\x00\x00\x0012345678\x00\xfe\xff\x2d\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"123456789012\x00x"
	testLDAP = "\x30\x26\x02\x01\x01\x64\x21\x04\x00\x30\x1d\x30\x1b\x04\x14supportedLDAPVersion\x31\x03\x04\x013"
)

func testMongo(id uint32) string {
	le := binary.LittleEndian.AppendUint32
	fields := append(le([]byte("\x10maxWireVersion\x00"), 21), "\x02version\x00\x07\x00\x00\x007.0.42\x00\x08ok\x00\x01\x00"...)
	doc := append(le(nil, uint32(4+len(fields))), fields...)
	b := le(le(le(le(nil, uint32(16+5+len(doc))), 99), id), opMsg)
	return string(append(append(b, 0, 0, 0, 0, 0), doc...))
}

// testDNS answers to a datagram; framed adds and takes the length that TCP has.
func testDNS(asked []byte) []byte {
	if len(asked) < 12 {
		return nil
	}
	b := append([]byte{}, asked...)
	b[2], b[3] = 0x81, 0x80
	return b
}

func framed(answer func([]byte) []byte) func([]byte) []byte {
	return func(asked []byte) []byte {
		if len(asked) < 2 {
			return nil
		}
		b := answer(asked[2:])
		return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
	}
}

func testNTP(asked []byte) []byte {
	if len(asked) != 48 {
		return nil
	}
	b := make([]byte, 48)
	b[0], b[1] = 4<<3|4, 2
	copy(b[24:], asked[40:])
	now := uint32(time.Now().Unix() + ntpEpoch)
	binary.BigEndian.PutUint32(b[32:], now)
	binary.BigEndian.PutUint32(b[40:], now)
	return b
}

func testQUIC(asked []byte) []byte {
	if len(asked) < quicSize {
		return nil
	}
	to, from := asked[6:14], asked[15:23]
	b := append([]byte{0x80, 0, 0, 0, 0, 8}, from...)
	b = append(append(b, 8), to...)
	return append(b, 0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf)
}

// serve is the peer on a connection, which it leaves open until the other end closes.
func (p *peer) serve(c net.Conn) {
	if p.tls {
		t := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{testCertificate()}, NextProtos: []string{p.alpn}})
		if t.Handshake() != nil {
			return
		}
		c = t
	}
	b := make([]byte, 4096)
	for i, text := range p.says {
		if i > 0 {
			if n, err := c.Read(b); n == 0 || err != nil {
				return
			}
		}
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		if p.answers != nil {
			if _, err := c.Write(framed(p.answers)(b[:n])); err != nil {
				return
			}
		}
	}
}

var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"test.example"},
	}
	der, _ := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// listen serves connections by f, each in a goroutine of its own, which ends with the test.
func listen(t testing.TB, f func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ends sync.WaitGroup
	ends.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ends.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				f(c)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); ends.Wait() })
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// listenUDP answers datagrams by f.
func listenUDP(t testing.TB, f func([]byte) [][]byte) netip.AddrPort {
	t.Helper()
	p, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ends sync.WaitGroup
	ends.Go(func() {
		b := make([]byte, 4096)
		for {
			n, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			for _, answer := range f(b[:n]) {
				_, _ = p.WriteTo(answer, from)
			}
		}
	})
	t.Cleanup(func() { _ = p.Close(); ends.Wait() })
	return p.LocalAddr().(*net.UDPAddr).AddrPort()
}
