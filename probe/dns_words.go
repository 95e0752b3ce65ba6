package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// Words are what stands out of the configuration.
func (n *Names) Words() []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	c := &n.Conf
	if c.Missing {
		say("%s cannot be read: programs ask %s", c.File, addrs(c.Servers))
	}
	if len(c.Ignored) > 0 {
		say("%s names %s more than are ever asked: %s", c.File, count(len(c.Ignored), "server", "servers"), addrList(c.Ignored))
	}
	for i, s := range c.Servers {
		silent, closed, udp, tcp, total := 0, 0, 0, 0, 0
		for _, l := range n.Lookups {
			if i >= len(l.Servers) {
				continue
			}
			a := &l.Servers[i]
			total++
			if a.Silent() {
				silent++
			}
			// A host says so of few datagrams a second (icmp_ratelimit).
			if a.TCP.Outcome == attempt.LookupPortClosed && (a.A.Outcome == attempt.LookupPortClosed || a.AAAA.Outcome == attempt.LookupPortClosed || a.EDNS.Outcome == attempt.LookupPortClosed) && !answered(&a.A) {
				closed++
			}
			if silentTo(&a.A) && silentTo(&a.AAAA) && silentTo(&a.EDNS) && answered(&a.TCP) {
				udp++
			}
			if !answered(&a.TCP) && answered(&a.A) {
				tcp++
			}
		}
		switch {
		case total == 0:
		case silent == total && i < len(c.Servers)-1:
			say("the resolver %v is silent: each question waits %s for it before %v is asked; take it out of %s, or have it answer", s, attempt.DurationText(c.Timeout), c.Servers[i+1], c.File)
		case silent == total:
			say("the resolver %v is silent: is it up, and may this host send to port 53 of it?", s)
		case closed == total:
			say("nothing listens at port 53 of the resolver %v: take it out of %s, or start it", s, c.File)
		case udp == total:
			say("the resolver %v answers by TCP and is silent by UDP: port 53/udp is filtered, or large answers are lost; `options use-vc` in %s has glibc ask by TCP", s, c.File)
		case tcp == total:
			say("the resolver %v answers by UDP and not by TCP: names with long answers fail; let 53/tcp through", s)
		}
	}
	return out
}

func silentTo(a *DNSAnswer) bool { return a.Asked && a.Outcome == attempt.LookupSilent }
func answered(a *DNSAnswer) bool {
	return a.Asked && a.Outcome != attempt.LookupSilent && a.Outcome != attempt.LookupPortClosed && a.Error == ""
}

// Words are what stands out of one name, what matters most first.
func (l *NameLookup) Words(n *Names) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	l.made(say)
	l.searched(n, say)
	l.differ(say)
	l.broken(say)
	if len(l.Hosts) > 0 && n.Files() {
		var have []netip.Addr
		for _, h := range l.Hosts {
			have = append(have, h.Addr)
		}
		if f := l.Found(); f != nil && !overlaps(have, slices.Concat(f.A.Addrs, f.AAAA.Addrs)) {
			say("/etc/hosts, line %d, has %s, and DNS has %s: programs that read it (nsswitch.conf: files first) get the former", l.Hosts[0].Line, addrList(have), addrList(slices.Concat(f.A.Addrs, f.AAAA.Addrs)))
		}
	}
	return out
}

// searched says what the search list makes of the name.
func (l *NameLookup) searched(n *Names, say func(string, ...any)) {
	f := l.Found()
	if f == nil {
		if len(l.Candidates) == 0 {
			return
		}
		last := &l.Candidates[len(l.Candidates)-1]
		for i := range l.Candidates {
			if l.Candidates[i].Name == l.Name {
				last = &l.Candidates[i]
			}
		}
		switch last.A.Outcome {
		case attempt.LookupNoName:
			say("there is no such name: NXDOMAIN for %s%s", last.Name, l.alsoTried())
		case attempt.LookupNoData:
			say("%s exists, and has no address of either family%s", last.Name, l.alsoTried())
		case attempt.LookupFailed:
			say("SERVFAIL for %s: the resolver could not find out; its own way to the domain's servers, or DNSSEC, is broken%s", last.Name, l.alsoTried())
		case attempt.LookupRefused:
			say("REFUSED for %s: the resolver does not look this name up for this host%s", last.Name, l.alsoTried())
		}
		return
	}
	if f.Name != l.Name {
		say("%s is found as %s, by the search list of %s: it is another name", l.Name, f.Name, n.Conf.File)
	}
	if len(l.Candidates) > 1 && f.Name == l.Name {
		say("the search path costs %d questions for %s (ndots:%d): write %s. with the dot at its end, or set ndots to %d", l.Questions(), l.Name, n.Conf.Ndots, l.Name, strings.Count(l.Name, "."))
	}
}

