package sheet

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Of makes the sheet of a profile.
func Of(p *profile.Profile) *Sheet {
	m := newMaker(p)
	m.make()
	return m.s
}

func newMaker(p *profile.Profile) *maker {
	elsewhere := loopback.Complement().Except(netip.MustParsePrefix("0.0.0.0/32"), netip.MustParsePrefix("::/128"))
	var four, six bool
	for _, a := range p.Facts.Addresses {
		elsewhere = elsewhere.Subtract(flowset.AddrOf(a))
		four = four || a.Unmap().Is4() && !a.Unmap().IsLoopback()
		six = six || a.Is6() && !a.Unmap().Is4() && !a.IsLoopback()
	}
	switch { // what is out of reach for want of an address is no matter of policy
	case four && !six:
		elsewhere = elsewhere.Intersect(flowset.AllIPv4())
	case six && !four:
		elsewhere = elsewhere.Intersect(flowset.AllIPv6())
	}
	return &maker{p: p, elsewhere: elsewhere, s: &Sheet{
		Name: p.Name, Description: p.Description, File: p.File, Inside: []Inside{}, Services: []Service{}, Denials: []Denial{}, Notes: []string{}, Rules: []string{},
	}}
}

func (m *maker) make() {
	m.unbound = fates(m.p, attempt.Source{})
	m.reached = allowed(m.unbound)
	m.answers()
	m.sources()
	m.services()
	m.denials()
	host, port := m.example()
	m.s.Clients = clients(host, port)
}

// maker is a sheet in the making.
type maker struct {
	p      *profile.Profile
	s      *Sheet
	around Around
	// elsewhere is what people mean by "out": every address but loopback, the place's own, and the wildcard addresses, which are no
	// destination: the kernel puts loopback in their place.
	elsewhere flowset.Addrs
	unbound   []fate      // of what a socket sends that was not bound
	reached   flowset.Set // what such a socket reaches
}

// mostRules is how many rules one statement lists.
const mostRules = 6

// from are the numbers of rules, which are listed when they are first used.
func (m *maker) from(words ...string) []int {
	out := []int{}
	words = slices.Compact(slices.Clone(words))
	if more := len(words) - mostRules; more > 0 {
		words = append(words[:mostRules], fmt.Sprintf("and %d more rules, which sallyport check names for each destination", more))
	}
	for _, w := range words {
		i := slices.Index(m.s.Rules, w)
		if i < 0 {
			i = len(m.s.Rules)
			m.s.Rules = append(m.s.Rules, w)
		}
		if !slices.Contains(out, i+1) {
			out = append(out, i+1)
		}
	}
	slices.Sort(out)
	return out
}

// deciding are the rules that decide about any of the flows.
func deciding(all []fate, flows flowset.Set) (words []string, verdicts []profile.Verdict) {
	for _, f := range all {
		if f.flows.Overlaps(flows) {
			words = append(words, f.words)
			if f.verdict.Kind != profile.Allow && !slices.Contains(verdicts, f.verdict) {
				verdicts = append(verdicts, f.verdict)
			}
		}
	}
	return words, verdicts
}

func allowed(all []fate) flowset.Set {
	var b flowset.Builder
	for _, f := range all {
		if f.verdict.Kind == profile.Allow {
			b.AddSet(f.flows)
		}
	}
	return b.Set()
}

// out is every flow elsewhere by a protocol.
func (m *maker) out(p flowset.Protocol) flowset.Set {
	return flowset.Of(m.elsewhere, flowset.Transport(p, flowset.AllPorts()))
}

// denials lists each way in which an attempt is denied, once, as the program meets it.
func (m *maker) denials() {
	type kind struct {
		what, text string
		words      []string
	}
	var kinds []kind
	add := func(what, text, words string) {
		for i := range kinds {
			if kinds[i].what == what && kinds[i].text == text {
				kinds[i].words = append(kinds[i].words, words)
				return
			}
		}
		kinds = append(kinds, kind{what, text, []string{words}})
	}
	sources := []attempt.Source{{}, any4, given(m.own()), given(loopback4)}
	for i, src := range sources {
		for _, f := range fates(m.p, src) {
			if f.verdict.Kind == profile.Allow || f.flows.Intersect(flowset.Of(m.elsewhere, flowset.AllTransports())).IsEmpty() {
				continue
			}
			if i > 0 && slices.ContainsFunc(m.unbound, func(u fate) bool { return u.words == f.words }) {
				continue
			}
			add(denied(f.verdict), meets(f.verdict), f.words)
		}
	}
	for _, k := range kinds {
		m.s.Denials = append(m.s.Denials, Denial{k.what, k.text, m.from(k.words...)})
	}
}

