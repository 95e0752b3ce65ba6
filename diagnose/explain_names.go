package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// lookupExplainers has one function a cause that is found in lookups, as explainers has for the others.
var lookupExplainers = map[string]func(*resolution, *attempt.Lookup, *explanation){
	NameNotFound:      explainNameNotFound,
	NameOfOtherFamily: explainOtherFamily,
	NameServerFailure: explainServerFailure,
	ResolverSilent:    explainResolverSilent,
	ResolverRefused:   explainResolverRefused,
}

func explainNameNotFound(r *resolution, l *attempt.Lookup, e *explanation) {
	name := r.name()
	names, outcome := r.candidates()
	exists, alias := "", ""
	for _, n := range names {
		if outcome[n] == attempt.LookupNoData {
			exists = n
		}
	}
	for _, o := range r.lookups {
		if len(o.Chain) > 0 {
			alias = o.Chain[len(o.Chain)-1]
		}
	}
	switch {
	case r.unasked != nil:
		r.explainUnasked(e)
		r.searched(e)
		return
	case alias != "":
		e.summary = fmt.Sprintf("%s asked for %s, which is an alias of %s, and no address is known for that", processName(l.Process), name, alias)
		e.advise("where the alias leads: `dig %s @%s`; the target may be gone, or known to another resolver only", alias, l.Server.Addr())
	case exists != "":
		e.summary = fmt.Sprintf("%s asked for the address of %s, and that name has none: it exists, with other records", processName(l.Process), exists)
		e.advise("what the name has: `dig +short %s ANY @%s`", exists, l.Server.Addr())
	case len(names) > 1:
		e.summary = fmt.Sprintf("%s asked for %s, and there is no such name, nor with any suffix of the search list", processName(l.Process), name)
	default:
		e.summary = fmt.Sprintf("%s asked for %s, and %v says that there is no such name", processName(l.Process), name, l.Server)
	}
	r.searched(e)
	if exists == "" && alias == "" {
		e.advise("look for a typing error in the name, and where the program has it from: its configuration, an environment variable")
	}
	if !strings.Contains(name, ".") {
		e.advise("a name without a dot is found by the search list alone: use the full name, or have its domain in the search list of /etc/resolv.conf")
	}
	if resolvedStub(l.Server.Addr()) {
		e.advise("systemd-resolved chooses a server by the name's domain: `resolvectl query %s` shows which answers, `resolvectl domain` which domains go where; it asks no DNS server for a name without a dot", name)
	}
	r.otherNamespace(e)
	e.advise("ask another resolver: `dig +short %s @RESOLVER`; if that knows the name, this one (%s) is the wrong one for it (split DNS, a VPN, another cluster)", name, l.Server.Addr())
}

// searched tells of the search list, where it made questions of its own.
func (r *resolution) searched(e *explanation) {
	l := r.lookups[0]
	names, _ := r.candidates()
	if short := r.neverAsked(); short != "" && len(names) == 1 {
		e.saw("/etc/resolv.conf: search %s, ndots:%d; so %s may have been asked for, and this is made of it", strings.Join(l.Resolver.Search, " "), l.Resolver.Ndots, short)
		r.sawItself(e, short)
		return
	}
	if l.Resolver == nil || len(l.Resolver.Search) == 0 || len(names) < 2 {
		return
	}
	e.saw("/etc/resolv.conf: search %s, ndots:%d; so %d names were asked for: %s",
		strings.Join(l.Resolver.Search, " "), l.Resolver.Ndots, len(names), strings.Join(names, ", "))
	name := r.name()
	if !slices.Contains(names, name) {
		e.saw("%s itself was never asked for", name)
		r.sawItself(e, name)
	}
}

// adviseSuffix says what to do about a suffix of the search list that a resolver has no answer below.
func (r *resolution) adviseSuffix(e *explanation, l *attempt.Lookup) {
	suffix, ok := strings.CutPrefix(strings.ToLower(l.Name), strings.ToLower(r.itself.Name)+".")
	if !ok {
		return
	}
	e.advise("or take %s out of the search list, if it is not needed; else see what is wrong with that domain: `dig %s @%s`", suffix, l.Name, l.Server.Addr())
}

// sawItself says how a name is asked for as it is, and what comes of that.
func (r *resolution) sawItself(e *explanation, name string) {
	conf, fewer := r.lookups[0].Resolver, strings.Count(name, ".")
	if r.itself != nil {
		e.saw("asked by sallyport: %v", r.itself)
	}
	e.advise("to ask for it as it is, end it with a dot: `%s.`", name)
	if fewer > 0 && fewer < conf.Ndots {
		e.advise("or `options ndots:%d` in /etc/resolv.conf: names with that many dots are then asked for as they are first (in a pod: `dnsConfig: {options: [{name: ndots, value: \"%d\"}]}`)", fewer, fewer)
	}
}

