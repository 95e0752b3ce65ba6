package supervise

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/net/dns/dnsmessage"
)

// packed is an answer for www.example.test: an alias and two addresses.
func packed(t testing.TB, h dnsmessage.Header) []byte {
	name := dnsmessage.MustNewName("www.example.test.")
	target := dnsmessage.MustNewName("web.example.test.")
	m := dnsmessage.Message{Header: h, Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	if h.Response && h.RCode == dnsmessage.RCodeSuccess {
		m.Answers = []dnsmessage.Resource{
			{Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: target}},
			{Header: dnsmessage.ResourceHeader{Name: target, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}},
			{Header: dnsmessage.ResourceHeader{Name: target, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 2}}},
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseDNS(t *testing.T) {
	whole := packed(t, dnsmessage.Header{ID: 7, Response: true})
	m, ok := parseDNS(whole)
	want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
	if !ok || m.id != 7 || m.name != "www.example.test" || !slices.Equal(m.answers, want) ||
		!slices.Equal(m.chain, []string{"web.example.test"}) || m.outcome() != attempt.LookupAnswered {
		t.Errorf("got %+v, %v", m, ok)
	}
	if m, ok := parseDNS(whole[:len(whole)-3]); !ok || !slices.Equal(m.answers, want[:1]) {
		t.Errorf("cut short: got %+v, %v", m, ok)
	}
	for rcode, want := range map[dnsmessage.RCode]attempt.Answer{
		dnsmessage.RCodeNameError: attempt.LookupNoName, dnsmessage.RCodeRefused: attempt.LookupRefused,
		dnsmessage.RCodeServerFailure: attempt.LookupFailed,
	} {
		if m, ok := parseDNS(packed(t, dnsmessage.Header{Response: true, RCode: rcode})); !ok || m.outcome() != want {
			t.Errorf("%v: got %v, want %v", rcode, m.outcome(), want)
		}
	}
	if m, _ := parseDNS(packed(t, dnsmessage.Header{Response: true, Truncated: true})); m.outcome() != attempt.LookupTruncated {
		t.Errorf("truncated: got %v", m.outcome())
	}
	for _, b := range [][]byte{nil, {1, 2}, make([]byte, 12), make([]byte, 600)} {
		if m, ok := parseDNS(b); ok && m.name != "" {
			t.Errorf("%d zeros: got %+v", len(b), m)
		}
	}
}

func FuzzParseDNS(f *testing.F) {
	f.Add(packed(f, dnsmessage.Header{Response: true}))
	f.Add(packed(f, dnsmessage.Header{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _ := parseDNS(b)
		if len(m.answers) > maxRecords || len(m.chain) > maxRecords {
			t.Errorf("%d answers, %d aliases", len(m.answers), len(m.chain))
		}
		for _, r := range m.name {
			if r <= ' ' || r >= 0x7f {
				t.Errorf("name %q", m.name)
			}
		}
	})
}

func TestParseHosts(t *testing.T) {
	got := parseHosts("127.0.0.1 localhost\n::1 localhost ip6-localhost\n192.0.2.1 db db.test # the database\n192.0.2.1 other\n\n192.0.2.2\n")
	if e := got[netip.MustParseAddr("192.0.2.1")]; len(got) != 1 || e.Line != 3 || !slices.Equal(e.Names, []string{"db", "db.test", "other"}) {
		t.Errorf("got %v", got)
	}
}
