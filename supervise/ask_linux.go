package supervise

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// asksName reports whether an attempt stands for a DNS question: a datagram to a resolver's port, for a name.
func asksName(a attempt.Attempt) bool {
	return a.Protocol == attempt.UDP && a.Destination.Port() == dnsPort && a.Name != ""
}

// ask asks for the address of a name on a connected UDP socket. The outcome is connected where any answer comes.
func ask(ctx context.Context, fd int, name string) (attempt.Outcome, error) {
	_, o, err := exchange(ctx, fd, name, dnsmessage.TypeA)
	return o, err
}

// Ask asks a DNS server one question by UDP, by a socket of our own, from where the process stands and under the same profile, like
// Try. The kind is "A" or "AAAA". A question without an answer by the end of ctx is attempt.LookupSilent. The error says
// that it could not be asked.
func (s *Supervisor) Ask(ctx context.Context, pid int, server netip.AddrPort, name, kind string) (attempt.Lookup, error) {
	l := attempt.Lookup{Protocol: attempt.UDP, Server: server, Name: name, Type: kind, Asked: time.Now(), Count: 1}
	if s.enforcing() {
		if _, denied := s.decide(attempt.Attempt{Protocol: attempt.UDP, Destination: server}); denied {
			return l, errDenied
		}
	}
	typ := dnsmessage.TypeA
	if kind == "AAAA" {
		typ = dnsmessage.TypeAAAA
	}
	err := inNamespaceOf(pid, func() error { return question(ctx, &l, typ) })
	return l, err
}

// question asks in this thread's network namespace, and writes the answer into l.
func question(ctx context.Context, l *attempt.Lookup, typ dnsmessage.Type) error {
	to := netip.AddrPortFrom(l.Server.Addr().Unmap(), l.Server.Port())
	domain := unix.AF_INET
	if to.Addr().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(fd)
	hearICMP(fd, domain)
	if err := unix.Connect(fd, unixSockaddr(to)); err != nil {
		return fmt.Errorf("connect to %v: %w", to, err)
	}
	m, o, err := exchange(ctx, fd, l.Name, typ)
	switch {
	case err != nil:
		return err
	case o.Kind == attempt.Refused:
		l.Outcome, l.Answered = attempt.LookupPortClosed, time.Now()
	case o.Kind == attempt.Connected:
		l.Outcome, l.Answered = m.outcome(), time.Now()
		l.RCode, l.Answers, l.Chain = int(m.rcode), m.answers, m.chain
		if m.truncated && len(m.answers) > 0 {
			l.Outcome = attempt.LookupAnswered // there are more, which nobody needs here
		}
	}
	return nil
}

// hearICMP has every ICMP error told, as glibc does (__res_enable_icmp): without it a connected UDP socket hears of closed ports, not of routers that
// have no way on, ip(7).
func hearICMP(fd, domain int) {
	if domain == unix.AF_INET6 {
		_ = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR, 1)
		return
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR, 1)
}

// exchange sends a question on a connected UDP socket that does not block, and waits for its answer. The outcome is connected where it came.
func exchange(ctx context.Context, fd int, name string, typ dnsmessage.Type) (m dnsMessage, o attempt.Outcome, err error) {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return m, o, fmt.Errorf("ask for %s: %w", name, err)
	}
	q := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(time.Now().UnixNano()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: typ, Class: dnsmessage.ClassINET}},
	}
	b, err := q.Pack()
	if err != nil {
		return m, o, fmt.Errorf("ask for %s: %w", name, err)
	}
	if _, err := unix.Write(fd, b); err != nil {
		return m, ended(err), nil
	}
	answer := make([]byte, 64<<10)
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		ready, err := unix.Poll(p, int(pollSlice.Milliseconds()))
		if err != nil && err != unix.EINTR {
			return m, o, fmt.Errorf("poll: %w", err)
		}
		if ready == 1 {
			size, err := unix.Read(fd, answer)
			if err != nil {
				return m, ended(err), nil
			}
			var ok bool
			if m, ok = parseDNS(answer[:size]); ok && m.response && m.id == q.ID && m.kind == typ && strings.EqualFold(m.name, name) {
				return m, ended(nil), nil
			}
		}
		if err := ctx.Err(); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return m, attempt.Outcome{Kind: attempt.TimedOut}, nil
			}
			return m, o, err
		}
	}
}
