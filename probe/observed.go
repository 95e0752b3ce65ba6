package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Observed is what was measured in one place.
type Observed struct {
	Name        string // of the host, or what it is to be called
	Place       *Place
	Environment map[string]string // the proxy variables
	Resolver    profile.Resolver
	Local       []LocalRow
	Matrix      *Matrix
}

// Profile is the observed profile: what was denied is denied in the same way, what was not tried counts as allowed. Running a program under it
// recreates what was measured.
func (o *Observed) Profile() *profile.Profile {
	p := &profile.Profile{
		Name:        profileName(o.Name),
		Description: fmt.Sprintf("measured %s on %s: %d attempts; what was not tried counts as allowed", o.Matrix.End.UTC().Format(time.RFC3339), oneLine(o.Name), o.Matrix.Attempts),
		Facts:       profile.Facts{Environment: o.Environment, Resolver: o.Resolver},
		Bind:        profile.Bind{Rules: o.bindRules()},
		Egress:      profile.Egress{Rules: o.egressRules()},
	}
	if o.Matrix.Attempts == 0 {
		p.Description = fmt.Sprintf("measured on %s, without any network; what was not tried counts as allowed", oneLine(o.Name))
	}
	p.Facts.SeenAs = o.Matrix.SeenAs()
	if o.Place != nil {
		p.Facts.Addresses = slices.Concat(o.Place.Addresses, o.Place.Loopbacks)
		p.Facts.Addresses = slices.DeleteFunc(p.Facts.Addresses, netip.Addr.IsLinkLocalUnicast)
	}
	return p
}

// profileName makes a name that a profile may have.
func profileName(s string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
	if name = strings.Trim(name, "-."); name == "" {
		return "observed"
	}
	return name[:min(len(name), 253)]
}

// oneLine is a name with nothing in it that a line could not hold.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}

// bindRules are the binds that were denied here. That an address is not local, or a port in use, is no rule.
func (o *Observed) bindRules() []profile.BindRule {
	var rules []profile.BindRule
	for i := range o.Local {
		row := &o.Local[i]
		if row.Source.Kind == attempt.SourceNone || row.NoPort {
			continue
		}
		for _, r := range []*Result{&row.TCP, &row.UDP} {
			if r.Stage != StageBind || r.Outcome.Kind != attempt.Denied {
				continue
			}
			b := profile.BindRule{
				Addresses: []profile.Block{addressBlock(row)},
				Protocols: []attempt.Protocol{r.Protocol},
				Verdict:   profile.Verdict{Kind: profile.DenyErrno, Errno: r.Outcome.Errno},
				Reason:    "a bind to " + row.Name + " was denied",
			}
			switch port := row.Source.Addr.Port(); {
			case port == lowPort:
				b.Ports = []profile.PortRange{{First: 1, Last: lowPort}}
			case port != 0:
				b.Ports = []profile.PortRange{{First: lowPort + 1, Last: 65535}}
			default:
				b.Ports = []profile.PortRange{{First: 0, Last: 0}}
			}
			rules = merge(rules, b)
		}
	}
	for i := range rules {
		r := &rules[i]
		slices.SortFunc(r.Ports, func(a, b profile.PortRange) int { return int(a.First) - int(b.First) })
		if len(r.Ports) == 3 { // a port of the kernel's choice, a low and a high one
			r.Ports = nil
		}
	}
	return rules
}

// addressBlock is what a bind by a variant names. The wildcard address of IPv6 is any, as that of IPv4 is.
func addressBlock(row *LocalRow) profile.Block {
	switch a := row.Source.Addr.Addr(); {
	case a.IsUnspecified():
		return profile.Block{Word: profile.Any}
	case a.IsLoopback() && row.Name == a.String() && (a.Is6() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1})):
		return profile.Block{Word: profile.Loopback}
	default:
		return profile.Block{Prefix: netip.PrefixFrom(a, a.BitLen())}
	}
}

