package profile

import "fmt"

// RuleRef names a rule of a profile.
type RuleRef struct {
	Profile string // the profile's name
	File    string // where it was read from; "" for one made by hand
	Section string // "bind", "egress" or "layer NAME"
	Index   int    // counted from 1; 0 for the section's default
	Line    int    // in File; 0 where it is not written there
	Reason  string
	From    Origin // of the rule, else of its layer
}

// String is "openshift-v2-gear, bind rule 1 (line 12): the reason", "openshift-v2-gear, bind default (line 9)", or
// "shop, layer tiers rule 2 (line 31), from NetworkPolicy shop/db (policies.yaml:12)".
//
// Of a profile that was made of objects rather than read, it is "NetworkPolicy shop/db (policies.yaml:12): the reason".
func (r *RuleRef) String() string {
	if from := r.From.String(); from != "" && r.File == "" {
		if r.Reason != "" {
			from += ": " + r.Reason
		}
		return from
	}
	s := r.Profile
	if s == "" {
		s = "unnamed profile"
	}
	s += ", " + r.Short()
	if r.Reason != "" {
		s += ": " + r.Reason
	}
	return s
}

// Short is String without the profile's name and the reason.
func (r *RuleRef) Short() string {
	s := r.Section
	if r.Index > 0 {
		s += fmt.Sprintf(" rule %d", r.Index)
	} else {
		s += " default"
	}
	if r.Line > 0 {
		s += fmt.Sprintf(" (line %d)", r.Line)
	}
	if from := r.From.String(); from != "" {
		s += ", from " + from
	}
	return s
}
