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

// byProxy asks an HTTP proxy for a tunnel to the destination (CONNECT, RFC 9110 section 9.3.6). The way to
// the proxy is tried by the Trier first, so that no profile is stepped over. Where the proxy answers with
// anything but 2xx, the outcome is refused and the detail says what it answered.
func (v *Investigation) byProxy(ctx context.Context, pid int, t trial) (attempt.Outcome, string, error) {
	addr, err := resolve(ctx, t.proxy.Host)
	if errors.Is(err, errNoName) {
		return attempt.Outcome{Kind: attempt.NameNotFound}, "", nil
	}
	if err != nil {
		return attempt.Outcome{}, "", err
	}
	o, err := v.trier.Try(ctx, pid, attempt.Attempt{Protocol: attempt.TCP, Destination: addr})
	if err != nil || o.Kind != attempt.Connected {
		return o, "the way to the proxy ended so", err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(DefaultTimeout)
	}
	conn, err := dial(addr, deadline)
	if err != nil {
		return attempt.Outcome{}, "", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	status, reason, err := askTunnel(conn, target(t.attempt))
	switch {
	case ctx.Err() != nil || !time.Now().Before(deadline):
		return attempt.Outcome{Kind: attempt.TimedOut}, "the proxy did not answer", nil
	case err != nil:
		return attempt.Outcome{Kind: attempt.Failed}, "what answers there is no HTTP proxy", nil
	case status/100 == 2:
		return attempt.Outcome{Kind: attempt.Connected}, "", nil
	}
	return attempt.Outcome{Kind: attempt.Refused}, strings.TrimSpace(fmt.Sprintf("the proxy answered %d %s", status, reason)), nil
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
