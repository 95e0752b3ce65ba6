//go:build linux

package measure

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"

	"github.com/sallyport/sallyport/probe"
)

// proxyError is the end of an attempt at its proxy.
type proxyError struct {
	said    proxy.Kind
	outcome attempt.Outcome
	words   string
}

func (e *proxyError) Error() string { return e.words }

// tunnel is TLS to a proxy: what is said inside of it is said to the far end.
type tunnel struct{ *tls.Conn }

// through makes a handshake with the far end, by way of the attempt's proxy where it has one.
func (s *session) through(h *handshake) (*probe.Answer, error) {
	via := s.a.Via
	if via == nil {
		return h.with(s)
	}
	detail, err := s.enter(via)
	if err == nil && !s.passes(via) {
		err = s.tunnel(via, s.toAsk(via))
	}
	if err != nil {
		return nil, s.atProxy(via, err)
	}
	s.afresh()
	answer, err := h.with(s)
	var at *proxyError
	if errors.As(err, &at) {
		return nil, err
	}
	if s.absolute == "" && (err != nil || mute(answer)) && via.AcceptsAll != nil && via.AcceptsAll() {
		what := "nothing came out of it"
		if err != nil {
			what = "in it: " + err.Error()
		}
		return nil, &proxyError{proxy.Granted, attempt.Outcome{Kind: attempt.Connected}, "the proxy granted a tunnel, as it does to a name that does not exist, and " + what}
	}
	if answer != nil {
		answer.Detail = append(answer.Detail, detail...)
	}
	return answer, err
}

// mute reports whether nothing told what is at the other end of a tunnel.
func mute(a *probe.Answer) bool { return a == nil || a.Service == "" && a.Banner == "" }

// enter makes TLS with a proxy that wants it. The words tell why a client that verifies would refuse the proxy.
func (s *session) enter(via *probe.Via) (detail []string, err error) {
	if via.Scheme != "https" {
		return nil, nil
	}
	ask := via.Host
	if net.ParseIP(ask) != nil {
		ask = ""
	}
	found, err := s.secureAs(ask, via.Host, "http/1.1")
	if err != nil {
		return nil, err
	}
	for _, f := range found.Faults {
		detail = append(detail, "the proxy's certificate: "+f.Words)
	}
	if c, ok := s.conn.(*tls.Conn); ok {
		s.conn = tunnel{c}
	}
	return detail, nil
}

// passes reports whether a request goes to the proxy as it is, rather than into a tunnel: clients do so with http:// and HTTP proxies.
func (s *session) passes(via *probe.Via) bool {
	if via.Socks() || s.a.Target == nil || s.a.Target.Service != "http" {
		return false
	}
	s.absolute, s.credentials = "http://"+s.authority(), basic(via)
	return true
}

// toAsk is what the proxy is asked for: the name, where the proxy is to look it up.
func (s *session) toAsk(via *probe.Via) string {
	if via.Resolves() {
		return proxy.Target(s.a.Name, s.a.Destination)
	}
	return proxy.Target("", s.a.Destination)
}

// basic is a user and a password for the proxy, RFC 7617.
func basic(via *probe.Via) string {
	if via.User == "" {
		return ""
	}
	return "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(via.User+":"+via.Password)) + "\r\n"
}

// tunnel asks the proxy to lead to a target.
func (s *session) tunnel(via *probe.Via, target string) error {
	// The proxy connects first, and may wait as long for the far end as we would: it has all of the time that there is.
	if err := s.within(maxSteps * s.timeout); err != nil {
		return err
	}
	var a proxy.Answer
	var err error
	if via.Socks() {
		a, err = proxy.AskSocks(struct {
			io.Reader
			io.Writer
		}{s.in, s.conn}, target, via.User, via.Password)
	} else {
		a, err = s.connect(via, target)
	}
	if err != nil {
		return err
	}
	return refused(via, &a)
}

func (s *session) connect(via *probe.Via, target string) (proxy.Answer, error) {
	if _, err := io.WriteString(s.conn, "CONNECT "+target+" HTTP/1.1\r\nHost: "+target+"\r\n"+basic(via)+"User-Agent: sallyport-probe\r\n\r\n"); err != nil {
		return proxy.Answer{}, err
	}
	h, err := s.httpHead()
	if err != nil {
		return proxy.Answer{}, err
	}
	if h.status/100 == 2 && !h.ended {
		return proxy.Answer{}, io.EOF
	}
	a, _ := proxy.HTTP("CONNECT", h.text())
	if h.status == 400 || h.status == 404 || h.status == 405 || h.status == 501 {
		if _, is := h.proxyWords(); !is {
			a.Kind, a.Words = proxy.Other, a.Words+", as a web server does that is no proxy"
		}
	}
	return a, nil
}

// text is a head as it came, as far as it was kept.
func (h *httpHead) text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %03d %s\r\n", h.version, h.status, h.reason)
	for name, value := range h.fields {
		b.WriteString(name + ": " + value + "\r\n")
	}
	return []byte(b.String())
}

