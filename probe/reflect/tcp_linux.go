package reflect

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// conn is one connection, TCP or TLS over it.
type conn struct {
	s     *Server
	place *place
	sock  *net.TCPConn
	left  int // bytes that are still read of the socket

	peer, local netip.AddrPort
	proven      bool
	tls         *SeenTLS
}

// Read reads the socket, as much as one connection may send.
func (c *conn) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("sent too much")
	}
	n, err := c.sock.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// serve is the whole life of a connection.
func (c *conn) serve() {
	defer c.s.places.leave(c.place)
	defer c.sock.Close()
	_ = c.sock.SetDeadline(time.Now().Add(unprovenTime))
	c.left = unprovenBytes
	in := bufio.NewReader(c)
	if answered := c.talk(in, c.sock); !answered {
		_ = c.sock.SetLinger(0) // nothing of it stays in the kernel
		return
	}
	// The client knows where the answer ends. To close before it has read all that it was sent would reset the connection (RFC 1122, section 4.2.2.13).
	_ = c.sock.SetDeadline(time.Now().Add(lingerTime))
	c.s.places.finished(c.place)
	_, _ = io.Copy(io.Discard, in)
}

// talk finds out by the first byte what is spoken, and answers. It reports whether it did.
func (c *conn) talk(in *bufio.Reader, out io.Writer) bool {
	b, err := in.Peek(1)
	switch {
	case err != nil:
		return false
	case b[0] == Prefix[0]:
		return c.bare(in, out)
	case b[0] >= 'A' && b[0] <= 'Z':
		return c.http(in, out)
	case b[0] == 0x16 && c.tls == nil: // a handshake record (RFC 8446, section 5.1)
		return c.secure(in)
	}
	return false
}

// proves notes that the token was proved, which gives the connection more time and bytes. It is false where the connection is over.
func (c *conn) proves() bool {
	if !c.proven && !c.s.places.proved(c.place) {
		return false
	}
	if !c.proven {
		c.left += provenBytes
	}
	c.proven = true
	_ = c.sock.SetDeadline(time.Now().Add(provenTime))
	return true
}

// maxRequests on one connection: one whose time was too far off, and the next.
const maxRequests = 2

// bare answers the protocol on its own.
func (c *conn) bare(in *bufio.Reader, out io.Writer) bool {
	for range maxRequests {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return c.proven
		}
		text, _, ok := CutLine(line)
		if !ok {
			return c.proven
		}
		p, f, ok := c.s.admit(text)
		if !ok || !c.proves() {
			return c.proven
		}
		came := c.body(in, p.Length)
		more, _ := in.Peek(min(in.Buffered(), 1)) // one byte too many says enough
		came = append(came, more...)
		s := c.seen()
		if f == stale {
			s = &Seen{Time: s.Time, Stale: true}
			if _, err := io.WriteString(out, Line(c.s.token.seal(&p, s))); err != nil {
				return true
			}
			continue
		}
		s.Bytes = c.s.bytes(&p, came)
		b := append([]byte(Line(c.s.token.seal(&p, s))), c.s.token.Body(&p, Back, p.Length)...)
		c.s.note(s)
		_, _ = out.Write(b)
		return true
	}
	return true
}

// body reads what was announced, or as much of it as comes: what is missing was taken away on the way, and the answer says so.
func (c *conn) body(in io.Reader, length int) []byte {
	b := make([]byte, length)
	until := time.Now().Add(provenTime)
	n := 0
	for n < length {
		idle := time.Now().Add(idleTime)
		if idle.After(until) {
			break
		}
		_ = c.sock.SetReadDeadline(idle)
		m, err := in.Read(b[n:])
		n += m
		if err != nil {
			break
		}
	}
	_ = c.sock.SetReadDeadline(until)
	return b[:n]
}

// seen is what an answer begins with.
func (c *conn) seen() *Seen {
	return &Seen{Time: time.Now().UnixMilli(), Peer: c.peer, Local: c.local, Protocol: "tcp", TLS: c.tls}
}
