package sheet

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// answers answers what people ask first.
func (m *maker) answers() {
	add := func(question string, v Verdict, text string, from []int) {
		m.s.Answers = append(m.s.Answers, Answer{question, v, text, from})
	}
	v, text, from := m.howMuch(flowset.TCP)
	add("May I connect out by TCP?", v, text, from)
	v, text, from = m.howMuch(flowset.UDP)
	add("May I send out by UDP?", v, text, from)
	stated := func(s *Statement, otherwise func() (Verdict, string, []int)) (Verdict, string, []int) {
		if s != nil {
			return s.Verdict, s.Text, m.from(s.From...)
		}
		return otherwise()
	}
	v, text, from = stated(m.around.Names, m.names)
	add("Do names resolve?", v, text, from)
	v, text, from = stated(m.around.Proxy, m.proxy)
	add("Is there a proxy?", v, text, from)
	v, text, from = stated(m.around.SeenAs, m.seenAs)
	add("Which address do others see?", v, text, from)
	v, text, from = m.ipv6()
	add("Is there IPv6?", v, text, from)
	v, text, from = m.reach(flowset.Of(loopback, flowset.Transport(flowset.TCP, flowset.AllPorts())))
	if v == Yes {
		text = "yes, servers of the same machine or container on 127.0.0.1 and ::1"
	}
	add("May I connect to localhost?", v, text, from)
}

// howMuch says how much of the world a protocol reaches.
func (m *maker) howMuch(p flowset.Protocol) (Verdict, string, []int) {
	all := m.out(p)
	yes := m.reached.Intersect(all)
	words, verdicts := deciding(m.unbound, all)
	from := m.from(words...)
	switch {
	case yes.Equal(all):
		return Yes, "yes, to any address and port", from
	case yes.IsEmpty() && m.insideBy(p):
		return Partly, "only to what has a name below; to any other address each attempt is " + ways(verdicts), from
	case yes.IsEmpty():
		return No, "no: each attempt is " + ways(verdicts), from
	}
	in, rest := m.shares(yes, p), m.shares(all.Subtract(yes), p)
	if len(strings.Join(rest, "")) < len(strings.Join(in, "")) {
		return Partly, "yes, but not " + enumerate(rest) + ", which is " + ways(verdicts), from
	}
	names := ""
	if m.insideBy(p) {
		names = ", and what has a name below"
	}
	return Partly, "only " + enumerate(in) + names + "; all else is " + ways(verdicts), from
}

// insideBy reports whether something in the cluster, known by its name, is reached by a protocol.
func (m *maker) insideBy(p flowset.Protocol) bool {
	return slices.ContainsFunc(m.around.Inside, func(x Place) bool {
		return x.Verdict == Yes && (x.Ports == "" || strings.Contains(x.Ports, "/"+strings.ToLower(p.String())))
	})
}

// mostParts is of how many parts a set is put into words.
const mostParts = 200

// shares are the parts of a set in words, by port: "port 443", "port 25 to 10.0.0.25"; or by address, "to 10.0.0.0/8", where that is shorter.
func (m *maker) shares(s flowset.Set, p flowset.Protocol) []string {
	var byAddr, byPort []string
	parts := 0
	for range s.All() {
		if parts++; parts > mostParts { // nobody reads so many, and to put them together takes the square of their number
			return []string{"to addresses and ports that are too many to list here"}
		}
	}
	for part := range s.All() {
		byAddr = append(byAddr, m.share(part.Addrs, part.Transports.Ports(p)))
	}
	for _, x := range portsOf(s, p) {
		byPort = append(byPort, m.share(x.addrs, x.ports))
	}
	if len(strings.Join(byAddr, "")) < len(strings.Join(byPort, "")) {
		return byAddr
	}
	return byPort
}

func (m *maker) share(a flowset.Addrs, ports flowset.Ports) string {
	where := to(a, m.elsewhere)
	switch {
	case ports.IsAll():
		return "to " + where
	case where == "anywhere":
		return "port " + ports.String()
	}
	return "port " + ports.String() + " to " + where
}

// portShare is ports that lead to the same addresses.
type portShare struct {
	ports flowset.Ports
	addrs flowset.Addrs
}

