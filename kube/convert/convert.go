package convert

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Target is a kind of policy object.
type Target uint8

// The targets.
const (
	NetworkPolicy       Target = iota + 1 // networking.k8s.io/v1
	EgressFirewall                        // k8s.ovn.org/v1
	CiliumNetworkPolicy                   // cilium.io/v2
	CalicoNetworkPolicy                   // projectcalico.org/v3 NetworkPolicy
)

var targets = [...]struct{ word, name, a string }{
	NetworkPolicy:       {"networkpolicy", "NetworkPolicy", "a "},
	EgressFirewall:      {"egressfirewall", "EgressFirewall", "an "},
	CiliumNetworkPolicy: {"cilium", "CiliumNetworkPolicy", "a "},
	CalicoNetworkPolicy: {"calico", "Calico NetworkPolicy", "a "},
}

// Targets is the words for them: networkpolicy, egressfirewall, cilium, calico.
func Targets() []string {
	var words []string
	for _, t := range targets[1:] {
		words = append(words, t.word)
	}
	return words
}

// TargetOf is the target that a word of [Targets] names.
func TargetOf(word string) (Target, bool) {
	for i, t := range targets {
		if i > 0 && t.word == word {
			return Target(i), true
		}
	}
	return 0, false
}

// String is the kind, "NetworkPolicy".
func (t Target) String() string { return targets[t].name }

// Word is what [TargetOf] reads.
func (t Target) Word() string { return targets[t].word }

// one is "a NetworkPolicy", "an EgressFirewall".
func (t Target) one() string { return targets[t].a + t.String() }

// Options is what a profile does not tell.
type Options struct {
	Namespace string            // "": the objects name none
	Name      string            // "": the profile's
	Labels    map[string]string // of the pods that are selected; none: every pod of the namespace
	// Cluster is the prefixes that the cluster's pods, nodes and services have their addresses from. None: not known, so that any private
	// address may be one of them.
	Cluster []netip.Prefix
}

// Result is what a profile was written as.
type Result struct {
	Target  Target
	Profile *profile.Profile
	Objects []Object
	Lost    []Loss   // what the objects cannot say, what changes the most first
	Notes   []string // what else there is to know
}

// Changes reports whether anything was lost that changes what is allowed, but for losses of the kinds that are accepted.
func (r *Result) Changes(accepted ...Kind) bool {
	for i := range r.Lost {
		l := &r.Lost[i]
		ok := !l.Changes
		for _, k := range accepted {
			ok = ok || l.Kind == k
		}
		if !ok {
			return true
		}
	}
	return false
}

// converter makes one result.
type converter struct {
	target  Target
	profile *profile.Profile
	options Options

	flows   flowset.Set // what the profile allows to a socket that is not bound
	want    flowset.Set // settle(flows)
	cluster flowset.Addrs
	rules   map[ruleID]*profile.EgressRule

	result *Result
}

// To writes a profile as objects of a kind. An error is an option that cannot be, or a profile that needs more than the target takes.
func To(t Target, p *profile.Profile, o Options) (*Result, error) {
	if err := o.check(t); err != nil {
		return nil, err
	}
	c := &converter{target: t, profile: p, options: o, result: &Result{Target: t, Profile: p}}
	c.flows = p.Flows(attempt.Source{})
	c.want = settle(c.flows)
	c.cluster = private
	if len(o.Cluster) > 0 {
		c.cluster = flowset.AddrsOf(o.Cluster...)
	}
	c.index()
	c.bindLoss()
	c.sourceLoss()
	var err error
	switch t {
	case NetworkPolicy:
		err = c.networkPolicy()
	case EgressFirewall:
		err = c.egressFirewall()
	case CiliumNetworkPolicy:
		err = c.cilium()
	default:
		err = c.calico()
	}
	if err != nil {
		return nil, err
	}
	c.denialLoss()
	c.loopbackLoss()
	c.factLoss()
	c.notes()
	c.result.sort()
	return c.result, nil
}

func (o *Options) check(t Target) error {
	var errs []error
	if o.Namespace != "" && !isLabel(o.Namespace) {
		errs = append(errs, fmt.Errorf("namespace %q: want at most 63 of a-z, 0-9 and -, such as shop", o.Namespace))
	}
	if o.Name != "" && !isSubdomain(o.Name) {
		errs = append(errs, fmt.Errorf("name %q: want a-z, 0-9, - and ., such as web-egress", o.Name))
	}
	if t == CalicoNetworkPolicy && strings.Contains(o.Name, ".") {
		errs = append(errs, fmt.Errorf("name %q: Calico takes what is before a dot for the name of a tier, want one without", o.Name))
	}
	for k, v := range o.Labels {
		prefix, name, found := strings.Cut(k, "/")
		if !found {
			prefix, name = "", k
		}
		if found && !isSubdomain(prefix) || !isQualified(name) || v != "" && !isQualified(v) {
			errs = append(errs, fmt.Errorf("label %s=%s: want a label's name and value, such as app=web", k, v))
		}
	}
	if t == EgressFirewall {
		if o.Name != "" && o.Name != "default" {
			errs = append(errs, fmt.Errorf("name %q: an EgressFirewall is named default, of which a namespace has one", o.Name))
		}
		if len(o.Labels) > 0 {
			errs = append(errs, errors.New("an EgressFirewall is for every pod of its namespace: it has no selector"))
		}
	}
	for _, p := range o.Cluster {
		if !p.IsValid() || p.Masked() != p || p.Addr().Is4In6() {
			errs = append(errs, fmt.Errorf("prefix %s of the cluster: want one without bits beyond its length, such as 10.128.0.0/14", p))
		}
	}
	return errors.Join(errs...)
}

func isLabel(s string) bool { return isSubdomain(s) && !strings.Contains(s, ".") && len(s) <= 63 }

func isSubdomain(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || part[0] == '-' || part[len(part)-1] == '-' || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(s) <= 253
}

// isQualified reports whether s may be the name of a label without its prefix, or its value.
func isQualified(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= 63 && strings.Trim(s, letters+"-_.") == "" &&
		strings.Trim(s[:1], letters) == "" && strings.Trim(s[len(s)-1:], letters) == ""
}

// name is that of the objects.
func (c *converter) name() string {
	switch {
	case c.target == EgressFirewall:
		return "default" // the only one that a namespace can have
	case c.options.Name != "":
		return c.options.Name
	case c.profile.Name == "":
		return "egress"
	case c.target == CalicoNetworkPolicy:
		return strings.ReplaceAll(c.profile.Name, ".", "-") // before a dot it looks for the name of a tier
	}
	return c.profile.Name
}