// merge adds a rule, or puts it into one that differs in its ports or protocols alone.
func merge(rules []profile.BindRule, b profile.BindRule) []profile.BindRule {
	same := func(x, y profile.Block) bool { return x.Word == y.Word && x.Prefix == y.Prefix }
	for i := range rules {
		r := &rules[i]
		if r.Verdict != b.Verdict || !same(r.Addresses[0], b.Addresses[0]) {
			continue
		}
		ports := slices.Equal(r.Ports, b.Ports)
		protocols := slices.Equal(r.Protocols, b.Protocols)
		switch {
		case ports && protocols:
			return rules
		case ports && !slices.Contains(r.Protocols, b.Protocols[0]):
			r.Protocols = append(r.Protocols, b.Protocols...)
			return rules
		case slices.Contains(r.Protocols, b.Protocols[0]) && !slices.Contains(r.Ports, b.Ports[0]):
			r.Ports = append(r.Ports, b.Ports...)
			return rules
		case slices.Contains(r.Protocols, b.Protocols[0]):
			return rules
		}
	}
	return append(rules, b)
}

// egressRules are what became of attempts: first those from a source that made a difference, then those without a bind.
func (o *Observed) egressRules() []profile.EgressRule {
	type where struct {
		addr  netip.Addr
		proto attempt.Protocol
		port  uint16
	}
	plain := map[where]profile.Verdict{}
	var bound, unbound []profile.EgressRule
	rows := o.Matrix.Rows()
	for _, r := range rows {
		if r.order() != 0 {
			continue
		}
		for _, e := range r.Ends {
			v, known := e.verdict()
			if !known {
				continue
			}
			for _, p := range e.ports {
				plain[where{r.Addr, r.Protocol, p}] = v
			}
			unbound = append(unbound, e.rule(r, v, e.ports, nil))
		}
	}
	for _, r := range rows {
		if k := r.order(); k != 1 && k != 2 || r.NoPort {
			continue
		}
		src := profile.Block{Word: profile.Any}
		if r.Bound.Kind == attempt.SourceGiven {
			a := r.Bound.Addr.Addr()
			src = profile.Block{Prefix: netip.PrefixFrom(a, a.BitLen())}
		}
		for _, e := range r.Ends {
			v, known := e.verdict()
			if !known || e.Stage == StageBind || e.Stage == StageSocket {
				continue
			}
			ports := slices.DeleteFunc(slices.Clone(e.ports), func(p uint16) bool {
				without, there := plain[where{r.Addr, r.Protocol, p}]
				return there && without == v
			})
			if len(ports) > 0 {
				bound = append(bound, e.rule(r, v, ports, []profile.Block{src}))
			}
		}
	}
	return append(bound, unbound...)
}

// verdict is the rule's verdict that recreates an end.
func (e *End) verdict() (profile.Verdict, bool) {
	switch e.Outcome.Kind {
	case attempt.Connected:
		return profile.Verdict{Kind: profile.Allow}, e.Verdict == Allowed
	case attempt.TimedOut:
		return profile.Verdict{Kind: profile.Drop}, e.Stage == StageConnect
	case attempt.Refused:
		return profile.Verdict{Kind: profile.Refuse}, true
	case attempt.Unreachable:
		if e.Layer == LocalRoute {
			return profile.Verdict{Kind: profile.DenyErrno, Errno: e.Outcome.Errno}, true
		}
		return profile.Verdict{Kind: profile.Unreachable}, true
	case attempt.Denied, attempt.Failed:
		return profile.Verdict{Kind: profile.DenyErrno, Errno: e.Outcome.Errno}, e.Verdict == Denied
	}
	return profile.Verdict{}, false
}

func (e *End) rule(r *MatrixRow, v profile.Verdict, ports []uint16, sources []profile.Block) profile.EgressRule {
	rule := profile.EgressRule{
		Sources:      sources,
		Destinations: []profile.Block{{Prefix: netip.PrefixFrom(r.Addr, r.Addr.BitLen())}},
		Protocols:    []attempt.Protocol{r.Protocol},
		Verdict:      v,
		Reason:       "measured: " + e.Outcome.String(),
	}
	if r.Name != "" {
		rule.Reason += ", " + r.Name
	}
	if e.Outcome.Kind == attempt.Refused {
		rule.Reason += "; nothing listens there, or a firewall answers in its name"
	}
	for first, last := range flowset.PortsOf(ports...).Ranges() {
		rule.Ports = append(rule.Ports, profile.PortRange{First: first, Last: last})
	}
	return rule
}