// portsOf divides a set by port.
func portsOf(s flowset.Set, p flowset.Protocol) []portShare {
	var out []portShare
	for part := range s.All() {
		left := part.Transports.Ports(p)
		for i, n := 0, len(out); i < n; i++ {
			both := out[i].ports.Intersect(left)
			if both.IsEmpty() {
				continue
			}
			if rest := out[i].ports.Subtract(both); !rest.IsEmpty() {
				out = append(out, portShare{rest, out[i].addrs})
			}
			out[i] = portShare{both, out[i].addrs.Union(part.Addrs)}
			left = left.Subtract(both)
		}
		if !left.IsEmpty() {
			out = append(out, portShare{left, part.Addrs})
		}
	}
	for i := 0; i < len(out); i++ { // the same addresses by different ways
		for j := len(out) - 1; j > i; j-- {
			if out[i].addrs.Equal(out[j].addrs) {
				out[i].ports = out[i].ports.Union(out[j].ports)
				out = slices.Delete(out, j, j+1)
			}
		}
	}
	slices.SortFunc(out, func(a, b portShare) int { return cmp.Compare(first(a.ports), first(b.ports)) })
	return out
}

func first(p flowset.Ports) uint16 {
	for from := range p.Ranges() {
		return from
	}
	return 0
}

func ways(verdicts []profile.Verdict) string {
	var out []string
	for _, v := range verdicts {
		if w := denied(v); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, " or ")
}

// names says whether a resolver can be asked.
func (m *maker) names() (Verdict, string, []int) {
	ask := func(where flowset.Addrs, p flowset.Protocol) flowset.Set {
		return flowset.Of(where, flowset.Transport(p, flowset.Port(53)))
	}
	if servers := m.p.Facts.Resolver.Servers; len(servers) > 0 {
		return m.resolver(servers)
	}
	all := ask(m.elsewhere, flowset.UDP)
	words, verdicts := deciding(m.unbound, all)
	yes := m.reached.Intersect(all)
	tcp := m.reached.Intersect(ask(m.elsewhere, flowset.TCP))
	from := m.from(words...)
	suffix := ""
	if !tcp.Addrs().Equal(yes.Addrs()) {
		suffix = "; long answers, which come by TCP, are not allowed everywhere there"
	}
	switch {
	case yes.Equal(all):
		return Yes, "yes, port 53 of any resolver may be asked" + suffix, from
	case !yes.IsEmpty():
		return Partly, "by a resolver at " + to(yes.Addrs(), m.elsewhere) + suffix, from
	case m.reached.Overlaps(ask(loopback, flowset.UDP)):
		return Partly, "only by a resolver on this machine: port 53 elsewhere is " + ways(verdicts), from
	}
	return No, "no: port 53 is " + ways(verdicts) + ", so use addresses, or a proxy that resolves", from
}

// resolver says whether the resolvers that the profile names can be asked.
func (m *maker) resolver(servers []netip.Addr) (Verdict, string, []int) {
	var yes, no []string
	var words []string
	for _, a := range servers {
		flow := flowset.Of(flowset.AddrOf(a), flowset.Transport(flowset.UDP, flowset.Port(53)))
		by, verdicts := deciding(m.unbound, flow)
		words = append(words, by...)
		if len(verdicts) == 0 {
			yes = append(yes, a.String())
		} else {
			no = append(no, a.String()+" is "+ways(verdicts))
		}
	}
	switch {
	case len(no) == 0:
		return Yes, "yes, by " + enumerate(yes), m.from(words...)
	case len(yes) == 0:
		return No, "no: port 53 of " + enumerate(no) + ", so use addresses, or a proxy that resolves", m.from(words...)
	}
	return Partly, "by " + enumerate(yes) + "; port 53 of " + enumerate(no), m.from(words...)
}

// proxy tells of a proxy by the environment's variables, in either case.
func (m *maker) proxy() (Verdict, string, []int) {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(m.p.Facts.Environment)) {
		switch strings.ToLower(name) {
		case "http_proxy", "https_proxy", "all_proxy", "no_proxy":
			found = append(found, name+"="+WithoutPassword(m.p.Facts.Environment[name]))
		}
	}
	switch {
	case len(found) > 0:
		return Yes, "yes: " + enumerate(found) + "; HTTP clients mostly read it by themselves, others don't", []int{}
	case len(m.p.Facts.Environment) > 0:
		return No, "the environment names none", []int{}
	}
	return Unknown, "the profile does not say", []int{}
}

// WithoutPassword leaves user and password of a URL out.
func WithoutPassword(value string) string {
	scheme, rest, ok := strings.Cut(value, "://")
	if !ok {
		scheme, rest = "", value
	} else {
		scheme += "://"
	}
	authority, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		return scheme + "..." + rest[i:]
	}
	return value
}

