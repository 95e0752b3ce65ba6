//go:build linux

package measure

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// NamesExaminer finds out how names are looked up here. It asks the servers of its file and no others, and for names that its caller gives
// it, and below them, alone.
type NamesExaminer struct {
	Resolv, Hosts, Switch string        // files; "" for those of /etc
	Timeout               time.Duration // of a question; 0: what the file says, 3 s at most
	Lookup                func(ctx context.Context, name string) ([]netip.Addr, error)
}

const (
	maxLookup     = 3 * time.Second
	systemTimeout = 15 * time.Second // of this program's own lookup
)

// Examine looks at names, one after the other.
func (x *NamesExaminer) Examine(ctx context.Context, names []string) *probe.Names {
	def := func(s, d string) string {
		if s == "" {
			return d
		}
		return s
	}
	n := &probe.Names{Conf: readConf(def(x.Resolv, "/etc/resolv.conf")), Order: readOrder(def(x.Switch, "/etc/nsswitch.conf"))}
	timeout := x.Timeout
	if timeout == 0 {
		timeout = min(n.Conf.Timeout, maxLookup)
	}
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		l := &probe.NameLookup{Name: name, Hosts: readHosts(def(x.Hosts, "/etc/hosts"), name)}
		var wait sync.WaitGroup
		wait.Go(func() { l.System = x.system(ctx, name) })
		search(ctx, &n.Conf, l, timeout)
		servers(ctx, &n.Conf, l, timeout)
		wait.Wait()
		n.Lookups = append(n.Lookups, l)
	}
	return n
}

// system is this program's own lookup, as the attempts have it.
func (x *NamesExaminer) system(ctx context.Context, name string) probe.SystemLookup {
	lookup := x.Lookup
	if lookup == nil {
		lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	ctx, stop := context.WithTimeout(ctx, systemTimeout)
	defer stop()
	begin := time.Now()
	found, err := lookup(ctx, name)
	s := probe.SystemLookup{Took: time.Since(begin)}
	for _, a := range found {
		s.Addrs = append(s.Addrs, a.Unmap())
	}
	if err != nil {
		s.Error = clean(err.Error())
	}
	return s
}

// search asks as glibc's resolver does (res_search): one candidate after the other, each of the first server that answers, until there is an address. Where
// no server says anything it ends: what comes after would be as silent.
func search(ctx context.Context, conf *probe.ResolvConf, l *probe.NameLookup, timeout time.Duration) {
	at := 0 // the server that answered last: those before were silent
	order := probe.SearchOrder(l.Name, conf.Search, conf.Ndots)
	for k := 0; k < len(order) && ctx.Err() == nil; k++ {
		c := probe.Candidate{Name: order[k]}
		for i := at; i < len(conf.Servers) && ctx.Err() == nil; i++ {
			both(ctx, conf, conf.Servers[i], &c, timeout)
			if settles(&c.A) || settles(&c.AAAA) {
				at = i
				break
			}
		}
		l.Candidates = append(l.Candidates, c)
		switch {
		case c.Found(), c.A.Outcome == attempt.LookupSilent, c.A.Outcome == attempt.LookupPortClosed, c.A.Error != "":
			return
		case c.A.Outcome == attempt.LookupRefused && c.Name != l.Name: // ends the search list; the name as it is comes last, where it did not come first
			if order[0] == l.Name {
				return
			}
			k = max(k, len(order)-2)
		}
	}
}

// settles reports whether no other server is asked: SERVFAIL and REFUSED have the next one asked (res_send).
func settles(a *probe.DNSAnswer) bool {
	switch a.Outcome {
	case attempt.LookupAnswered, attempt.LookupNoData, attempt.LookupNoName, attempt.LookupTruncated:
		return a.Error == ""
	}
	return false
}

// both asks for the addresses of both families at once, by TCP where an answer is too long.
func both(ctx context.Context, conf *probe.ResolvConf, server netip.Addr, c *probe.Candidate, timeout time.Duration) {
	var wait sync.WaitGroup
	one := func(kind dnsmessage.Type, to *probe.DNSAnswer) {
		q := dnsQuestion{server: netip.AddrPortFrom(server, 53), name: c.Name, kind: kind, tcp: conf.UseTCP}
		*to = q.ask(ctx, timeout)
		if to.Outcome == attempt.LookupTruncated {
			q.tcp = true
			if long := q.ask(ctx, timeout); long.Error == "" && long.Outcome == attempt.LookupAnswered {
				*to = long
			}
		}
	}
	wait.Go(func() { one(dnsmessage.TypeA, &c.A) })
	wait.Go(func() { one(dnsmessage.TypeAAAA, &c.AAAA) })
	wait.Wait()
}

// servers asks each server in each way for the name that was found, and for one below it that nobody has.
func servers(ctx context.Context, conf *probe.ResolvConf, l *probe.NameLookup, timeout time.Duration) {
	name := strings.TrimSuffix(l.Name, ".")
	if f := l.Found(); f != nil {
		name = f.Name
	}
	l.Servers = make([]probe.ServerAnswers, len(conf.Servers))
	random := randomLabel() + "." + name
	var wait sync.WaitGroup
	for i, server := range conf.Servers {
		s := &l.Servers[i]
		s.Server = server
		to := netip.AddrPortFrom(server, 53)
		for _, x := range []struct {
			into *probe.DNSAnswer
			q    dnsQuestion
		}{
			{&s.A, dnsQuestion{server: to, name: name, kind: dnsmessage.TypeA}},
			{&s.AAAA, dnsQuestion{server: to, name: name, kind: dnsmessage.TypeAAAA}},
			{&s.EDNS, dnsQuestion{server: to, name: name, kind: dnsmessage.TypeA, edns: true}},
			{&s.TCP, dnsQuestion{server: to, name: name, kind: dnsmessage.TypeA, tcp: true}},
			{&s.Random, dnsQuestion{server: to, name: random, kind: dnsmessage.TypeA}},
		} {
			if len(x.q.name) < 254 {
				wait.Go(func() { *x.into = x.q.ask(ctx, timeout) })
			}
		}
	}
	wait.Wait()
}

// randomLabel is a name that nobody has given to anything.
func randomLabel() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return "sallyport-" + hex.EncodeToString(b[:])
}
