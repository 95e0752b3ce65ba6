package supervise

import (
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/net/dns/dnsmessage"
)

// dnsMessage is what is read of a DNS message, RFC 1035.
type dnsMessage struct {
	id        uint16
	response  bool
	truncated bool
	rcode     dnsmessage.RCode
	name      string // of the question, without the last dot
	kind      dnsmessage.Type
	answers   []netip.Addr
	chain     []string
	records   int // of the type asked for
}

// maxRecords bounds what is read of one answer: whoever sent it may be hostile.
const maxRecords = 256

// parseDNS reads a message; ok is false for what is none with one question. What is broken after the question is left out.
func parseDNS(b []byte) (m dnsMessage, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return m, false
	}
	q, err := p.Question()
	if err != nil {
		return m, false
	}
	m = dnsMessage{id: h.ID, response: h.Response, truncated: h.Truncated, rcode: h.RCode, name: plainName(q.Name), kind: q.Type}
	if !m.response || p.SkipAllQuestions() != nil {
		return m, true
	}
	for range maxRecords {
		if !m.readRecord(&p) {
			break
		}
	}
	return m, true
}

// readRecord reads one record of the answer section, and reports whether there was one.
func (m *dnsMessage) readRecord(p *dnsmessage.Parser) bool {
	h, err := p.AnswerHeader()
	if err != nil {
		return false
	}
	if h.Type == m.kind {
		m.records++
	}
	switch h.Type {
	case dnsmessage.TypeA:
		r, err := p.AResource()
		if err == nil {
			m.answers = append(m.answers, netip.AddrFrom4(r.A))
		}
		return err == nil
	case dnsmessage.TypeAAAA:
		r, err := p.AAAAResource()
		if err == nil {
			m.answers = append(m.answers, netip.AddrFrom16(r.AAAA))
		}
		return err == nil
	case dnsmessage.TypeCNAME:
		r, err := p.CNAMEResource()
		if err == nil {
			m.chain = append(m.chain, plainName(r.CNAME))
		}
		return err == nil
	}
	return p.SkipAnswer() == nil
}

// outcome is the answer that the message is.
func (m *dnsMessage) outcome() attempt.Answer {
	switch {
	case m.truncated:
		return attempt.LookupTruncated
	case m.rcode == dnsmessage.RCodeNameError:
		return attempt.LookupNoName
	case m.rcode == dnsmessage.RCodeRefused:
		return attempt.LookupRefused
	case m.rcode != dnsmessage.RCodeSuccess:
		return attempt.LookupFailed
	case m.records == 0:
		return attempt.LookupNoData
	}
	return attempt.LookupAnswered
}

// plainName is a name without its last dot, and without what a terminal would not show: it comes from the network.
func plainName(n dnsmessage.Name) string {
	s := strings.TrimSuffix(n.String(), ".")
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, s)
}

func typeName(t dnsmessage.Type) string { return strings.TrimPrefix(t.String(), "Type") }
