package diagnose

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// errNoName says that a name has no address.
var errNoName = errors.New("no such name")

// indiscriminate is the detail of a proxy whose yes proves nothing.
const indiscriminate = "but the proxy says so of a host that can't exist as well, so that proves nothing"

// byProxy asks a proxy for a tunnel to the destination. The way to the proxy is the Trier's, so that no profile is stepped over. An
// outcome other than connected comes with a detail that says what the proxy answered. A proxy that grants a tunnel to a
// name that nobody can have (RFC 6761 section 6.4) says yes before it has connected, and shows nothing by it: the outcome is then failed.
func (v *Investigation) byProxy(ctx context.Context, pid int, t trial) (attempt.Outcome, string, error) {
	addr, err := resolve(ctx, t.proxy.Host)
	if errors.Is(err, errNoName) {
		return attempt.Outcome{Kind: attempt.NameNotFound}, "", nil
	}
	if err != nil {
		return attempt.Outcome{}, "", err
	}
	o, detail, err := v.tunnel(ctx, pid, t.proxy, addr, t.attempt)
	if err != nil || o.Kind != attempt.Connected {
		return o, detail, err
	}
	nobody := t.attempt
	nobody.Name = "sallyport.invalid"
	control, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	if c, _, err := v.tunnel(control, pid, t.proxy, addr, nobody); err == nil && c.Kind == attempt.Connected {
		return attempt.Outcome{Kind: attempt.Failed}, indiscriminate, nil
	}
	return o, "", nil
}

// controlTimeout is how long a proxy may take to say that a name does not exist. One that takes longer has not said yes, either.
const controlTimeout = time.Second

// tunnel asks the proxy at addr for a tunnel, and closes it.
func (v *Investigation) tunnel(ctx context.Context, pid int, p *Proxy, addr netip.AddrPort, a attempt.Attempt) (attempt.Outcome, string, error) {
	conn, err := v.dial(ctx, pid, addr)
	if err != nil {
		o, ok := dialOutcome(err)
		if !ok {
			return attempt.Outcome{}, "", err
		}
		return o, "the way to the proxy ended so", nil
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var o attempt.Outcome
	var detail string
	if p.socks() {
		o, detail, err = socksTunnel(conn, a)
	} else {
		o, detail, err = httpTunnel(conn, a)
	}
	if err != nil && ctx.Err() != nil {
		return attempt.Outcome{Kind: attempt.TimedOut}, "the proxy did not answer", nil
	}
	if err != nil {
		return attempt.Outcome{Kind: attempt.Failed}, "what answers there is no proxy of that kind", nil
	}
	return o, detail, nil
}

// httpTunnel asks by CONNECT, RFC 9110 section 9.3.6.
func httpTunnel(conn io.ReadWriter, a attempt.Attempt) (attempt.Outcome, string, error) {
	status, reason, err := askTunnel(conn, target(a))
	if err != nil || status/100 == 2 {
		return attempt.Outcome{Kind: attempt.Connected}, "", err
	}
	return attempt.Outcome{Kind: attempt.Refused}, strings.TrimSpace(fmt.Sprintf("the proxy answered %d %s", status, reason)), nil
}

func socksTunnel(conn io.ReadWriter, a attempt.Attempt) (attempt.Outcome, string, error) {
	reply, err := askSocks(conn, a)
	switch {
	case errors.Is(err, errSocksAuth):
		return attempt.Outcome{Kind: attempt.Refused}, err.Error(), nil
	case err != nil:
		return attempt.Outcome{}, "", err
	case reply == 0:
		return attempt.Outcome{Kind: attempt.Connected}, "", nil
	}
	r, known := socksReplies[reply]
	if !known {
		return attempt.Outcome{Kind: attempt.Failed}, fmt.Sprintf("the proxy answered with code %d", reply), nil
	}
	return attempt.Outcome{Kind: r.kind}, "the proxy answered: " + r.words, nil
}

// target is the authority to ask a proxy for: the name where it is known, since a proxy may allow by
// name only.
func target(a attempt.Attempt) string {
	if a.Name != "" {
		return hostPort(a.Name, strconv.Itoa(int(a.Destination.Port())))
	}
	return unmap(a.Destination).String()
}

// maxStatusLine bounds what is read of an answer.
const maxStatusLine = 4096

// askTunnel sends a CONNECT and reads the status line of its answer, RFC 9112 section 4.
func askTunnel(conn io.ReadWriter, authority string) (status int, reason string, err error) {
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, authority); err != nil {
		return 0, "", err
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxStatusLine)).ReadString('\n')
	if err != nil {
		return 0, "", fmt.Errorf("read the answer to CONNECT: %w", err)
	}
	version, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(version, "HTTP/1.") || status < 100 || status > 999 {
		return 0, "", fmt.Errorf("the answer to CONNECT begins with %q: want a status line", line)
	}
	return status, reason, nil
}

// resolve is the address of a host:port. A name is looked up as the system's programs look it up, by getent(1): package net
// would make every start of sallyport slower, see interfaceAddresses.
func resolve(ctx context.Context, hostPort string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(hostPort); err == nil {
		return a, nil
	}
	i := strings.LastIndexByte(hostPort, ':')
	if i < 0 {
		return netip.AddrPort{}, fmt.Errorf("proxy %s: no port", hostPort)
	}
	host, portText := strings.Trim(hostPort[:i], "[]"), hostPort[i+1:]
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("proxy %s: port %q: want 1 to 65535", hostPort, portText)
	}
	out, err := exec.CommandContext(ctx, "getent", "ahosts", "--", host).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 { // "one or more supplied key could not be found"
		return netip.AddrPort{}, errNoName
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up proxy %s: %w", host, err)
	}
	first, _, _ := strings.Cut(string(out), " ")
	ip, err := netip.ParseAddr(first)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up proxy %s: %w", host, err)
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
}
