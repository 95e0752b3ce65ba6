package profile

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"go.yaml.in/yaml/v3"
)

// role is what a list of blocks is for.
type role struct {
	name  string
	words []Word // that it may use
	want  string
}

var (
	addresses = role{"addresses", []Word{Any, Loopback}, "any, loopback, an address, a prefix or {cidr, except}"}
	sources   = role{
		"sources", []Word{None, Any, Loopback}, "none, any, loopback, an address, a prefix or {cidr, except}",
	}
	destinations = role{"destinations", []Word{Loopback}, "loopback, an address, a prefix or {cidr, except}"}
)

func (r *reader) blocks(n *yaml.Node, where string, role role) []Block {
	if n == nil {
		return nil
	}
	items, _ := r.conditions(n, where+": "+role.name, role.want)
	var out []Block
	for _, item := range items {
		if item.Kind == yaml.MappingNode {
			if b, ok := r.cidr(item, where, role); ok {
				out = append(out, b)
			}
			continue
		}
		if b, ok := r.block(item, where+": "+role.name, role.want, role); ok {
			out = append(out, b)
		}
	}
	return out
}

// cidr reads {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}.
func (r *reader) cidr(n *yaml.Node, where string, role role) (Block, bool) {
	where += ": " + role.name
	at, ok := r.fields(n, where, "cidr", "except")
	if len(n.Content) == 0 {
		r.problemf(n, where, "is an empty mapping: want {cidr, except}, one or both")
		return Block{}, false
	}
	var b Block
	if v := at["cidr"]; v != nil {
		if b, ok = r.block(v, where+": cidr", "an address or a prefix", role); ok && b.Word != NoWord {
			r.problemf(v, where, "cidr is the word %s: want an address or a prefix", b.Word)
			ok = false
		}
	}
	if at["except"] == nil || !ok {
		return b, ok
	}
	within := role
	within.words = slices.DeleteFunc(slices.Clone(role.words), func(w Word) bool { return w == None })
	items, ok := r.conditions(at["except"], where+": except", "words, addresses or prefixes")
	whole := b.set()
	for _, item := range items {
		e, good := r.block(item, where+": except", "words, addresses or prefixes", within)
		if good && slices.Equal(whole.minus(e.set()), whole) {
			r.problemf(item, where, "except %s is outside cidr %s: want a part of it", e, b.Prefix)
			good = false
		}
		ok = ok && good
		b.Except = append(b.Except, e)
	}
	if ok && len(b.set()) == 0 {
		r.problemf(n, where, "nothing is left of cidr %s: want an except that leaves something", b.Prefix)
		ok = false
	}
	return b, ok
}

// block reads a word, an address or a prefix.
func (r *reader) block(n *yaml.Node, where, want string, role role) (Block, bool) {
	want = "want " + want
	s, ok := r.scalar(n, where, want)
	if !ok {
		return Block{}, false
	}
	for w := None; int(w) < len(words); w++ {
		if s != w.String() {
			continue
		}
		if slices.Contains(role.words, w) {
			return Block{Word: w}, true
		}
		r.problemf(n, where, "%s", wrongWord(w, role))
		return Block{}, false
	}
	p, problem := parsePrefix(s, want)
	if problem == "" && role.name == destinations.name && p.IsSingleIP() && p.Addr().IsUnspecified() {
		problem = wrongWord(Any, role)
	}
	if problem != "" {
		r.problemf(n, where, "%s", problem)
		return Block{}, false
	}
	return Block{Prefix: p}, true
}

func wrongWord(w Word, role role) string {
	if w == Any && role.name == destinations.name {
		return "the wildcard address is no destination, a connect to it goes to loopback: " +
			"want loopback, or leave destinations out for every one"
	}
	return w.String() + " is no address here: want " + role.want
}

// parsePrefix reads an address or a prefix; v4-mapped ones are IPv4.
func parsePrefix(s, want string) (_ netip.Prefix, problem string) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil && near(s, words[1:]) != "":
			return netip.Prefix{}, strconv.Quote(s) + " is no address: did you mean " + near(s, words[1:]) + "?"
		case err != nil:
			return netip.Prefix{}, "bad address " + strconv.Quote(s) + ": " + want
		case a.Zone() != "":
			return netip.Prefix{}, s + " has a zone: want " + a.WithZone("").String() + ", profiles have no zones"
		}
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), ""
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, "bad prefix " + strconv.Quote(s) + ": want one such as 10.0.0.0/8 or 2001:db8::/32"
	case p.Masked() != p:
		return netip.Prefix{}, "prefix " + s + " has host bits set: want " + p.Masked().String() + ", or " +
			p.Addr().String() + " for the one address"
	}
	return unmapPrefix(p), ""
}

func (r *reader) ports(n *yaml.Node, where string) []PortRange {
	if n == nil {
		return nil
	}
	const of = "ports (0 to 65535) and ranges (1-1023)"
	items, _ := r.conditions(n, where+": ports", of)
	var out []PortRange
	for _, item := range items {
		s, ok := r.scalar(item, where+": ports", "want "+of)
		if !ok {
			continue
		}
		a, b, isRange := strings.Cut(s, "-")
		if !isRange {
			b = a
		}
		first, okFirst := port(a)
		last, okLast := port(b)
		switch {
		case !okFirst || !okLast:
			r.problemf(item, where, "bad port %q: want a number from 0 to 65535 or a range such as 1-1023", s)
		case first > 65535 || last > 65535:
			r.problemf(item, where, "port %s is out of range: want 0 to 65535", s)
		case first > last:
			r.problemf(item, where, "port range %s is reversed: want %d-%d", s, last, first)
		default:
			out = append(out, PortRange{uint16(first), uint16(last)})
		}
	}
	return out
}

// port reads a decimal number. Leading zeros, signs, 0x and _ are left to nobody's guess.
func port(s string) (int, bool) {
	if s == "" || len(s) > 9 || len(s) > 1 && s[0] == '0' || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

var protocolWords = []string{"tcp", "udp", "sctp", "icmp", "icmpv6"}

func (r *reader) protocols(n *yaml.Node, where string) []attempt.Protocol {
	if n == nil {
		return nil
	}
	items, _ := r.conditions(n, where+": protocols", orList(protocolWords))
	var out []attempt.Protocol
	for _, item := range items {
		s, ok := r.scalar(item, where+": protocols", "want "+orList(protocolWords))
		if !ok {
			continue
		}
		var p attempt.Protocol
		switch {
		case s == "mptcp":
			r.problemf(item, where, "protocol mptcp counts as tcp: want tcp")
		case !slices.Contains(protocolWords, s):
			r.problemf(item, where, "unknown protocol %q: %s", s, wantOneOf(s, protocolWords))
		case p.UnmarshalText([]byte(s)) == nil:
			out = append(out, p)
		}
	}
	return out
}
