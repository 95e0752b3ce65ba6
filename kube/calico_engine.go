package kube

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/kube/internal/selector"
	"github.com/sallyport/sallyport/profile/flowset"
)

// calico is the policies of a cluster as Calico v3.32 enforces them: its own, those of Kubernetes, which it converts into its own and puts
// into the tier default at order 1000, and those of the admin tiers, which have tiers of their own before and after that
// (libcalico-go/lib/backend/k8s/conversion). What the rules mean is in felix/calc and felix/rules.
type calico struct {
	e        *Evaluator
	tiers    []*calicoTier
	global   []*enforced
	homes    map[string][]*enforced // by namespace
	lazy     sync.Mutex             // guards what is made when it is first asked for: spaces, expressions, rules
	spaces   map[*space]*calicoSpace
	accounts map[[2]string]*ServiceAccount
	sets     []*labelled
	exprs    map[string]*calicoExpr
	services map[string]*calicoEndpoints
	addrs    []flowset.Addrs // those that rules look at
	vxlan    uint16          // UDP port of what pods may not send; 0 for none
	unset    *Reason         // why the settings for all nodes are not known
	settings map[string]*FelixConfiguration
	hosts    map[string]*HostEndpoint // by node
	anyHost  *HostEndpoint            // one whose node is not known
	forward  *Reason                  // policies may be applied to what nodes forward
}

// calicoTier is a tier, and the policies in it that are for all namespaces.
type calicoTier struct {
	name   string
	order  *float64
	action Action // of the end of the tier
	pos    Pos
	broken string // why it is not known
}

// calicoSpace is the policies that may select pods of a namespace.
type calicoSpace struct {
	tiers []tierPolicies
	lost  []*enforced // those whose place or rules are not known
}

// tierPolicies is a tier's policies in their order: in several where versions of Calico differ.
type tierPolicies struct {
	*calicoTier
	orders [][]*enforced
}

// enforced is a policy as Calico enforces it.
type enforced struct {
	meta    *Meta
	layer   Layer
	object  string // for people
	tier    string
	order   float64
	kind    string // as Calico sorts by it
	base    string // its name, without that of the tier
	stored  string // its name as versions before 3.32 store it
	keys    [3]string
	home    string // the namespace; "" for all
	subject *calicoExpr
	applies [2]bool // by direction
	rules   [2][]*calicoRule
	notPods string  // why it is not for pods
	unsure  *Reason // why it may not be enforced
	lost    *Reason // why its place is not known
	broken  *Reason // why what it says is not known, where its place is
	may     []Action
	compile func() // makes the subject and the rules; nil once they are there
}

const (
	calicoNamespaceLabel = "projectcalico.org/namespace"
	calicoNameLabel      = "projectcalico.org/name"
	calicoAccountLabel   = "projectcalico.org/serviceaccount"
	orchestratorLabel    = "projectcalico.org/orchestrator"
	namespacePrefix      = "pcns."
	accountPrefix        = "pcsa."
)

func number(f float64) *float64 { return &f }

// calicoTiers are the tiers that Calico makes itself (v3.32). The last two are of versions before, for AdminNetworkPolicy and
// BaselineAdminNetworkPolicy.
var calicoTiers = []calicoTier{
	{name: "kube-admin", order: number(1000), action: Pass},
	{name: "default", order: number(1_000_000), action: Deny},
	{name: "kube-baseline", order: number(10_000_000), action: Pass},
	{name: "adminnetworkpolicy", order: number(1000), action: Pass},
	{name: "baselineadminnetworkpolicy", order: number(10_000_000), action: Pass},
}

// builtInTier is the tier of v3.32 that has a name, nil where a user makes it.
func builtInTier(name string) *calicoTier {
	for i := range calicoTiers[:3] {
		if calicoTiers[i].name == name {
			return &calicoTiers[i]
		}
	}
	return nil
}

// compileCalico is nil where the cluster has nothing of Calico.
func (e *Evaluator) compileCalico() *calico {
	c := e.cluster
	if len(c.CalicoPolicies)+len(c.CalicoTiers)+len(c.NetworkSets)+len(c.HostEndpoints)+len(c.FelixConfigurations) == 0 {
		return nil
	}
	k := &calico{
		e:        e,
		homes:    map[string][]*enforced{},
		spaces:   map[*space]*calicoSpace{},
		accounts: map[[2]string]*ServiceAccount{},
		exprs:    map[string]*calicoExpr{},
		services: map[string]*calicoEndpoints{},
		settings: map[string]*FelixConfiguration{},
		hosts:    map[string]*HostEndpoint{},
		vxlan:    4789,
	}
	for _, a := range c.ServiceAccounts {
		k.accounts[[2]string{a.Namespace, a.Name}] = a
	}
	k.compileSettings()
	k.compileSets()
	k.compileTiers()
	k.compilePolicies()
	return k
}