// own is an address of the environment that is not loopback; one of the documentation's where the profile names none.
func (m *maker) own() netip.Addr {
	for _, a := range m.p.Facts.Addresses {
		if !a.IsLoopback() {
			return a
		}
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, 1})
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	any4      = given(netip.IPv4Unspecified())
)

func given(a netip.Addr) attempt.Source { return attempt.SourceOf(netip.AddrPortFrom(a, 0)) }

// example is a destination for the right clients: one that is allowed, where the profile names one.
func (m *maker) example() (host string, port uint16) {
	host, port = "example.org", 443
	tcp := m.reached.Intersect(m.out(flowset.TCP))
	for _, k := range known {
		if k.proto == attempt.TCP && slices.Contains([]string{"HTTPS", "HTTP", "SSH and git"}, k.name) &&
			m.out(flowset.TCP).Intersect(flowset.Of(m.elsewhere, flowset.Transport(flowset.TCP, flowset.Port(k.port)))).SubsetOf(tcp) {
			return host, k.port
		}
	}
	if https := tcp.Intersect(flowset.Of(m.elsewhere, flowset.Transport(flowset.TCP, flowset.Port(443)))).Addrs(); slices.ContainsFunc(https.Prefixes(), func(b netip.Prefix) bool { return b.Bits() <= 2 }) {
		return host, 443
	}
	for _, x := range m.around.Inside {
		first, _, _ := strings.Cut(x.Ports, ",")
		if number, ok := strings.CutSuffix(first, "/tcp"); ok && x.Verdict == Yes && !strings.Contains(x.Name, " ") {
			if n, err := strconv.ParseUint(number, 10, 16); err == nil {
				return x.Name, uint16(n)
			}
		}
	}
	for part := range tcp.All() {
		for first := range part.Transports.Ports(flowset.TCP).Ranges() {
			port = max(first, 1)
			break
		}
		for first := range part.Addrs.Ranges() {
			host = first.String()
			break
		}
		if b := part.Addrs.Prefixes(); len(b) > 0 && b[0].IsSingleIP() {
			return b[0].Addr().String(), port
		}
	}
	return host, port
}

// services says of each known service what a socket that is not bound reaches of it.
func (m *maker) services() {
	for _, k := range known {
		proto := flowset.TCP
		if k.proto == attempt.UDP {
			proto = flowset.UDP
		}
		all := flowset.Of(m.elsewhere, flowset.Transport(proto, flowset.Port(k.port)))
		v, text, from := m.reach(all)
		m.s.Services = append(m.s.Services, Service{Name: k.name, Protocol: k.proto, Proto: k.proto.String(), Port: k.port, Verdict: v, Text: text, From: from})
	}
}

// reach says how much of such flows is allowed.
func (m *maker) reach(all flowset.Set) (Verdict, string, []int) {
	yes := m.reached.Intersect(all)
	words, verdicts := deciding(m.unbound, all)
	var ways []string
	for _, v := range verdicts {
		if w := denied(v); !slices.Contains(ways, w) {
			ways = append(ways, w)
		}
	}
	switch {
	case yes.Equal(all):
		return Yes, "to anywhere", m.from(words...)
	case yes.IsEmpty() && m.named(all):
		return Partly, strings.Join(ways, " or ") + ", but for names above", m.from(words...)
	case yes.IsEmpty():
		return No, strings.Join(ways, " or "), m.from(words...)
	}
	where := to(yes.Addrs(), all.Addrs())
	if !strings.HasPrefix(where, "anywhere") {
		where += " alone"
	}
	return Partly, "to " + where + "; else " + strings.Join(ways, " or "), m.from(words...)
}

// named reports whether something known by its name is reached by a flow's protocol and port.
func (m *maker) named(all flowset.Set) bool {
	for part := range all.All() {
		for p, ports := range part.Transports.All() {
			for port := range ports.Ranges() {
				want := fmt.Sprintf("%d/%s", port, strings.ToLower(p.String()))
				return slices.ContainsFunc(m.around.Inside, func(x Place) bool {
					return x.Verdict == Yes && (x.Ports == "" || slices.Contains(strings.Split(x.Ports, ", "), want))
				})
			}
		}
	}
	return false
}
