package probe

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/spelling"
)

// Target is one thing to reach: a host, by some ports of one protocol.
type Target struct {
	Text     string           // as it was given, without a user and password
	Host     string           // a DNS name; "" where Addr is given
	Addr     netip.Addr       // an address; not valid where Host is given
	Ports    []PortRange      // at least one
	Protocol attempt.Protocol // TCP or UDP
	Service  string           // the protocol that is expected to answer, a name of Services: "" for none
	Path     string           // of a URL, from its first slash on
}

// PortRange is the ports First to Last, both included.
type PortRange struct{ First, Last uint16 }

// Len is how many ports it is.
func (r PortRange) Len() int { return int(r.Last) - int(r.First) + 1 }

// Name is the host as it was given.
func (t *Target) Name() string {
	if t.Host != "" {
		return t.Host
	}
	return t.Addr.String()
}

// scheme is what a URL's scheme stands for.
type scheme struct {
	service  string
	protocol attempt.Protocol
	port     uint16
}

// schemes are those of the IANA registry, and what people write.
var schemes = map[string]scheme{
	"tcp":         {"", attempt.TCP, 0},
	"udp":         {"", attempt.UDP, 0},
	"tls":         {"tls", attempt.TCP, 443},
	"http":        {"http", attempt.TCP, 80},
	"https":       {"https", attempt.TCP, 443},
	"h2":          {"h2", attempt.TCP, 443},
	"h2c":         {"h2c", attempt.TCP, 80},
	"h3":          {"quic", attempt.UDP, 443},
	"quic":        {"quic", attempt.UDP, 443},
	"ws":          {"http", attempt.TCP, 80},
	"wss":         {"https", attempt.TCP, 443},
	"smtp":        {"smtp", attempt.TCP, 25},
	"submission":  {"smtp", attempt.TCP, 587},
	"smtps":       {"smtps", attempt.TCP, 465},
	"imaps":       {"tls", attempt.TCP, 993},
	"pop3s":       {"tls", attempt.TCP, 995},
	"amqp":        {"amqp", attempt.TCP, 5672},
	"amqps":       {"amqps", attempt.TCP, 5671},
	"amqp1":       {"amqp1", attempt.TCP, 5672},
	"mongodb":     {"mongodb", attempt.TCP, 27017},
	"irc":         {"irc", attempt.TCP, 6667},
	"ircs":        {"ircs", attempt.TCP, 6697},
	"ssh":         {"ssh", attempt.TCP, 22},
	"sftp":        {"ssh", attempt.TCP, 22},
	"postgres":    {"postgres", attempt.TCP, 5432},
	"postgresql":  {"postgres", attempt.TCP, 5432},
	"mysql":       {"mysql", attempt.TCP, 3306},
	"mariadb":     {"mysql", attempt.TCP, 3306},
	"redis":       {"redis", attempt.TCP, 6379},
	"rediss":      {"rediss", attempt.TCP, 6379},
	"valkey":      {"redis", attempt.TCP, 6379},
	"kafka":       {"kafka", attempt.TCP, 9092},
	"ldap":        {"ldap", attempt.TCP, 389},
	"ldaps":       {"ldaps", attempt.TCP, 636},
	"mqtt":        {"mqtt", attempt.TCP, 1883},
	"mqtts":       {"mqtts", attempt.TCP, 8883},
	"memcached":   {"memcached", attempt.TCP, 11211},
	"ntp":         {"ntp", attempt.UDP, 123},
	"dns":         {"dns", attempt.UDP, 53},
	"dns+tcp":     {"dns", attempt.TCP, 53},
	"dot":         {"dot", attempt.TCP, 853},
	"socks5":      {"socks5", attempt.TCP, 1080},
	"socks5h":     {"socks5", attempt.TCP, 1080}, // as curl has it, where the proxy looks names up
	"http-proxy":  {"http-proxy", attempt.TCP, 3128},
	"https-proxy": {"https-proxy", attempt.TCP, 3129},

	// sallyport reflect, on its own port; a path is the name that TLS and HTTP say.
	"reflect":      {reflectBare, attempt.TCP, 7531},
	"reflect+udp":  {reflectBare, attempt.UDP, 7531},
	"reflect+tls":  {reflectTLS, attempt.TCP, 7531},
	"reflect+http": {reflectHTTP, attempt.TCP, 7531},
}

// Schemes are those that a target may have, sorted.
func Schemes() []string { return slices.Sorted(maps.Keys(schemes)) }

const wantTarget = "want HOST:PORT, or a URL such as smtp://HOST"