func (l *NameLookup) alsoTried() string {
	if n := len(l.Candidates) - 1; n > 0 {
		return fmt.Sprintf(" (and for %d more by the search list: %d questions in all)", n, l.Questions())
	}
	return ""
}

// made says where a resolver has addresses for names that nobody has.
func (l *NameLookup) made(say func(string, ...any)) {
	var makes, honest []netip.Addr
	var what []netip.Addr
	own := false
	for i := range l.Servers {
		s := &l.Servers[i]
		switch {
		case len(s.Random.Addrs) > 0:
			makes, what = append(makes, s.Server), s.Random.Addrs
			own = own || overlaps(s.Random.Addrs, s.A.Addrs)
		case s.Random.Outcome == attempt.LookupNoName:
			honest = append(honest, s.Server)
		}
	}
	if len(makes) == 0 {
		return
	}
	text := fmt.Sprintf("the resolver %s has an address, %s, for names below %s that nobody has: ", addrs(makes), addrList(what), l.asked())
	switch {
	case len(honest) > 0:
		text += fmt.Sprintf("it makes them up, %s says NXDOMAIN", addrs(honest))
	default:
		text += "a wildcard of that domain, or it makes them up"
	}
	if own {
		text += "; the name itself has the same address, so it may not exist either"
	}
	say("%s", text)
}

func (l *NameLookup) asked() string {
	if f := l.Found(); f != nil {
		return f.Name
	}
	return l.Name
}

// differ says where resolvers do not agree.
func (l *NameLookup) differ(say func(string, ...any)) {
	var first *ServerAnswers
	for i := range l.Servers {
		s := &l.Servers[i]
		if !answered(&s.A) {
			continue
		}
		if first == nil {
			first = s
			continue
		}
		same := s.A.Outcome == first.A.Outcome && (len(s.A.Addrs) == 0 || overlaps(s.A.Addrs, first.A.Addrs)) // of many addresses, a few may come
		if !same {
			say("resolvers differ for A %s: %v says %s, %v says %s; programs take the first answer", l.asked(), first.Server, first.A.words(), s.Server, s.A.words())
		}
	}
}

func (a *DNSAnswer) words() string {
	if len(a.Addrs) > 0 {
		return addrList(a.Addrs)
	}
	if a.Error != "" {
		return a.Error
	}
	return a.Outcome.String()
}

// Words is an answer in a few words, with its time.
func (a *DNSAnswer) Words() string {
	if !a.Asked {
		return "not asked"
	}
	return a.words() + " in " + attempt.DurationText(a.Took)
}

// broken says which ways of asking fail.
func (l *NameLookup) broken(say func(string, ...any)) {
	for i := range l.Servers {
		s := &l.Servers[i]
		switch {
		case answered(&s.A) && silentTo(&s.AAAA):
			say("the resolver %v answers for A and is silent for AAAA: programs that want both wait for it; `options single-request` or no-aaaa helps", s.Server)
		case answered(&s.A) && s.A.Outcome == attempt.LookupAnswered && (s.AAAA.Outcome == attempt.LookupFailed || s.AAAA.Outcome == attempt.LookupNoName || s.AAAA.Outcome == attempt.LookupRefused):
			say("the resolver %v answers for A, and %s for AAAA: some programs then take the whole name as missing", s.Server, s.AAAA.words())
		}
		if s.A.Outcome == attempt.LookupTruncated && !answered(&s.TCP) {
			say("the answer of %v is too long for UDP, and by TCP it is %s: let 53/tcp through", s.Server, s.TCP.words())
		}
		if answered(&s.A) && silentTo(&s.EDNS) {
			say("the resolver %v is silent to questions with EDNS (RFC 6891): something on the way drops them, or large answers", s.Server)
		}
	}
}

func overlaps(a, b []netip.Addr) bool {
	return slices.ContainsFunc(a, func(x netip.Addr) bool { return slices.Contains(b, x) })
}

func addrList(list []netip.Addr) string {
	var out []string
	for _, a := range list[:min(len(list), 3)] {
		out = append(out, a.String())
	}
	text := strings.Join(out, ", ")
	if n := len(list) - 3; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
