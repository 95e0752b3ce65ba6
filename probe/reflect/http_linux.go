package reflect

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// ProofHeader is the header in which a proof comes by HTTP.
const ProofHeader = "Sallyport-Reflect"

// Of a request's head so much is told.
const (
	maxFields     = 24
	maxFieldBytes = 256
)

// http answers requests that prove the token in ProofHeader, sealed, and those that have it as a bearer token (RFC 6750), in plain JSON. All others get
// no answer.
func (c *conn) http(in *bufio.Reader, out io.Writer) bool {
	for range maxRequests {
		r, err := http.ReadRequest(in)
		if err != nil {
			return c.proven
		}
		if text := r.Header.Get(ProofHeader); text != "" {
			again, ok := c.proved(r, text, out)
			if !again {
				return ok || c.proven
			}
			continue
		}
		bearer, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !is || !c.s.token.is(strings.TrimSpace(bearer)) || !c.proves() {
			return c.proven
		}
		c.plain(r, out)
		return true
	}
	return c.proven
}

// proved answers a request with a proof. It asks for another request where the proof's time was too far off.
func (c *conn) proved(r *http.Request, text string, out io.Writer) (again, ok bool) {
	p, f, ok := c.s.admit([]byte(text))
	if !ok || !c.proves() {
		return false, false
	}
	came := c.body(r.Body, p.Length)
	if f == stale {
		text := Line(c.s.token.seal(&p, &Seen{Time: c.seen().Time, Stale: true}))
		_, err := io.WriteString(out, head("application/octet-stream", len(text), "keep-alive")+text)
		return err == nil, true
	}
	s := c.seen()
	s.HTTP = seenHTTP(r)
	s.Bytes = c.s.bytes(&p, came)
	b := append([]byte(Line(c.s.token.seal(&p, s))), c.s.token.Body(&p, Back, p.Length)...)
	c.s.note(s)
	_, _ = out.Write(append([]byte(head("application/octet-stream", len(b), "close")), b...))
	return false, true
}

// plain answers a request with the token itself, of whatever wrote it.
func (c *conn) plain(r *http.Request, out io.Writer) {
	s := c.seen()
	s.HTTP = seenHTTP(r)
	if r.ContentLength != 0 {
		came := c.body(r.Body, int(min(max(r.ContentLength, 0), MaxBody)))
		sum := sha256.Sum256(came)
		s.Bytes = &SeenBytes{Came: len(came), Differ: -1, SHA256: hex.EncodeToString(sum[:])}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return
	}
	c.s.note(s)
	text := head("application/json", len(b)+1, "close")
	if r.Method != http.MethodHead {
		text += string(b) + "\n"
	}
	_, _ = io.WriteString(out, text)
}

func head(contentType string, length int, connection string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nCache-Control: no-store\r\nConnection: %s\r\n\r\n", contentType, length, connection)
}

// seenHTTP is what a request says of itself, short of what proves the token.
func seenHTTP(r *http.Request) *SeenHTTP {
	cut := func(s string) string { return s[:min(len(s), maxFieldBytes)] }
	h := &SeenHTTP{Method: cut(r.Method), Target: cut(r.RequestURI), Proto: cut(r.Proto), Host: cut(r.Host)}
	for name, values := range r.Header {
		if name == ProofHeader || name == "Authorization" {
			continue
		}
		for _, v := range values {
			h.Header = append(h.Header, [2]string{strings.ToLower(cut(name)), cut(v)})
		}
	}
	slices.SortFunc(h.Header, func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) })
	if len(h.Header) > maxFields {
		h.Header, h.Cut = h.Header[:maxFields], true
	}
	return h
}
