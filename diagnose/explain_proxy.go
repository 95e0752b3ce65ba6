package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// proxyNeeded names the cause where the same attempt by way of a proxy connected, and made directly again it did not.
func (x *examined) proxyNeeded() string {
	if x.Call != attempt.CallConnect || x.Decided || x.byProxyOutcome().Kind != attempt.Connected {
		return ""
	}
	for _, c := range x.cfs {
		if c.Outcome.Kind == attempt.Connected && !strings.HasPrefix(c.Change, changeProxy) {
			return "" // there is a way without it
		}
	}
	if x.rec.reached(x.made) {
		return ""
	}
	return ProxyNeeded
}

// byProxyOutcome is how the attempt by way of the proxy ended; the zero value where it was not made.
func (x *examined) byProxyOutcome() attempt.Outcome {
	for _, c := range x.cfs {
		if strings.HasPrefix(c.Change, changeProxy) {
			return c.Outcome
		}
	}
	return attempt.Outcome{}
}

// reached reports whether anything of the run connected to the attempt's very destination.
func (rec *record) reached(m *made) bool {
	return slices.ContainsFunc(rec.all, func(o made) bool {
		return o.connected() && o.Protocol == m.Protocol && same(o.Destination, m.Destination)
	})
}

func explainProxyNeeded(x *examined, e *explanation) {
	p := proxyFor(x.Attempt, x.facts)
	direct := "it can't be reached directly: " + x.directly()
	e.summary = fmt.Sprintf("%s went directly to %s, and from here %s; by way of the proxy %s it connects", x.who(), x.to(), direct, p.Host)
	c := x.client()
	item := c.exempting(x.facts.NoProxy, x.Attempt)
	switch {
	case item != "":
		e.saw("no_proxy has %q, which exempts this destination from the proxy that %s names", item, p.where())
		if words := proxy.Rule(item); words != "" {
			e.saw("%s: %s", item, words)
		}
		e.advise("take %q out of no_proxy, or have %s allowed directly", item, x.destinationRule())
	case p.From != "" && x.env == nil:
		e.saw("%s names a proxy; sallyport's own environment names none, and that of %s could not be read", p.where(), x.name())
	case p.From != "":
		e.saw("%s names a proxy; the environment that %s was started with names none", p.where(), x.name())
	case x.env == nil:
		e.saw("%s is set in sallyport's environment; that of %s could not be read", p.Variable, x.name())
	default:
		e.saw("%s is set in the environment that %s was started with", p.Variable, x.name())
	}
	if item == "" && p.From == "" {
		for _, words := range c.ignores(p, int(x.Destination.Port())) {
			e.saw("%s", words)
		}
	}
	for _, remedy := range c.remedies(p) {
		e.advise("%s", remedy)
	}
	e.advise("where no proxy can be used: have %s allowed directly", x.destinationRule())
}

// directly is how the direct way ended, for a sentence.
func (x *examined) directly() string {
	if x.Outcome.Errno == 0 || x.Outcome.Kind == attempt.TimedOut {
		return "no answer in " + attempt.DurationText(x.waited)
	}
	return x.errno()
}

// adviseProxy speaks of the proxy where the cause is another.
func (x *examined) adviseProxy(e *explanation) {
	p := proxyFor(x.Attempt, x.facts)
	if p == nil || x.Outcome.Kind == attempt.Connected {
		return
	}
	switch x.byProxyOutcome().Kind {
	case attempt.Connected:
		e.saw("by way of the proxy it connects as well")
	case attempt.InProgress:
		e.saw("%s names the proxy %s, and %s went directly", p.where(), p.Host, x.name())
	default:
		e.saw("%s names the proxy %s; %s went directly, and by way of the proxy it did not connect either", p.where(), p.Host, x.name())
	}
}