func explainServerFailure(r *resolution, l *attempt.Lookup, e *explanation) {
	switch {
	case r.itself != nil:
		e.summary = fmt.Sprintf("%s asked %v for %s, and that resolver could not find out (%v); for %s itself it has an answer", processName(l.Process), l.Server, l.Name, l.Outcome, r.itself.Name)
		r.searched(e)
		r.adviseSuffix(e, l)
		return
	case l.Outcome == attempt.LookupRefused:
		e.summary = fmt.Sprintf("%s asked %v for %s, and that resolver refused to answer", processName(l.Process), l.Server, r.name())
		e.advise("it does not serve this client or this name: `dig %s @%s` shows status REFUSED; its access list (unbound's access-control, BIND's allow-recursion) says for whom it does", l.Name, l.Server.Addr())
		e.advise("or put a resolver that serves this machine into /etc/resolv.conf")
	default:
		e.summary = fmt.Sprintf("%s asked %v for %s, and that resolver could not find out (%s)", processName(l.Process), l.Server, r.name(), rcodeName(l.RCode))
		r.behind(e, l)
		e.advise("the fault is behind the resolver: its own servers can't be reached, or DNSSEC fails; `dig %s @%s`, and the same with +cd: if only that works, it is DNSSEC", l.Name, l.Server.Addr())
		e.advise("ask another resolver: `dig +short %s @RESOLVER`", l.Name)
		if r.place.asks(l.Server.Addr()) {
			namespace, pods := r.place.dnsPods(l.Server.Addr())
			e.advise("see what the cluster's DNS says: `%s -n %s logs %s`", r.place.command(), namespace, pods)
		}
	}
	r.searched(e)
}

// rcodeName is a response code as RFC 1035 and its registry have it.
func rcodeName(rcode int) string {
	switch rcode {
	case 1:
		return "FORMERR"
	case 2:
		return "SERVFAIL"
	case 4:
		return "NOTIMP"
	}
	return fmt.Sprintf("RCODE %d", rcode)
}

func explainResolverSilent(r *resolution, l *attempt.Lookup, e *explanation) {
	what := "for " + r.name()
	if r.name() == "" {
		what = "for a name"
	}
	e.summary = fmt.Sprintf("%s asked %s %s, and no answer came", processName(l.Process), r.servers(), what)
	if r.unreachableNow() {
		e.summary += fmt.Sprintf(": asked again, it can't be reached (%s)", r.again[0].Outcome.Errno.Name())
		e.advise("see the way there: `ip route get %v`; an error at once comes from this machine's routes or from a router", l.Server.Addr())
	}
	if r.itself != nil {
		e.summary += fmt.Sprintf("; for %s itself that resolver has an answer", r.itself.Name)
		r.searched(e)
		r.adviseSuffix(e, l)
		return
	}
	known := r.place.adviseDNS(e, l.Server.Addr())
	e.advise("can the resolver be reached from here? `dig @%s . NS` and, by TCP, `dig +tcp @%s . NS`", l.Server.Addr(), l.Server.Addr())
	r.behind(e, l)
	if l.Server.Addr().IsLoopback() {
		r.searched(e)
		r.configured(e)
		return
	}
	if !known {
		e.advise("let UDP and TCP port 53 out to %s, through firewalls and security groups", l.Server.Addr())
	}
	r.searched(e)
	r.configured(e)
}

func explainResolverRefused(r *resolution, l *attempt.Lookup, e *explanation) {
	what := r.name()
	if what == "" {
		what = "a name"
	}
	e.summary = fmt.Sprintf("%s asked %v for %s, and nothing listens there", processName(l.Process), l.Server, what)
	switch addr := l.Server.Addr(); {
	case r.place.adviseDNSPods(e, addr):
		e.saw("%v is the cluster's DNS, and no pod of it is ready, or none listens: kube-proxy rejects for a Service without endpoints", addr)
	case resolvedStub(addr):
		e.advise("is systemd-resolved running? `systemctl status systemd-resolved`, `systemctl restart systemd-resolved`; in a container %v is the container's own, and nobody there: give it a resolver (Docker: --dns)", addr)
	case addr.IsLoopback():
		e.advise("is the resolver of this machine running? `systemctl status systemd-resolved` (or dnsmasq, unbound), `ss -ulnp 'sport = :53'`; in a container 127.0.0.1 is the container's own")
	default:
		e.advise("is a resolver running on %s? there: `ss -ulnp 'sport = :53'`", addr)
	}
	r.configured(e)
}

// configured says where the resolver's address comes from.
func (r *resolution) configured(e *explanation) {
	c := r.lookups[0].Resolver
	switch {
	case c == nil:
	case len(c.Servers) == 0:
		e.saw("the program's /etc/resolv.conf names no resolver: glibc then asks 127.0.0.1")
		e.advise("name a resolver in /etc/resolv.conf: `nameserver ADDRESS`")
	case slices.Contains(c.Servers, r.lookups[0].Server.Addr().Unmap()):
		e.saw("the program's /etc/resolv.conf names %v", c.Servers)
		if !r.place.asks(r.lookups[0].Server.Addr()) { // a pod's file is its dnsPolicy's
			e.advise("or put another resolver into /etc/resolv.conf")
		}
	}
}