// compileSettings reads what FelixConfiguration says for all nodes.
func (k *calico) compileSettings() {
	for _, f := range k.e.cluster.FelixConfigurations {
		k.settings[f.Name] = f
	}
	f := k.settings["default"]
	if f == nil {
		return
	}
	if f.Broken() {
		at := f.Errors[0]
		k.unset = &Reason{Pos: at.Pos, Field: f.String(), Words: at.What}
		return
	}
	if f.VXLANPort != 0 {
		k.vxlan = f.VXLANPort
	}
	if f.AllowVXLAN == True {
		k.vxlan = 0
	}
}

func (k *calico) compileTiers() {
	for i := range calicoTiers {
		t := calicoTiers[i]
		k.tiers = append(k.tiers, &t)
	}
	for _, o := range k.e.cluster.CalicoTiers {
		t := k.tier(o.Name)
		switch {
		case t == nil:
			t = &calicoTier{name: o.Name, order: o.Order, action: o.DefaultAction}
			k.tiers = append(k.tiers, t)
		case builtInTier(o.Name) != nil: // whatever the object says, these cannot be changed
			continue
		case t.action != o.DefaultAction || (t.order == nil) != (o.Order == nil) || t.order != nil && *t.order != *o.Order:
			t.broken = "is given twice, and differs"
		}
		t.pos = o.Pos
		if o.Broken() {
			t.broken = o.Errors[0].What
		}
	}
	slices.SortStableFunc(k.tiers, func(a, b *calicoTier) int {
		switch {
		case a.order == nil && b.order != nil:
			return 1
		case a.order != nil && b.order == nil:
			return -1
		case a.order != nil && *a.order != *b.order:
			return cmp.Compare(*a.order, *b.order)
		}
		return strings.Compare(a.name, b.name)
	})
}

func (k *calico) tier(name string) *calicoTier {
	for _, t := range k.tiers {
		if t.name == name {
			return t
		}
	}
	return nil
}

func (k *calico) compilePolicies() {
	var all []*enforced
	for _, p := range k.e.cluster.CalicoPolicies {
		all = append(all, k.own(p))
	}
	all = k.once(all)
	for _, p := range k.e.cluster.NetworkPolicies {
		all = append(all, k.kubernetes(p))
	}
	for _, p := range k.e.cluster.AdminPolicies {
		all = append(all, k.admin(p))
	}
	for _, p := range all {
		p.keys = [...]string{p.base + "/" + p.home + "/" + p.kind, p.stored + "/" + p.home + "/" + p.kind, p.stored}
		if p.home == "" {
			k.global = append(k.global, p)
		} else {
			k.homes[p.home] = append(k.homes[p.home], p)
			p.keys[2] = p.home + "/" + p.stored
		}
	}
	k.compileHosts()
}

// space is the policies that may select pods of a namespace.
func (k *calico) space(s *space) *calicoSpace {
	k.lazy.Lock()
	defer k.lazy.Unlock()
	a := k.spaces[s]
	if a == nil {
		a = k.arrange(append(slices.Clone(k.global), k.homes[s.Name]...))
		k.spaces[s] = a
	}
	return a
}

// once leaves out what was given as an object of both groups: crd.projectcalico.org is where those of projectcalico.org are stored. Where
// the two differ, neither can be said to be in force.
func (k *calico) once(all []*enforced) []*enforced {
	type identity struct{ kind, home, tier, base string }
	first := map[identity]int{}
	var kept []*enforced
	for i, p := range all {
		id := identity{p.kind, p.home, p.tier, p.base}
		n, twice := first[id]
		if !twice {
			first[id] = len(kept)
			kept = append(kept, p)
			continue
		}
		q := kept[n]
		if a, b := k.e.cluster.CalicoPolicies[i], q.meta; a.APIVersion == b.APIVersion || a.spec != k.spec(b) {
			why := &Reason{Pos: p.meta.Pos, Field: p.object, Words: fmt.Sprintf("is given twice, and differs in %s", b.Pos)}
			p.lost, q.lost = why, why
			kept = append(kept, p)
		}
	}
	return kept
}

func (k *calico) spec(m *Meta) uint64 {
	for _, p := range k.e.cluster.CalicoPolicies {
		if &p.Meta == m {
			return p.spec
		}
	}
	return 0
}

// arrange puts policies into their tiers and orders.
func (k *calico) arrange(policies []*enforced) *calicoSpace {
	s := &calicoSpace{}
	tiers := map[string][]*enforced{}
	for _, p := range policies {
		if p.lost != nil {
			s.lost = append(s.lost, p)
			continue
		}
		tiers[p.tier] = append(tiers[p.tier], p)
	}
	for _, t := range k.tiers {
		if list := tiers[t.name]; len(list) > 0 {
			s.tiers = append(s.tiers, tierPolicies{t, orders(list)})
		}
	}
	return s
}

