package diagnose

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
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
	answer, err := v.askProxy(ctx, pid, p, addr, proxy.Ask{Method: "CONNECT", Target: target(a)})
	var way *wayError
	switch {
	case errors.As(err, &way):
		o, ok := dialOutcome(way.err)
		if !ok {
			return attempt.Outcome{}, "", way.err
		}
		return o, "the way to the proxy ended so", nil
	case err != nil && ctx.Err() != nil:
		return attempt.Outcome{Kind: attempt.TimedOut}, "the proxy did not answer", nil
	case err != nil:
		return attempt.Outcome{Kind: attempt.Failed}, "what answers there is no proxy of that kind", nil
	case answer.Kind == proxy.Granted:
		return attempt.Outcome{Kind: attempt.Connected}, "", nil
	}
	return answerOutcome(p, answer), said(p, answer), nil
}

// said is a proxy's answer in words.
func said(p *Proxy, a proxy.Answer) string {
	if p.socks() {
		return "the proxy answered: " + a.Words
	}
	return "the proxy answered " + a.Words
}

// answerOutcome is a proxy's refusal as an outcome: SOCKS tells more ways to fail apart.
func answerOutcome(p *Proxy, a proxy.Answer) attempt.Outcome {
	switch {
	case a.Kind == proxy.Denied && p.socks():
		return attempt.Outcome{Kind: attempt.Denied}
	case a.Kind == proxy.CannotReach && p.socks() && strings.HasSuffix(a.Words, "unreachable"):
		return attempt.Outcome{Kind: attempt.Unreachable}
	case a.Kind == proxy.CannotReach && p.socks() && strings.HasPrefix(a.Words, "TTL"):
		return attempt.Outcome{Kind: attempt.TimedOut}
	case a.Kind == proxy.Other && p.socks():
		return attempt.Outcome{Kind: attempt.Failed}
	}
	return attempt.Outcome{Kind: attempt.Refused}
}

// wayError is how the way to a proxy ended.
type wayError struct{ err error }

func (e *wayError) Error() string { return "connect to the proxy: " + e.err.Error() }

// askProxy asks the proxy at addr what a says, as the program would: with the user and the password that it was told.
func (v *Investigation) askProxy(ctx context.Context, pid int, p *Proxy, addr netip.AddrPort, a proxy.Ask) (proxy.Answer, error) {
	conn, err := v.dial(ctx, pid, addr)
	if err != nil {
		return proxy.Answer{}, &wayError{err}
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if p.socks() {
		return proxy.AskSocks(conn, a.Target, p.user, p.password)
	}
	return proxy.AskHTTP(conn, a.Method, a.Target, p.user, p.password)
}

// target is the authority to ask a proxy for.
func target(a attempt.Attempt) string { return proxy.Target(a.Name, a.Destination) }

// resolve is the address of a host:port, the first where there are several.
func resolve(ctx context.Context, hostPort string) (netip.AddrPort, error) {
	all, err := resolveAll(ctx, hostPort)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return all[0], nil
}

// resolveAll are the addresses of a host:port, at least one. A name is looked up as the system's programs look it up, by getent(1):
// package net would make every start of sallyport slower, see interfaceAddresses.
func resolveAll(ctx context.Context, hostPort string) (all []netip.AddrPort, err error) {
	if a, err := netip.ParseAddrPort(hostPort); err == nil {
		return []netip.AddrPort{a}, nil
	}
	host, portText := proxy.SplitHostPort(hostPort)
	if portText == "" {
		return nil, fmt.Errorf("proxy %s: no port", hostPort)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: port %q: want 1 to 65535", hostPort, portText)
	}
	out, err := exec.CommandContext(ctx, "getent", "ahosts", "--", host).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 { // "one or more supplied key could not be found"
		return nil, errNoName
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	for line := range strings.Lines(string(out)) {
		first, _, _ := strings.Cut(line, " ")
		if ip, err := netip.ParseAddr(first); err == nil {
			all = append(all, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("look up %s: no address in %q", host, out)
	}
	return all, nil
}