// seenAs is the address that the far end sees.
func (m *maker) seenAs() (Verdict, string, []int) {
	var list []string
	for _, a := range m.p.Facts.SeenAs {
		list = append(list, a.String())
	}
	if len(list) > 0 {
		return Yes, enumerate(list), []int{}
	}
	for _, a := range m.p.Facts.Addresses {
		if !a.IsLoopback() {
			list = append(list, a.String())
		}
	}
	if len(list) == 0 {
		return Unknown, "the profile does not say; the kernel chooses it", []int{}
	}
	return Yes, enumerate(list) + ", chosen by the kernel, unless a gateway on the way puts its own in its place", []int{}
}

func (m *maker) ipv6() (Verdict, string, []int) {
	v6 := m.elsewhere.Intersect(flowset.AllIPv6())
	all := flowset.Of(v6, flowset.Transport(flowset.TCP, flowset.AllPorts()))
	yes := m.reached.Intersect(all)
	words, verdicts := deciding(m.unbound, all)
	has := slices.ContainsFunc(m.p.Facts.Addresses, func(a netip.Addr) bool { return a.Is6() && !a.IsLoopback() })
	if len(m.p.Facts.Addresses) > 0 && !has {
		return No, "no, the environment has no IPv6 address", []int{}
	}
	from := m.from(words...)
	switch {
	case yes.IsEmpty():
		return No, "no: each attempt is " + ways(verdicts), from
	case yes.Equal(all) && has:
		return Yes, "yes", from
	case yes.Equal(all):
		return Unknown, "the policy allows it; the profile does not say whether there is an address", from
	}
	return Partly, "as far as the policy allows: " + enumerate(m.shares(yes, flowset.TCP)), from
}

// sources says what becomes of a TCP client that binds first, beside one that does not.
func (m *maker) sources() {
	m.source("no bind", "", attempt.Source{})
	m.source("any address", `bind(("", 0))`, any4)
	own := m.own()
	if slices.Contains(m.p.Facts.Addresses, own) {
		m.source("its own address", fmt.Sprintf("bind((%q, 0))", own), given(own))
	} else {
		m.source("an address of its own", "bind((ADDRESS, 0))", given(own))
	}
	for _, name := range slices.Sorted(maps.Keys(m.p.Facts.Environment)) {
		if a, err := netip.ParseAddr(m.p.Facts.Environment[name]); err == nil && a.IsLoopback() {
			m.source(fmt.Sprintf("$%s, %v", name, a), fmt.Sprintf("bind(($%s, 0))", name), given(a))
		}
	}
	m.source("loopback", `bind(("127.0.0.1", 0))`, given(loopback4))
	m.source("any address, port below 1024", `bind(("", 1023))`, attempt.SourceOf(netip.AddrPortFrom(netip.IPv4Unspecified(), 1023)))
}

func (m *maker) source(asked, code string, src attempt.Source) {
	x := Source{Asked: asked, Code: code, From: []int{}}
	if src.Kind != attempt.SourceNone {
		d := m.p.DecideBind(attempt.TCP, src.Addr)
		if by := d.By(); by != nil && strings.HasPrefix(by.Reason, NotDecidable) {
			x.Verdict, x.Text, x.From = Unknown, "not decidable from the objects", m.from(d.Words())
			m.s.Sources = append(m.s.Sources, x)
			return
		}
		if d.Verdict.Kind != profile.Allow {
			x.Verdict, x.Text, x.From = No, "bind fails with "+errno(d.Verdict.Errno), m.from(d.Words())
			m.s.Sources = append(m.s.Sources, x)
			return
		}
	}
	all := m.out(flowset.TCP)
	mine := fates(m.p, src)
	yes := allowed(mine).Intersect(all)
	without := m.reached.Intersect(all)
	words, verdicts := deciding(mine, all.Intersect(without.Subtract(yes)))
	switch {
	case src.Kind == attempt.SourceNone:
		x.Verdict, x.Text = Yes, "the kernel chooses the source when the socket connects: the right way"
		if yes.IsEmpty() {
			x.Verdict, x.Text = No, "the right way, though nothing is allowed out"
		}
	case src.Addr.Addr().IsLoopback() && yes.Equal(without):
		x.Verdict, x.Text = No, "reaches loopback alone: no answer from elsewhere comes back to a loopback address"
	case yes.Equal(without):
		x.Verdict, x.Text = Yes, "allowed, and of no use: it reaches what it reaches without"
	case yes.IsEmpty():
		x.Verdict, x.Text = No, "bind works, then each connect is "+ways(verdicts)
		if len(verdicts) == 1 {
			x.Text = "bind works, then: " + meets(verdicts[0])
		}
	default:
		x.Verdict, x.Text = Partly, "bind works, and reaches less than without: "+enumerate(m.shares(without.Subtract(yes), flowset.TCP))+" is "+ways(verdicts)
	}
	x.From = m.from(words...)
	m.s.Sources = append(m.s.Sources, x)
}
