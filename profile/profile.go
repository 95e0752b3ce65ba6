package profile

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/sallyport/sallyport/attempt"
)

// Profile is what client sockets may do in an environment. The zero value allows everything.
//
// A profile may be put together by hand, and is not to be changed once it has made a decision: the first one compiles
// its rules (Parse and Load have done so already). It must not be copied. Decisions may be made by many goroutines at once.
type Profile struct {
	Name        string // lower-case letters, digits, "-" and "."
	Description string // one line for people
	File        string // where it was read from; "" for one made by hand
	Facts       Facts
	Bind        Bind
	Egress      Egress
	Layers      []Layer // come after Egress, in their order

	compiled atomic.Pointer[compiled]
}

// Facts is what a profile knows of its environment apart from rules.
type Facts struct {
	Addresses   []netip.Addr      // the addresses that sockets may have there
	SeenAs      []netip.Addr      // the addresses by which the far end sees them, where that is known
	Resolver    Resolver          // what names are resolved by
	Environment map[string]string // variables that the environment sets for the program
}

// Resolver is what names are resolved by, as resolv.conf(5) has it. The zero value is "not known".
type Resolver struct {
	Servers []netip.Addr
	Search  []string // domains, without a dot at their ends
	Ndots   *int     // from 0 to 15; nil: the resolver's own, which is 1
}

// Bind is what bind(2) answers: the first rule that matches decides, and else the default.
type Bind struct {
	Default Verdict // allow or an errno
	Rules   []BindRule
	Line    int // of the default, in File; 0 where it is not written there
}

// BindRule is one rule about binds. It matches when all of Addresses, Ports and Protocols do.
type BindRule struct {
	Addresses []Block            // nil: every address
	Ports     []PortRange        // nil: every port
	Protocols []attempt.Protocol // nil: every protocol
	Verdict   Verdict            // allow or an errno
	Reason    string             // one line for people
	Line      int                // in File; 0 for a rule made by hand
}

// Egress is what becomes of connects, and of datagrams sent: the first rule that matches decides, and else the default.
type Egress struct {
	Default Verdict
	Rules   []EgressRule
	Line    int // of the default, in File; 0 where it is not written there
}

// Layer is one more list of egress rules, as a kind of policy object makes them. Every layer, and Egress, must let an attempt pass:
// the first that denies it decides. One that has no rule for an attempt goes by its default, which is
// allow, a denial, or Abstain: that it has nothing to say.
type Layer struct {
	Name    string // as Profile.Name; not "bind" or "egress"
	From    Origin
	Default Verdict
	Rules   []EgressRule
	Line    int // in File; 0 for one made by hand
}

// Origin is what a layer or a rule was made of. The zero value is "by itself".
type Origin struct {
	Object string // one line for people: "NetworkPolicy shop/db"
	File   string
	Line   int // in File, from 1; 0 where only the file is known
}

// String is "NetworkPolicy shop/db (policies.yaml:12)", what there is of it, or "".
func (o Origin) String() string {
	at := o.File
	if o.Line > 0 {
		at += fmt.Sprintf(":%d", o.Line)
	}
	switch {
	case at == "":
		return o.Object
	case o.Object == "":
		return at
	}
	return o.Object + " (" + at + ")"
}

// EgressRule is one rule about egress. It matches when all of Sources, Destinations, Ports and Protocols do.
type EgressRule struct {
	Sources      []Block            // what the program asked to send from; nil: anything, also nothing
	Destinations []Block            // nil: every destination
	Ports        []PortRange        // of the destination; nil: every port
	Protocols    []attempt.Protocol // nil: every protocol
	Verdict      Verdict
	Reason       string // one line for people
	From         Origin
	Line         int // in File; 0 for a rule made by hand
}

// Denies reports whether any rule or default denies anything.
func (p *Profile) Denies() bool {
	if p.Bind.Default.Denies() || slices.ContainsFunc(p.Bind.Rules, func(r BindRule) bool { return r.Verdict.Denies() }) {
		return true
	}
	denies := func(def Verdict, rules []EgressRule) bool {
		return def.Denies() || slices.ContainsFunc(rules, func(r EgressRule) bool { return r.Verdict.Denies() })
	}
	return denies(p.Egress.Default, p.Egress.Rules) ||
		slices.ContainsFunc(p.Layers, func(l Layer) bool { return denies(l.Default, l.Rules) })
}

// Equal reports whether two profiles say the same, whatever the files and lines that they came from.
func (p *Profile) Equal(q *Profile) bool {
	a, errA := marshal(p)
	b, errB := marshal(q)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
