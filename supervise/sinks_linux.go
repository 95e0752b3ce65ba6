package supervise

import (
	"net/netip"
	"sync"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// sinks are the places on loopback that denied attempts are sent to, so that the kernel itself answers as a network
// would that drops or refuses: a listener whose accept queue is full drops SYNs in silence (tcp_conn_request in
// net/ipv4/tcp_input.c), a port that is bound and does not listen answers RST, a UDP port that is connected elsewhere
// answers ICMP port unreachable. Made when first needed, kept until the supervisor ends.
type sinks struct {
	mu     sync.Mutex
	places map[sinkKey]netip.AddrPort
	fds    []int
}

type sinkKey struct {
	domain int
	stream bool
	silent bool
}

// silent is the place for a socket whose destination drops, nil where there is none to be had.
func (k *sinks) silent(sock *socket, to netip.AddrPort) sockaddr { return k.place(sock, to, true) }

// closed is the place for a socket whose destination refuses.
func (k *sinks) closed(sock *socket, to netip.AddrPort) sockaddr { return k.place(sock, to, false) }

func (k *sinks) place(sock *socket, to netip.AddrPort, silent bool) sockaddr {
	if sock.protocol != attempt.UDP && !sock.protocol.Stream() {
		return nil
	}
	key := sinkKey{unix.AF_INET, sock.protocol.Stream(), silent}
	if attempt.FamilyOf(to.Addr()) == attempt.IPv6 {
		key.domain = unix.AF_INET6
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.places[key]
	if !ok {
		at = k.make(key)
		if k.places == nil {
			k.places = map[sinkKey]netip.AddrPort{}
		}
		k.places[key] = at
	}
	if !at.IsValid() {
		return nil
	}
	return sockaddrOf(at, sock.domain)
}

// make makes a place; not valid where loopback does not allow it.
func (k *sinks) make(key sinkKey) netip.AddrPort {
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if key.domain == unix.AF_INET6 {
		host = netip.IPv6Loopback()
	}
	typ := unix.SOCK_DGRAM
	if key.stream {
		typ = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(key.domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return netip.AddrPort{}
	}
	k.fds = append(k.fds, fd)
	if err := unix.Bind(fd, unixSockaddr(netip.AddrPortFrom(host, 0))); err != nil {
		return netip.AddrPort{}
	}
	at := boundTo(fd)
	switch {
	case key.stream && key.silent:
		if unix.Listen(fd, 0) != nil || !k.fill(key.domain, at) {
			return netip.AddrPort{}
		}
	case !key.stream && !key.silent:
		_ = unix.Connect(fd, unixSockaddr(netip.AddrPortFrom(host, 9)))
	case !key.stream:
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1) // what nobody reads shall not pile up
	}
	return at
}

// fill takes the one place in the accept queue of a listener with backlog 0.
func (k *sinks) fill(domain int, at netip.AddrPort) bool {
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	k.fds = append(k.fds, fd)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 1})
	return unix.Connect(fd, unixSockaddr(at)) == nil
}

func (k *sinks) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, fd := range k.fds {
		_ = unix.Close(fd)
	}
	k.fds, k.places = nil, nil
}

// unixSockaddr is an address as package unix wants it.
func unixSockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
}
