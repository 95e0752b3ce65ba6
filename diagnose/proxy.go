package diagnose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/sallyport/sallyport/attempt"
)

// byProxy asks an HTTP proxy for a tunnel to the destination (CONNECT, RFC 9110 section 9.3.6). The way to
// the proxy is tried by the Trier first, so that no profile is stepped over. Where the proxy answers with
// anything but 2xx, the outcome is refused and the detail says what it answered.
func (v *Investigation) byProxy(ctx context.Context, pid int, t trial) (attempt.Outcome, string, error) {
	addr, err := resolve(ctx, t.proxy.Host)
	if err != nil {
		var dns *net.DNSError
		if errors.As(err, &dns) && dns.IsNotFound {
			return attempt.Outcome{Kind: attempt.NameNotFound}, "", nil
		}
		return attempt.Outcome{}, "", err
	}
	o, err := v.trier.Try(ctx, pid, attempt.Attempt{Protocol: attempt.TCP, Destination: addr})
	if err != nil || o.Kind != attempt.Connected {
		return o, "the way to the proxy ended so", err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return attempt.Outcome{}, "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	status, err := askTunnel(conn, target(t.attempt))
	switch {
	case ctx.Err() != nil:
		return attempt.Outcome{Kind: attempt.TimedOut}, "the proxy did not answer", nil
	case err != nil:
		return attempt.Outcome{Kind: attempt.Failed}, "what answers there is no HTTP proxy", nil
	case status/100 == 2:
		return attempt.Outcome{Kind: attempt.Connected}, "", nil
	}
	return attempt.Outcome{Kind: attempt.Refused}, fmt.Sprintf("the proxy answered %d %s", status, http.StatusText(status)), nil
}

// target is the authority to ask a proxy for: the name where it is known, since a proxy may allow by
// name only.
func target(a attempt.Attempt) string {
	if a.Name != "" {
		return net.JoinHostPort(a.Name, strconv.Itoa(int(a.Destination.Port())))
	}
	return unmap(a.Destination).String()
}

// askTunnel sends a CONNECT and reads the status of its answer.
func askTunnel(conn net.Conn, authority string) (int, error) {
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return 0, fmt.Errorf("read the answer to CONNECT: %w", err)
	}
	defer answer.Body.Close()
	return answer.StatusCode, nil
}

// resolve is the address of a host:port.
func resolve(ctx context.Context, hostPort string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(hostPort); err == nil {
		return a, nil
	}
	host, portText, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("proxy %s: port %q: want 1 to 65535", hostPort, portText)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(port)), nil
}
