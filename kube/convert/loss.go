package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Kind is what a loss is about.
type Kind string

// The kinds. The first seven may change what is allowed.
const (
	LostBind     Kind = "bind"     // what bind(2) answers
	LostSource   Kind = "source"   // rules about the source that a program asks for
	LostProtocol Kind = "protocol" // protocols that the target has no word for
	LostPorts    Kind = "ports"    // more single ports than the target takes
	LostCluster  Kind = "cluster"  // pods, nodes and services, about which the target decides otherwise
	LostTunnel   Kind = "tunnel"   // VXLAN and IP in IP, which Calico drops
	LostLoopback Kind = "loopback" // what never leaves the pod
	LostPortZero Kind = "port-0"   // port 0, on which nothing can listen
	LostDenial   Kind = "denial"   // the way in which something is denied
	LostTimeout  Kind = "timeout"  // how long a dropped connect takes
	LostFacts    Kind = "facts"    // the environment's addresses and variables
)

// Kinds is all of them.
func Kinds() []Kind {
	return []Kind{
		LostBind, LostSource, LostProtocol, LostPorts, LostCluster, LostTunnel, LostLoopback, LostPortZero, LostDenial, LostTimeout, LostFacts,
	}
}

// Loss is something that the profile says and the objects don't.
type Loss struct {
	Kind    Kind
	Words   string
	Changes bool // what is allowed is not the same
	// Maybe tells that it is so only where the flows go to addresses of the cluster, and that these were not told.
	Maybe   bool
	Rules   []profile.RuleRef // of the profile, that say it
	Sources string            // what a program asks to send from, for it to matter; "": no bind
	Lost    flowset.Set       // flows that the profile allows and the objects deny
	Gained  flowset.Set       // flows that the profile denies and the objects allow
}

// String is "shop.yaml:12,14: words".
func (l *Loss) String() string {
	if at := where(l.Rules); at != "" {
		return at + ": " + l.Words
	}
	return l.Words
}

func (c *converter) lose(l Loss) { c.result.Lost = append(c.result.Lost, l) }

func (r *Result) sort() {
	order := Kinds()
	slices.SortStableFunc(r.Lost, func(a, b Loss) int {
		if a.Changes != b.Changes {
			if a.Changes {
				return -1
			}
			return 1
		}
		return cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind))
	})
}

var unbound = attempt.Source{}

func (c *converter) bindLoss() {
	p := c.profile
	var refs []profile.RuleRef
	for i, r := range p.Bind.Rules {
		if r.Verdict.Denies() {
			refs = append(refs, profile.RuleRef{Profile: p.Name, File: p.File, Section: "bind", Index: i + 1, Line: r.Line, Reason: r.Reason})
		}
	}
	if p.Bind.Default.Denies() {
		refs = append(refs, profile.RuleRef{Profile: p.Name, File: p.File, Section: "bind", Line: p.Bind.Line})
	}
	if len(refs) > 0 {
		c.lose(Loss{
			Kind: LostBind, Changes: true, Rules: refs,
			Words: fmt.Sprintf("no %s decides about bind: what is denied here is allowed there", c.target),
		})
	}
}

