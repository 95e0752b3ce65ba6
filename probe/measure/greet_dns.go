//go:build linux

package measure

import (
	"crypto/rand"
	"encoding/binary"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// greetDNS asks for the servers of the root, which every resolver knows, and whether names are looked up for this host.
func greetDNS(s *session) (*probe.Answer, error) {
	question := make([]byte, 2, 32)
	_, _ = rand.Read(question)
	// A query for recursion with one question: ".", type NS, class IN (RFC 1035, section 4.1).
	question = append(question, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1)
	if s.a.Protocol == attempt.UDP {
		var a *probe.Answer
		_, err := s.ask(func() []byte { return question }, func(b []byte) (ok bool) {
			a, ok = dnsAnswer(question, b)
			return ok
		})
		return a, err
	}
	if err := s.say(string(binary.BigEndian.AppendUint16(nil, uint16(len(question)))) + string(question)); err != nil {
		return nil, err
	}
	head, err := s.bytes(2)
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint16(head)
	if size < 12 || size > 16<<10 {
		return nil, errOther
	}
	b, err := s.bytes(int(size))
	if err != nil {
		return nil, err
	}
	a, ok := dnsAnswer(question, b)
	if !ok {
		return nil, errOther
	}
	return a, nil
}

// dnsAnswer reads the answer to a question.
func dnsAnswer(question, b []byte) (*probe.Answer, bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response || h.OpCode != 0 || h.ID != binary.BigEndian.Uint16(question) {
		return nil, false
	}
	asked, err := p.AllQuestions()
	if err != nil || len(asked) > 1 || len(asked) == 1 && (asked[0].Name.String() != "." || asked[0].Type != dnsmessage.TypeNS) {
		return nil, false
	}
	if len(asked) == 0 && h.RCode == dnsmessage.RCodeSuccess { // only errors may come without the question
		return nil, false
	}
	a := &probe.Answer{Service: "dns"}
	switch {
	case h.RCode == dnsmessage.RCodeRefused:
		a.Detail = []string{"refuses to look names up for this host"}
	case h.RCode != dnsmessage.RCodeSuccess:
		a.Detail = []string{"answers with " + strings.TrimPrefix(h.RCode.String(), "RCode")}
	case h.RecursionAvailable:
		a.Detail = []string{"looks names up"}
	default:
		a.Detail = []string{"looks no names up, but answers for its own"}
	}
	return a, true
}