// orders are the orders in which policies of a tier may be asked. Policies of one order are sorted by name (PolKVLess in
// felix/calc/policy_sorter.go), and what that is has changed: in v3.32 name, namespace and kind; before, the name began with the
// tier's, and before that with the namespace even. Of policies of one kind and namespace all agree.
func orders(list []*enforced) [][]*enforced {
	sorted := func(key int) []*enforced {
		list := slices.Clone(list)
		slices.SortStableFunc(list, func(a, b *enforced) int {
			return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.keys[key], b.keys[key]))
		})
		return list
	}
	found := [][]*enforced{sorted(0)}
	for i, p := range found[0] {
		if i > 0 && p.order == found[0][i-1].order && p.kind != found[0][i-1].kind {
			return addOrder(addOrder(found, sorted(1)), sorted(2))
		}
	}
	return found
}

// addOrder adds an order to others, where it is not among them.
func addOrder(found [][]*enforced, order []*enforced) [][]*enforced {
	if slices.ContainsFunc(found, func(f []*enforced) bool { return slices.Equal(f, order) }) {
		return found
	}
	return append(found, order)
}

// own is a policy of Calico's.
func (k *calico) own(p *CalicoPolicy) *enforced {
	x := &enforced{meta: &p.Meta, layer: CalicoLayer, kind: p.Kind, home: p.Namespace, tier: p.Tier, order: math.Inf(1)}
	if x.tier == "" {
		x.tier = "default"
	}
	if p.Order != nil {
		x.order = *p.Order
	}
	x.base = strings.TrimPrefix(p.Name, x.tier+".")
	x.stored = x.tier + "." + x.base
	x.object = p.String() + " (tier " + x.tier + ")"
	t := k.tier(x.tier)
	switch before, _, dotted := strings.Cut(p.Name, "."); {
	case p.Broken():
		at := p.Errors[0]
		x.lost = &Reason{Pos: at.Pos, Field: p.String(), Words: at.What}
	case t == nil:
		x.lost = &Reason{Pos: p.Pos, Field: "spec.tier of " + p.String(), Words: "no Tier " + x.tier + " was given, so that its order is not known"}
	case t.broken != "":
		x.lost = &Reason{Pos: t.pos, Field: "Tier " + t.name, Words: t.broken}
	case dotted && p.Tier == "" && before != "default" && k.tier(before) != nil:
		x.lost = &Reason{Pos: p.Pos, Field: "spec.tier of " + p.String(), Words: "is absent: by its name Calico before v3.32 takes it for tier " + before + ", later versions for default"}
	}
	switch {
	case p.DoNotTrack:
		x.notPods = "is for host endpoints (doNotTrack)"
	case p.PreDNAT:
		x.notPods = "is for host endpoints (preDNAT)"
	}
	if x.lost != nil {
		return x
	}
	x.compile = func() {
		x.subject = k.expr(p.subject())
		for _, d := range []Direction{Ingress, Egress} {
			x.applies[d] = p.Applies(d)
			for i := range p.Rules(d) {
				x.rules[d] = append(x.rules[d], k.ownRule(p, &p.Rules(d)[i], i+1))
			}
		}
	}
	return x
}

// ready makes a policy's rules, once.
func (k *calico) ready(p *enforced) {
	k.lazy.Lock()
	defer k.lazy.Unlock()
	if p.compile != nil {
		p.compile()
		p.compile = nil
	}
}

// readyAll makes the rules of all policies.
func (k *calico) readyAll() {
	for _, p := range k.global {
		k.ready(p)
	}
	for _, home := range slices.Sorted(maps.Keys(k.homes)) {
		for _, p := range k.homes[home] {
			k.ready(p)
		}
	}
}

// subject is what the pods of a policy meet (libcalico-go/lib/backend/syncersv1/updateprocessors).
func (p *CalicoPolicy) subject() *selector.Expr {
	x := selector.AllOf(p.Selector.expr)
	if p.NamespaceSelector.expr != nil {
		x = selector.AllOf(x, p.NamespaceSelector.expr.Rewrite(namespacePrefix, nil, nil)).Rewrite("", selector.HasLabel(calicoNamespaceLabel), nil)
	}
	if p.ServiceAccounts.expr != nil {
		x = selector.AllOf(x, p.ServiceAccounts.expr.Rewrite(accountPrefix, nil, nil))
		if p.Kind == "GlobalNetworkPolicy" {
			x = x.Rewrite("", selector.HasLabel(calicoAccountLabel), nil)
		}
	}
	return x
}