// sourceLoss compares the profile with one whose rules know no sources, as the objects don't: they see the pod's address.
func (c *converter) sourceLoss() {
	var refs []profile.RuleRef
	blind := &profile.Profile{Name: c.profile.Name, Egress: c.profile.Egress, Bind: c.profile.Bind}
	blind.Layers = slices.Clone(c.profile.Layers)
	keep := func(section string, rules []profile.EgressRule) (out []profile.EgressRule) {
		for i, r := range rules {
			if r.Sources != nil {
				ref := profile.RuleRef{
					Profile: c.profile.Name, File: c.profile.File, Section: section, Index: i + 1, Line: r.Line, Reason: r.Reason, From: r.From,
				}
				refs = append(refs, ref)
			}
			if r.Unbound() {
				r.Sources = nil
				out = append(out, r)
			}
		}
		return out
	}
	blind.Egress.Rules = keep("egress", blind.Egress.Rules)
	for i := range blind.Layers {
		blind.Layers[i].Rules = keep("layer "+blind.Layers[i].Name, blind.Layers[i].Rules)
	}
	if len(refs) == 0 {
		return
	}
	l := Loss{Kind: LostSource, Rules: refs}
	d := profile.Diff(c.profile, blind)
	var lost, gained flowset.Builder
	var from []string
	for i, side := range [][]profile.Difference{d.OnlyA, d.OnlyB} {
		for _, e := range side {
			if s := e.Sources.String(); !slices.Contains(from, s) {
				from = append(from, s)
			}
			if i == 0 {
				lost.AddSet(e.Flows)
			} else {
				gained.AddSet(e.Flows)
			}
		}
	}
	l.Lost, l.Gained = lost.Set(), gained.Set()
	l.Changes = !l.Lost.IsEmpty() || !l.Gained.IsEmpty()
	l.Sources = strings.Join(from, "; ")
	reaches := "other destinations"
	switch {
	case l.Lost.IsEmpty():
		reaches = "more"
	case l.Gained.IsEmpty():
		reaches = "less"
	}
	if l.Words = fmt.Sprintf("no %s sees what a program binds to: ", c.target); l.Changes {
		l.Words += fmt.Sprintf("bound to %s, a socket may reach %s there than here", l.Sources, reaches)
	} else {
		l.Words += "this makes no difference"
	}
	c.lose(l)
}

// denialLoss is the ways of denial that become silence.
func (c *converter) denialLoss() {
	denied := everything.Subtract(c.flows).Intersect(flowset.Of(outside, flowset.AllTransports()))
	if denied.IsEmpty() {
		return
	}
	ways := map[string][]profile.RuleRef{}
	times := map[time.Duration][]profile.RuleRef{}
	for _, s := range c.profile.Shares(unbound, denied) {
		v := s.By.Verdict
		if v.Kind != profile.Drop {
			ways[v.String()] = append(ways[v.String()], *s.By.By())
		} else if v.Timeout > 0 {
			times[v.Timeout] = append(times[v.Timeout], *s.By.By())
		}
	}
	for _, w := range sortedKeys(ways) {
		c.lose(Loss{
			Kind: LostDenial, Rules: ways[w],
			Words: fmt.Sprintf("%s becomes silence: a connect that ends in %s here times out there", w, ending(w)),
		})
	}
	for _, d := range sortedKeys(times) {
		c.lose(Loss{
			Kind: LostTimeout, Rules: times[d],
			Words: fmt.Sprintf("a dropped connect times out when its kernel gives up, not after %v", d),
		})
	}
}