// passedOn looks whether a page is the far end's. A status that both may have, and that neither signs, tells nothing.
func (s *session) passedOn(h *httpHead) error {
	a, _ := proxy.HTTP("GET", h.text())
	if a.Kind == proxy.Other {
		return &proxyError{proxy.Other, attempt.Outcome{Kind: attempt.Failed}, clean(a.Words) + ", by the server or by the proxy: nothing tells which"}
	}
	return refused(s.a.Via, &a)
}

// refused is a proxy's refusal as an error; nil where it granted what was asked for.
func refused(via *probe.Via, a *proxy.Answer) error {
	if a.Kind == proxy.Granted {
		return nil
	}
	return &proxyError{a.Kind, probe.ProxyOutcome(a), refusalWords(via, a)}
}

func refusalWords(via *probe.Via, a *proxy.Answer) string {
	words := clean(strings.ToValidUTF8(a.Words, "."))
	if name, _, _ := strings.Cut(a.Details, " "); name != "" {
		words += " (" + clean(name) + ")"
	}
	switch a.Kind {
	case proxy.WantsUser:
		switch {
		case via.User != "":
			words += ": it does not accept the user and password"
		case len(a.Offers) > 0:
			words += ": it wants a login, by " + clean(strings.Join(a.Offers, " or "))
		case !via.Socks():
			words += ": it wants a login"
		}
	case proxy.Denied:
		if !via.Socks() {
			words += ": its rules forbid it"
		}
	case proxy.CannotReach:
		switch o := a.Failure(); {
		case strings.HasPrefix(a.Details, "ERR_CANNOT_FORWARD"): // squid 5 of a name that does not exist as well
			words += ": the proxy knows no way there, or no such name"
		case o.Kind == attempt.NameNotFound:
			words += ": the proxy does not find the name"
		case o.Errno != 0:
			words += ": its connection ended with " + o.Errno.Name()
		case o.Kind == attempt.TimedOut:
			words += ": the far end did not answer the proxy"
		case !via.Socks():
			words += ": the proxy had no connection"
		}
	}
	return words
}

// atProxy is how an attempt ended at its proxy.
func (s *session) atProxy(via *probe.Via, err error) error {
	var at *proxyError
	var errno syscall.Errno
	kind := "HTTP"
	if via.Socks() {
		kind = "SOCKS5"
	}
	e := &proxyError{said: proxy.None, outcome: attempt.Outcome{Kind: attempt.Failed}}
	switch {
	case errors.As(err, &at):
		return at
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.outcome.Kind = attempt.TimedOut
		e.words = "the proxy was reached, and gave no answer: it may wait for the far end, or not be a proxy of that kind"
	case errors.As(err, &errno):
		e.outcome = attempt.OutcomeOf(attempt.Errno(errno))
		e.words = "the proxy ended the connection without an answer"
	case errors.Is(err, io.EOF):
		e.words = "the proxy closed the connection without an answer"
	default:
		e.words = "what answers there is no " + kind + " proxy"
		if len(s.first) > 0 {
			if seen := identify(s.first); seen.Service != "" {
				e.words += ": it speaks " + seen.Service
			} else {
				e.words += ": it sent " + seen.Banner
			}
		}
	}
	return e
}

// afresh forgets what the proxy said: what comes is the far end's, of which something may have come already.
func (s *session) afresh() {
	s.until = time.Now().Add(maxSteps * s.timeout)
	s.first, s.sent = nil, nil
	s.read = s.in.Buffered()
	b, _ := s.in.Peek(s.read)
	s.note(b)
}

// Control is whether a proxy grants a tunnel to a name that nobody can have (RFC 6761, section 6.4). It asks the proxy once.
func Control(via *probe.Via, timeout time.Duration) func() bool {
	return sync.OnceValue(func() bool {
		conn, err := (&net.Dialer{Timeout: timeout}).DialContext(context.Background(), "tcp", via.Addr.String())
		if err != nil {
			return false
		}
		f, err := conn.(*net.TCPConn).File()
		conn.Close()
		if err != nil {
			return false
		}
		defer f.Close()
		s := newSession(&probe.Attempt{Via: via}, f, timeout)
		if _, err := s.enter(via); err != nil {
			return false
		}
		return s.tunnel(via, nowhere) == nil
	})
}

// Reach looks up the address of a proxy.
func Reach(ctx context.Context, s proxy.Server, variable string, timeout time.Duration) (*probe.Via, error) {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.Host)
	if err != nil || len(addrs) == 0 {
		return nil, fmt.Errorf("the proxy %s: %w", s.String(), err)
	}
	via := &probe.Via{Server: s, Variable: variable}
	via.Addr = netip.AddrPortFrom(addrs[0].Unmap(), s.Port)
	via.AcceptsAll = Control(via, timeout)
	return via, nil
}