// Parse reads one target: HOST:PORTS, or SCHEME://HOST[:PORTS][/PATH]. HOST is a DNS name, an IPv4 address, or an IPv6 address in brackets;
// PORTS is a list of ports and ranges, or the name of a set of ports.
func Parse(text string) (Target, error) {
	t := Target{Text: text, Protocol: attempt.TCP}
	rest := text
	def := uint16(0)
	name, after, url := strings.Cut(text, "://")
	if url {
		s, known := schemes[strings.ToLower(name)]
		if !known {
			return t, fmt.Errorf("%q: the scheme %s is not known: %s", text, name, wantScheme(name))
		}
		t.Service, t.Protocol, def = s.service, s.protocol, s.port
		rest = after
		if i := strings.IndexAny(rest, "/?#"); i >= 0 {
			rest, t.Path = rest[:i], rest[i:]
			t.Path, _, _ = strings.Cut(t.Path, "#")
		}
		if i := strings.LastIndexByte(rest, '@'); i >= 0 { // a handshake logs in nowhere
			rest = rest[i+1:]
			t.Text = name + "://" + rest + t.Path
		}
	}
	host, ports, err := splitHost(rest)
	if err != nil {
		return t, fmt.Errorf("%q: %w", text, err)
	}
	if t.Host, t.Addr, err = parseHost(host); err != nil {
		return t, fmt.Errorf("%q: %w", text, err)
	}
	if said := t.SaidName(); t.ForReflector() && said != "" {
		switch {
		case t.Service == reflectBare:
			return t, fmt.Errorf("%q: no name is said there: want reflect+tls:// or reflect+http:// with a name", text)
		case !isName(strings.ToLower(said)):
			return t, fmt.Errorf("%q: %q is no name that TLS or HTTP can say: want reflect+tls://HOST:PORT/NAME", text, said)
		}
	}
	switch {
	case ports != "":
		if t.Ports, err = parsePorts(ports); err != nil {
			return t, fmt.Errorf("%q: %w", text, err)
		}
	case def != 0:
		t.Ports = []PortRange{{def, def}}
	default:
		return t, fmt.Errorf("%q has no port: want %s:PORT, or %s:common for the ports that people ask about", text, rest, rest)
	}
	return t, nil
}

func wantScheme(name string) string {
	names := Schemes()
	best := slices.MinFunc(names, func(a, b string) int {
		return cmp.Compare(spelling.Distance(name, a), spelling.Distance(name, b))
	})
	if spelling.Distance(name, best) <= 2 {
		return "did you mean " + best + "://?"
	}
	return "want one of " + strings.Join(names, ", ") + ", or HOST:PORT without one"
}

// splitHost takes the ports off the end of an authority.
func splitHost(s string) (host, ports string, err error) {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		in, after, closed := strings.Cut(rest, "]")
		switch {
		case !closed:
			return "", "", fmt.Errorf("has no ] after [: want [ADDRESS]:PORT")
		case after == "":
			return in, "", nil
		case after[0] != ':' || len(after) == 1:
			return "", "", fmt.Errorf("has %q after ]: want [ADDRESS]:PORT", after)
		}
		if !strings.Contains(in, ":") {
			return "", "", fmt.Errorf("brackets are for IPv6 addresses: %s", wantTarget)
		}
		return in, after[1:], nil
	}
	if strings.Count(s, ":") > 1 {
		return "", "", fmt.Errorf("has several colons: want brackets around an IPv6 address, [2001:db8::1]:443")
	}
	host, ports, found := strings.Cut(s, ":")
	if found && ports == "" {
		return "", "", fmt.Errorf("has nothing after the colon: %s", wantTarget)
	}
	return host, ports, nil
}

// parseHost reads a name or an address. An address in another notation than the usual one is no name.
func parseHost(s string) (string, netip.Addr, error) {
	if s == "" {
		return "", netip.Addr{}, fmt.Errorf("has no host: %s", wantTarget)
	}
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Unmap().IsUnspecified() {
			return "", a, fmt.Errorf("%s is no destination: want an address that a host has", a)
		}
		return "", a.Unmap(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(s, "."))
	if !isName(name) {
		return "", netip.Addr{}, fmt.Errorf("%q is neither a name nor an address: %s", s, wantTarget)
	}
	if i := strings.LastIndexByte(name, '.'); strings.Trim(name[i+1:], "0123456789") == "" {
		return "", netip.Addr{}, fmt.Errorf("%q is no address: want four numbers from 0 to 255", s)
	}
	return name, netip.Addr{}, nil
}

// isName reports whether a name may stand in DNS as hosts are named there: RFC 1123, section 2.1, and the underscores that people use.
func isName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// parsePorts reads "25", "22,80,443", "1-1024", "common".
func parsePorts(s string) ([]PortRange, error) {
	var list []PortRange
	for part := range strings.SplitSeq(s, ",") {
		if set, known := PortSets[part]; known {
			for _, p := range set {
				list = append(list, PortRange{p, p})
			}
			continue
		}
		first, last, isRange := strings.Cut(part, "-")
		a, err := parsePort(first)
		b := a
		if err == nil && isRange {
			b, err = parsePort(last)
		}
		if err != nil {
			return nil, err
		}
		if b < a {
			return nil, fmt.Errorf("port range %d-%d is reversed: want %d-%d", a, b, b, a)
		}
		list = append(list, PortRange{a, b})
	}
	slices.SortFunc(list, func(a, b PortRange) int { return cmp.Compare(a.First, b.First) })
	out := list[:1]
	for _, r := range list[1:] {
		if last := &out[len(out)-1]; int(r.First) <= int(last.Last)+1 {
			last.Last = max(last.Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	switch {
	case err != nil || s != strconv.FormatUint(n, 10):
		return 0, fmt.Errorf("%q is no port: want a number from 1 to 65535, a range such as 1-1024, a list such as 22,443, or common", s)
	case n == 0 || n > 65535:
		return 0, fmt.Errorf("port %d is out of range: want 1 to 65535", n)
	}
	return uint16(n), nil
}

// PortSets are sets of ports by name.
var PortSets = map[string][]uint16{
	"common": {22, 25, 80, 443, 465, 587, 993, 1433, 1521, 3306, 5432, 5671, 5672, 6379, 6667, 8001, 8080, 8443, 9092, 9200, 11211, 27017},
}
