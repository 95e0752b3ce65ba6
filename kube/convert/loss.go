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

// The kinds. The first six may change what is allowed.
const (
	LostBind     Kind = "bind"     // what bind(2) answers
	LostSource   Kind = "source"   // rules about the source that a program asks for
	LostProtocol Kind = "protocol" // protocols that the target has no word for
	LostPorts    Kind = "ports"    // more single ports than the target takes
	LostCluster  Kind = "cluster"  // pods, nodes and services, about which the target decides otherwise
	LostLoopback Kind = "loopback" // what never leaves the pod
	LostPortZero Kind = "port-0"   // port 0, on which nothing can listen
	LostDenial   Kind = "denial"   // the way in which something is denied
	LostTimeout  Kind = "timeout"  // how long a dropped connect takes
	LostFacts    Kind = "facts"    // the environment's addresses and variables
)

// Kinds is all of them.
func Kinds() []Kind {
	return []Kind{
		LostBind, LostSource, LostProtocol, LostPorts, LostCluster, LostLoopback, LostPortZero, LostDenial, LostTimeout, LostFacts,
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
			Words: fmt.Sprintf("%s decides nothing about bind: what this denies is allowed", c.target.one()),
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
	all := " the source that a program asks for is not seen"
	switch {
	case !l.Changes:
		l.Words = "by " + c.target.one() + all + ", and this comes to the same for all"
	case l.Lost.IsEmpty():
		l.Words = fmt.Sprintf("by %s%s: from %s more is allowed than here", c.target.one(), all, l.Sources)
	case l.Gained.IsEmpty():
		l.Words = fmt.Sprintf("by %s%s: from %s less is allowed than here", c.target.one(), all, l.Sources)
	default:
		l.Words = fmt.Sprintf("by %s%s: from %s other flows are allowed than here", c.target.one(), all, l.Sources)
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
			Words: fmt.Sprintf("%s has one way to deny, silence: a connect times out, and does not end in %s", c.target.one(), ending(w)),
		})
	}
	for _, d := range sortedKeys(times) {
		c.lose(Loss{
			Kind: LostTimeout, Rules: times[d],
			Words: fmt.Sprintf("a connect that is dropped times out when the kernel gives up, not after %v", d),
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
	if l.Words = "127.0.0.0/8 and ::1 stay allowed: no policy sees what does not leave the pod"; len(refs) == 0 {
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
		c.lose(Loss{Kind: LostFacts, Words: at + "facts (" + strings.Join(what, ", ") + ") are of no use to a policy"})
	}
}

// compare lists what of the profile's flows did not come out, and what came out on top.
func (c *converter) compare(got flowset.Set) {
	// What settle made up is nobody's loss.
	lost, gained := c.want.Subtract(got).Intersect(c.flows), got.Subtract(c.want).Subtract(c.flows)
	zero := flowset.Of(flowset.AllAddrs(), portZero)
	c.flowLoss(LostPortZero, false, lost.Intersect(zero), gained.Intersect(zero), func(flows string) string {
		return "port 0 cannot be named, on which nothing listens"
	})
	lost, gained = lost.Subtract(zero), gained.Subtract(zero)
	c.flowLoss(LostProtocol, true, only(lost, bare), only(gained, bare), func(flows string) string {
		words := "has words for TCP, UDP and SCTP alone"
		if c.target == CiliumNetworkPolicy {
			words = "has no words for protocols but TCP, UDP, SCTP and ICMP"
		}
		return fmt.Sprintf("%s %s: not allowed is %s", c.target.one(), words, flows)
	})
	c.flowLoss(LostPorts, true, only(lost, ported), only(gained, ported), func(flows string) string {
		return fmt.Sprintf("%s names single ports, %d a rule at most: not allowed is %s", c.target.one(), maxFirewallPorts, flows)
	})
}

func (c *converter) flowLoss(kind Kind, changes bool, lost, gained flowset.Set, words func(flows string) string) {
	if lost.IsEmpty() && gained.IsEmpty() {
		return
	}
	c.lose(Loss{
		Kind: kind, Changes: changes, Lost: lost, Gained: gained, Rules: c.decided(lost.Union(gained)), Words: words(brief(lost)),
	})
}

// brief is a set in at most some 100 characters.
func brief(s flowset.Set) string {
	text := s.String()
	if len(text) <= 100 {
		return text
	}
	n := 0
	for range s.All() {
		n++
	}
	first := ""
	for part := range s.All() {
		if first = part.String(); len(first) > 80 {
			first = part.Transports.String() + " to addresses of " + firstPrefix(part.Addrs) + " and others"
		}
		break
	}
	if n > 1 {
		first += fmt.Sprintf("; and %d more", n-1)
	}
	if len(first) > 160 {
		return fmt.Sprintf("flows to %s and others", firstPrefix(s.Addrs()))
	}
	return first
}

func firstPrefix(a flowset.Addrs) string {
	for _, p := range a.Prefixes() {
		return p.String()
	}
	return "no address"
}
