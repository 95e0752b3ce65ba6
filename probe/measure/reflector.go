//go:build linux

package measure

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Reflector is a far end of this process's own, on loopback: what reaches it shows the rules of this host alone.
type Reflector struct {
	TCP, UDP netip.AddrPort // where it listens; not valid where it could not, see Err
	Err      error

	listener net.Listener
	packets  net.PacketConn
	ends     sync.WaitGroup

	mu   sync.Mutex
	seen map[netip.AddrPort]bool // the sources of datagrams
}

// Saw reports whether a datagram came from an address, whatever became of the answer to it.
func (r *Reflector) Saw(from netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[from]
}

// NewReflector listens on the loopback address of a family. Close ends it.
func NewReflector(family attempt.Family) *Reflector {
	host, suffix := "127.0.0.1:0", "4"
	if family == attempt.IPv6 {
		host, suffix = "[::1]:0", "6"
	}
	r := &Reflector{seen: map[netip.AddrPort]bool{}}
	l, err := net.Listen("tcp"+suffix, host)
	if err != nil {
		r.Err = err
	} else {
		r.listener, r.TCP = l, l.Addr().(*net.TCPAddr).AddrPort()
		r.ends.Go(r.accept)
	}
	p, err := net.ListenPacket("udp"+suffix, host)
	if err != nil {
		r.Err = errors.Join(r.Err, err)
	} else {
		r.packets, r.UDP = p, p.LocalAddr().(*net.UDPAddr).AddrPort()
		r.ends.Go(r.answer)
	}
	return r
}

func (r *Reflector) accept() {
	for {
		c, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.ends.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			_, _ = io.Copy(c, io.LimitReader(c, 64))
		})
	}
}

func (r *Reflector) answer() {
	b := make([]byte, 64)
	for {
		n, from, err := r.packets.ReadFrom(b)
		if err != nil {
			return
		}
		if a, ok := from.(*net.UDPAddr); ok {
			r.mu.Lock()
			r.seen[netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))] = true
			r.mu.Unlock()
		}
		_, _ = r.packets.WriteTo(b[:n], from)
	}
}

// Close stops listening, and waits until nothing of it runs.
func (r *Reflector) Close() {
	if r.listener != nil {
		_ = r.listener.Close()
	}
	if r.packets != nil {
		_ = r.packets.Close()
	}
	r.ends.Wait()
}
