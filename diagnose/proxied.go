package diagnose

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// Heard tells what the program and its proxies said to each other, before Findings is called.
func (v *Investigation) Heard(all []proxy.Exchange) { v.heard = all }

// proxyTalk is what a program asked a proxy for without success, and what is to be said of it.
type proxyTalk struct {
	proxy   *Proxy
	ask     proxy.Ask
	targets []string // all that it asked for, and got the same answer
	asked   bool     // it was sallyport that asked: what the program was answered was not seen
}

// proxyCauses are the causes that answers are.
var proxyCauses = map[proxy.Kind]string{proxy.WantsUser: ProxyUser, proxy.Denied: ProxyDenied, proxy.CannotReach: ProxyCannotReach}

// proxied adds the findings about proxies that the program used, and that did not do what it asked.
func (v *Investigation) proxied(ctx context.Context, rec *record, folded *folder) {
	var talks []*overheardTalk
	var unheard []*made
	for i := range rec.all {
		m := &rec.all[i]
		s := v.dials.settingsOf(m)
		if s == nil || !m.connected() || m.Protocol != attempt.TCP || m.Call != attempt.CallConnect || m.Decided {
			continue
		}
		asks := v.asksOf(m)
		if asks == nil {
			if s.proxyAt(m.Attempt, true) != nil {
				unheard = append(unheard, m)
			}
			continue
		}
		p := s.proxyAt(m.Attempt, true) // it speaks like one, so it is
		if p == nil {
			continue
		}
		for _, a := range asks {
			talks = append(talks, &overheardTalk{m, p, a})
		}
	}
	v.judge(ctx, rec, folded, talks)
	v.askProxies(ctx, rec, folded, unheard)
	slices.SortStableFunc(folded.findings, func(a, b Finding) int { return a.At.Compare(b.At) })
}

// overheardTalk is one request of a program to its proxy.
type overheardTalk struct {
	m   *made
	p   *Proxy
	ask proxy.Ask
}

// asksOf is what was heard on an attempt's connection.
func (v *Investigation) asksOf(m *made) []proxy.Ask {
	to := netip.AddrPortFrom(m.Destination.Addr().Unmap().WithZone(""), m.Destination.Port())
	local := netip.AddrPortFrom(m.life.Local.Addr().Unmap().WithZone(""), m.life.Local.Port())
	for _, x := range v.heard {
		if x.Local == local && x.Proxy == to && (x.Netns == m.life.Netns) {
			return x.Asks
		}
	}
	return nil
}

// judge makes findings of what was heard. What the program got in the end, as after a first request without a user, is none; and what it did
// not get is a note where it ended well with other things that it got.
func (v *Investigation) judge(ctx context.Context, rec *record, folded *folder, talks []*overheardTalk) {
	type group struct{ process, host, cause, offered string }
	groups := make(map[group]*examined)
	counts := make(map[group]int)
	var order []group
	for _, t := range talks {
		cause := proxyCauses[t.ask.Answer.Kind]
		granted := func(match func(o *overheardTalk) bool) bool {
			return slices.ContainsFunc(talks, func(o *overheardTalk) bool {
				return o.m.program(t.m) && o.ask.Answer.Kind == proxy.Granted && match(o)
			})
		}
		switch {
		case t.ask.Answer.Kind == proxy.Other && v.ended && v.status != 0:
			text := fmt.Sprintf("%s was answered %q by way of the proxy %s", processName(t.m.life.Process), t.ask.Answer.Words, t.p.Host)
			if !t.ask.Socks && t.ask.Method != "CONNECT" {
				text += ": whether that is the proxy's word or the far end's is not certain"
			}
			folded.note(t.m.note(NoteProxy, text))
			continue
		case cause == "" || granted(func(o *overheardTalk) bool { return o.ask.Target == t.ask.Target }):
			continue
		case rec.succeeded && granted(func(*overheardTalk) bool { return true }):
			folded.note(t.m.note(NoteProxy, fmt.Sprintf("%s asked the proxy %s for %s, and was answered %q; the program ended well",
				processName(t.m.life.Process), t.p.Host, t.ask.Target, t.ask.Answer.Words)))
			continue
		}
		key := group{t.m.process, t.p.Host, cause, t.ask.Offered}
		counts[key]++
		if x := groups[key]; x == nil {
			groups[key] = v.used(t.m, rec, &proxyTalk{proxy: t.p, ask: t.ask, targets: []string{t.ask.Target}})
			order = append(order, key)
		} else if !slices.Contains(x.asked.targets, t.ask.Target) {
			x.asked.targets = append(x.asked.targets, t.ask.Target)
		}
	}
	for _, key := range order {
		x := groups[key]
		v.tryDirectly(ctx, x)
		f := x.findingOf(key.cause)
		f.Count = counts[key]
		folded.findings = append(folded.findings, f)
	}
}

// used is a connected attempt to a proxy, to be explained.
func (v *Investigation) used(m *made, rec *record, t *proxyTalk) *examined {
	return &examined{made: m, experiment: &experiment{}, facts: v.facts(), rec: rec, options: v.options, proxy: t.proxy, asked: t}
}

// changeDirectly is what a counterfactual changed that leaves the proxy out.
const changeDirectly = "directly, without the proxy"

// tryDirectly tries to reach what the proxy did not lead to without it.
func (v *Investigation) tryDirectly(ctx context.Context, x *examined) {
	if v.trier == nil || v.options.NoCounterfactuals {
		return
	}
	host, _ := proxy.SplitHostPort(x.asked.targets[0])
	limit, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	to, err := resolve(limit, x.asked.targets[0])
	if err != nil {
		return
	}
	a := attempt.Attempt{Protocol: attempt.TCP, Destination: to}
	if _, err := netip.ParseAddr(host); err != nil {
		a.Name = host
	}
	if c, err := v.try(ctx, x.pid(), trial{change: changeDirectly, attempt: a}); err == nil {
		x.cfs = append(x.cfs, c)
	}
}

// target is what was asked for, in words.
func (t *proxyTalk) target() string {
	if len(t.targets) > 3 {
		return strings.Join(t.targets[:3], ", ") + fmt.Sprintf(" and %d more", len(t.targets)-3)
	}
	return strings.Join(t.targets, ", ")
}
