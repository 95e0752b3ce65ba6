//go:build linux

package measure

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/reflect"
)

// greetReflectHTTP asks a reflector by HTTP, so that what knows HTTP on the way takes part.
func greetReflectHTTP(s *session) (*probe.Answer, error) {
	if s.reflect == nil || s.a.Target == nil {
		return nil, errNoToken
	}
	host := s.authority()
	name := s.a.Name
	if said := s.a.Target.SaidName(); said != "" {
		host, name = said, said
	}
	return s.reflectHTTP(host, &probe.Reflected{Name: name}, "reflect-http")
}

// greetReflectTLS asks a reflector by HTTP inside of TLS. Whatever certificate comes, the handshake goes on: the reflector then says which is its own.
func greetReflectTLS(s *session) (*probe.Answer, error) {
	if s.reflect == nil || s.a.Target == nil {
		return nil, errNoToken
	}
	name, host := s.a.Name, s.authority()
	if said := s.a.Target.SaidName(); said != "" {
		name, host = said, said
	}
	if err := s.step(); err != nil {
		return nil, err
	}
	raw := &rawConn{s: s, conn: s.conn}
	c := tls.Client(raw, &tls.Config{
		ServerName:         name, // RFC 6066, section 3: never an address
		NextProtos:         []string{"http/1.1"},
		InsecureSkipVerify: true,
		CurvePreferences:   []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521}, // as in secure
	})
	if err := c.Handshake(); err != nil {
		err = tlsError(s, err)
		var refused *tlsRefused
		if errors.As(err, &refused) {
			return &probe.Answer{Service: "tls"}, err
		}
		return nil, err
	}
	raw.inside = true
	leaf := c.ConnectionState().PeerCertificates[0]
	s.conn, s.first, s.read = c, nil, 0
	s.in.Reset(s)
	r := &probe.Reflected{Name: name}
	a, err := s.reflectHTTP(host, r, "reflect-tls")
	if a == nil {
		a = &probe.Answer{}
	}
	switch {
	case err != nil && a.Service == "":
		a.Service = "tls" // that much is sure
		a.Detail = append(a.Detail, "certificate issued by "+nameOf(leaf.Issuer))
	case err != nil:
	case r.Between != "" && r.Between != reflect.Fingerprint(leaf.Raw), r.Between == "":
		r.Between = nameOf(leaf.Issuer)
		a.Detail = append(a.Detail, "TLS intercepted on the way: the certificate is not the reflector's, but issued by "+r.Between)
	default:
		r.Between = ""
		a.Detail = append(a.Detail, "TLS is the reflector's own")
	}
	return a, err
}

// reflectHTTP makes one request. Of TLS it leaves the fingerprint of the reflector's own certificate in r.Between.
func (s *session) reflectHTTP(host string, r *probe.Reflected, service string) (*probe.Answer, error) {
	t := s.reflect.Token
	for range 2 {
		x := exchange{proof: s.reflect.prove(s.reflectLength()), begun: time.Now()}
		x.sent, x.expected = x.proof.Length, x.proof.Length
		sent := [][2]string{
			{"accept", "*/*"}, {"content-length", strconv.Itoa(x.sent)}, {"content-type", "application/octet-stream"}, {"user-agent", "sallyport-probe"},
		}
		head := "POST / HTTP/1.1\r\nHost: " + host + "\r\n" + reflect.ProofHeader + ": " + t.Text(&x.proof) + "\r\n"
		for _, f := range sent {
			head += f[0] + ": " + f[1] + "\r\n"
		}
		if err := s.say(head + "\r\n" + string(t.Body(&x.proof, reflect.Out, x.sent))); err != nil {
			return nil, err
		}
		resp, err := s.httpResponse()
		if err != nil {
			return nil, err
		}
		again, err := s.reflectAnswer(bufio.NewReader(resp.Body), &x)
		switch {
		case err != nil && (errors.Is(err, errOther) || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/octet-stream"):
			return notReflector(resp)
		case err != nil:
			return nil, err
		case again:
			continue
		}
		if h := x.seen.HTTP; h != nil {
			r.Said = h.Host
			r.Changes = fieldChanges(sent, h)
			if h.Host != host {
				r.Changes = append(r.Changes, fmt.Sprintf("host: %s arrived as %s", host, clean(h.Host)))
			}
		}
		if h := x.seen.TLS; h != nil {
			r.Said, r.Between = h.ServerName, h.Certificate
		}
		a := s.reflected(&x, r, service)
		if r.Name != "" {
			a.Detail = append([]string{"asked for " + r.Name}, a.Detail...)
		}
		if x.seen.TLS != nil && r.Said != r.Name {
			a.Detail = append(a.Detail, fmt.Sprintf("the name %q arrived as %q", r.Name, clean(r.Said)))
		}
		a.Detail = append(a.Detail, r.Changes...)
		return a, nil
	}
	return nil, errors.New("the reflector finds each proof too old")
}

// maxInterim is how many answers may come before the one that counts (RFC 9110, section 15.2).
const maxInterim = 4

// httpResponse reads an answer, as far as its content.
func (s *session) httpResponse() (*http.Response, error) {
	for range maxInterim {
		begin, err := s.in.Peek(5)
		if err != nil {
			return nil, err
		}
		if string(begin) != "HTTP/" {
			return nil, errOther
		}
		resp, err := http.ReadResponse(s.in, &http.Request{Method: http.MethodPost})
		if err != nil {
			return nil, errOther
		}
		if resp.StatusCode >= 200 {
			return resp, nil
		}
	}
	return nil, errOther
}

// notReflector is the answer of something else that speaks HTTP: a block page, a captive portal, a proxy.
func notReflector(resp *http.Response) (*probe.Answer, error) {
	a := &probe.Answer{Service: "http", Version: clean(resp.Proto + " " + resp.Status)}
	for _, name := range []string{"Server", "Via", "Location", "Proxy-Authenticate", "X-Squid-Error"} {
		if v := resp.Header.Get(name); v != "" {
			a.Detail = append(a.Detail, strings.ToLower(name)+": "+clean(strings.ToValidUTF8(v, ".")))
		}
	}
	return a, errors.New("something else than the reflector answers")
}

// fieldChanges are the differences between a header as it was sent and as it arrived. A token's or proof's field is in neither.
func fieldChanges(sent [][2]string, h *reflect.SeenHTTP) []string {
	var list []string
	for _, f := range h.Header {
		i := slices.IndexFunc(sent, func(x [2]string) bool { return x[0] == f[0] })
		switch {
		case i < 0:
			list = append(list, clean(f[0]+": "+f[1])+" was added")
		case sent[i][1] != f[1]:
			list = append(list, clean(fmt.Sprintf("%s: %s arrived as %s", f[0], sent[i][1], f[1])))
		}
	}
	for _, f := range sent {
		if !h.Cut && !slices.ContainsFunc(h.Header, func(x [2]string) bool { return x[0] == f[0] }) {
			list = append(list, f[0]+" was taken away")
		}
	}
	return list
}