// ending is how a denied connect ends, by its verdict's text.
func ending(verdict string) string {
	switch verdict {
	case "refuse":
		return "ECONNREFUSED"
	case "unreachable":
		return "EHOSTUNREACH"
	}
	return verdict
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// loopbackLoss is what is denied to loopback. It counts where a rule says so itself; a default, and a rule about everything, mean the network.
func (c *converter) loopbackLoss() {
	denied := flowset.Of(loopback, flowset.AllTransports()).Subtract(c.flows)
	var refs, others []profile.RuleRef
	for _, r := range c.decided(denied) {
		if rule := c.rules[idOf(&r)]; rule != nil && rule.Destinations != nil && rule.Flows().Addrs().SubsetOf(loopback) {
			refs = append(refs, r)
		} else {
			others = append(others, r)
		}
	}
	if len(refs)+len(others) == 0 {
		return
	}
	l := Loss{Kind: LostLoopback, Changes: len(refs) > 0, Rules: refs, Gained: denied}
	if l.Words = "127.0.0.0/8 and ::1 stay allowed: no policy sees what stays in the pod"; len(refs) == 0 {
		l.Rules = others
	}
	c.lose(l)
}

func (c *converter) factLoss() {
	var what []string
	if len(c.profile.Facts.Addresses) > 0 {
		what = append(what, "addresses")
	}
	if len(c.profile.Facts.Environment) > 0 {
		what = append(what, "environment")
	}
	if len(what) > 0 {
		at := ""
		if c.profile.File != "" {
			at = c.profile.File + ": "
		}
		c.lose(Loss{Kind: LostFacts, Words: at + "facts (" + strings.Join(what, ", ") + ") have no place in a policy"})
	}
}

// compare lists what of the profile's flows did not come out, and what came out on top.
func (c *converter) compare(got flowset.Set) {
	lost, gained := sent(c.want.Subtract(got)), sent(got.Subtract(c.want))
	if c.apart() { // there it is another loss
		there := flowset.Of(c.cluster, flowset.AllTransports())
		lost, gained = lost.Subtract(there), gained.Subtract(there)
	}
	zero := flowset.Of(flowset.AllAddrs(), portZero)
	c.flowLoss(LostPortZero, false, lost.Intersect(zero), gained.Intersect(zero), func(flows string) string {
		return "no policy can name port 0, on which nothing listens"
	})
	lost, gained = lost.Subtract(zero), gained.Subtract(zero)
	c.flowLoss(LostProtocol, true, only(lost, bare), only(gained, bare), func(flows string) string {
		knows := "TCP, UDP and SCTP"
		if c.target == CiliumNetworkPolicy {
			knows = "TCP, UDP, SCTP and ICMP"
		}
		return fmt.Sprintf("%s names only %s: not allowed is %s", c.target.one(), knows, flows)
	})
	c.flowLoss(LostPorts, true, only(lost, ported), only(gained, ported), func(flows string) string {
		return fmt.Sprintf("%s has no port ranges, and here at most %d ports a rule: not allowed is %s", c.target.one(), maxFirewallPorts, flows)
	})
}

// apart reports whether it is known to which addresses the target does something else than its rules say.
func (c *converter) apart() bool {
	return len(c.options.Cluster) > 0 && (c.target == EgressFirewall || c.target == CiliumNetworkPolicy)
}

func (c *converter) flowLoss(kind Kind, changes bool, lost, gained flowset.Set, words func(flows string) string) {
	if lost.IsEmpty() && gained.IsEmpty() {
		return
	}
	c.lose(Loss{
		Kind: kind, Changes: changes, Lost: lost, Gained: gained, Rules: c.decided(lost.Union(gained)), Words: words(brief(lost)),
	})
}

// brief is a set in some 100 characters: what is in it for certain, and how much more there is.
func brief(s flowset.Set) string {
	s = spoken(s)
	first, more := "", 0
	for part := range s.All() {
		if first != "" {
			more++
			continue
		}
		t := part.Transports.String()
		if len(t) > 60 {
			t = "some ports"
		}
		if rest, ok := strings.CutSuffix(t, flowset.Others.String()); ok {
			t = rest + "other protocols"
		}
		first = t + " to " + places(part.Addrs)
	}
	if more > 0 {
		first += fmt.Sprintf(", and %d more", more)
	}
	return first
}

// places is addresses in some 60 characters.
func places(a flowset.Addrs) string {
	switch {
	case a.Union(loopback).IsAll():
		return "every destination"
	case a.Equal(private):
		return "private addresses"
	}
	blocks, _ := blocksOf(a)
	text := ""
	for i, b := range blocks {
		s := b.String()
		if i > 0 && len(text)+len(s) > 60 || i == 0 && len(s) > 120 {
			if i == 0 {
				return "parts of " + b.Prefix.String()
			}
			return fmt.Sprintf("%s and %d more prefixes", text, len(blocks)-i)
		}
		if i > 0 {
			text += ", "
		}
		text += s
	}
	return text
}
