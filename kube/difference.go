package kube

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/profile/flowset"
)

// Differences is what the policies of one cluster allow and those of another do not. Workloads are numbers into Names.
type Differences struct {
	Names   []string
	A, B    []*Workload // by number: nil where a cluster has not that workload
	Changes []Change
}

// Change is connections of which two clusters' policies say different things.
type Change struct {
	Before, After Verdict // Allowed, Denied or Undecidable; Denied also where a workload is not there
	From, To      []int   // nil where it is addresses outside
	Addrs         flowset.Addrs
	Ports         flowset.Transports
	Rules         []ChangeRule // for one of the connections
}

// ChangeRule is what decides about one connection of a change, in both clusters.
type ChangeRule struct {
	Ports         flowset.Transports
	From, To      int         // -1 for outside
	Addr          Destination // where To is -1; where From is, the address is From's
	Before, After *Decision   // nil where a workload is not there
}

// Diff compares what two clusters' policies allow: for all workloads and the world outside, or with a name, which [Evaluator.Choose]
// takes, from that alone.
func Diff(a, b *Evaluator, from string) (*Differences, error) {
	p := pair(a, b)
	rows := make([]bool, len(p.names))
	for n := range rows {
		rows[n] = true
	}
	if from != "" {
		var err error
		if rows, err = p.chosen(a, b, from); err != nil {
			return nil, err
		}
	}
	d := &Differences{Names: p.names}
	workA, workB := a.Workloads(), b.Workloads()
	for n := range p.names {
		d.A, d.B = append(d.A, at(workA, p.a[n])), append(d.B, at(workB, p.b[n]))
	}
	c := &comparison{Differences: d, a: a, b: b, rows: rows, changes: map[string]int{}}
	c.left, c.right = sideOf(a, p.a), sideOf(b, p.b)
	c.inside()
	c.outside(from == "" || from == OutsideName)
	slices.SortStableFunc(d.Changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(order(&x), order(&y)), slices.Compare(x.From, y.From), slices.Compare(x.To, y.To))
	})
	for i := range d.Changes {
		c.rules(&d.Changes[i])
	}
	return d, nil
}

func at(list []*Workload, n int) *Workload {
	if n < 0 {
		return nil
	}
	return list[n]
}

// order is changes from and to workloads first, then those of the world outside.
func order(c *Change) int {
	switch {
	case c.To == nil:
		return 1
	case c.From == nil:
		return 2
	}
	return 0
}

// side is one of two clusters, with its workloads by the numbers of both.
type side struct {
	groups  []Group
	of      []int // the group of each number: -1 where the workload is not there
	columns []int // the column of each number: -1
	rows    map[int][]int32
	reaches []Reach
	known   map[Reach]int32
}

func sideOf(e *Evaluator, columns []int) *side {
	all, _ := e.Choose("")
	s := &side{groups: e.Groups(all, all), columns: columns, rows: map[int][]int32{}, reaches: []Reach{{}}, known: map[Reach]int32{{}: 0}}
	group := make([]int, len(e.Workloads()))
	for n, g := range s.groups {
		for _, i := range g.From {
			group[i] = n
		}
	}
	s.of = make([]int, len(columns))
	for n, c := range columns {
		if s.of[n] = -1; c >= 0 {
			s.of[n] = group[c]
		}
	}
	return s
}

// row is, for each number, which Reach a group has to it: 0 is none.
func (s *side) row(group int) []int32 {
	if row, there := s.rows[group]; there {
		return row
	}
	if len(s.rows) > 256 {
		s.rows = map[int][]int32{}
	}
	ids := make(map[int]int32)
	if group >= 0 {
		for k := range s.groups[group].Reach {
			r := &s.groups[group].Reach[k]
			id, there := s.known[r.Reach]
			if !there {
				id = int32(len(s.reaches))
				s.known[r.Reach] = id
				s.reaches = append(s.reaches, r.Reach)
			}
			for _, j := range r.To() {
				ids[j] = id
			}
		}
	}
	row := make([]int32, len(s.columns))
	for n, c := range s.columns {
		if c >= 0 {
			row[n] = ids[c]
		}
	}
	s.rows[group] = row
	return row
}

// comparison is one call of [Diff].
type comparison struct {
	*Differences
	a, b        *Evaluator
	left, right *side
	rows        []bool
	changes     map[string]int // by what, and to whom
}

// inside compares the rows, those of equal groups once.
func (c *comparison) inside() {
	type groups struct{ a, b int }
	rows := map[groups][]int{}
	var order []groups
	for n, asked := range c.rows {
		if !asked {
			continue
		}
		g := groups{c.left.of[n], c.right.of[n]}
		if rows[g] == nil {
			order = append(order, g)
		}
		rows[g] = append(rows[g], n)
	}
	for _, g := range order {
		a, b := c.left.row(g.a), c.right.row(g.b)
		type reaches struct{ a, b int32 }
		to := map[reaches][]int{}
		var seen []reaches
		for n := range c.Names {
			k := reaches{a[n], b[n]}
			if c.left.reaches[k.a] == c.right.reaches[k.b] {
				continue
			}
			if to[k] == nil {
				seen = append(seen, k)
			}
			to[k] = append(to[k], n)
		}
		for _, k := range seen {
			for _, t := range transitions(c.left.reaches[k.a], c.right.reaches[k.b]) {
				c.add(t, rows[g], to[k])
			}
		}
	}
}

// transition is ports about which verdicts change.
type transition struct {
	before, after Verdict
	ports         flowset.Transports
}

func transitions(a, b Reach) []transition {
	parts := func(r Reach) [3]flowset.Transports {
		return [3]flowset.Transports{Undecidable: r.Possible.Subtract(r.Certain), Allowed: r.Certain, Denied: ported.Subtract(r.Possible)}
	}
	var out []transition
	before, after := parts(a), parts(b)
	for x := range before {
		for y := range after {
			if ports := before[x].Intersect(after[y]); x != y && !ports.IsEmpty() {
				out = append(out, transition{Verdict(x), Verdict(y), ports})
			}
		}
	}
	return out
}

// add adds connections to the change that is alike. What a single pod reaches of itself is no policy's.
func (c *comparison) add(t transition, from, to []int) {
	if len(from) > 1 || !slices.Contains(to, from[0]) {
		c.put(t, from, to)
		return
	}
	n := from[0]
	if w := c.A[n]; w != nil && w.Single() || c.B[n] != nil && c.B[n].Single() {
		to = slices.DeleteFunc(slices.Clone(to), func(x int) bool { return x == n })
	}
	if len(to) > 0 {
		c.put(t, from, to)
	}
}

func (c *comparison) put(t transition, from, to []int) {
	key := fmt.Sprint(t.before, t.after, t.ports, " ")
	for _, n := range to {
		key = string(binary.AppendUvarint([]byte(key), uint64(n)))
	}
	i, there := c.changes[key]
	if !there {
		i = len(c.Changes)
		c.changes[key] = i
		c.Changes = append(c.Changes, Change{Before: t.before, After: t.after, To: to, Ports: t.ports})
	}
	c.Changes[i].From = append(c.Changes[i].From, from...)
	slices.Sort(c.Changes[i].From)
}

// outside compares what passes between workloads and addresses that no pod has.
func (c *comparison) outside(inbound bool) {
	for n := range c.Names {
		var a, b Outside
		if c.A[n] != nil {
			a = c.a.Outside(c.A[n])
		}
		if c.B[n] != nil {
			b = c.b.Outside(c.B[n])
		}
		if c.rows[n] {
			c.addresses(a.To, b.To, n, Egress)
		}
		if inbound {
			c.addresses(a.From, b.From, n, Ingress)
		}
	}
}

func (c *comparison) addresses(a, b EgressSet, n int, d Direction) {
	if a.Certain.Equal(b.Certain) && a.Possible.Equal(b.Possible) {
		return
	}
	every := flowset.Of(flowset.AllAddrs(), ported)
	parts := func(s EgressSet) [3]flowset.Set {
		return [3]flowset.Set{Undecidable: s.Possible.Subtract(s.Certain), Allowed: s.Certain, Denied: every.Subtract(s.Possible)}
	}
	before, after := parts(a), parts(b)
	for x := range before {
		for y := range after {
			if x == y {
				continue
			}
			for part := range before[x].Intersect(after[y]).All() {
				key := fmt.Sprint(x, y, d, part)
				i, there := c.changes[key]
				if !there {
					i = len(c.Changes)
					c.changes[key] = i
					c.Changes = append(c.Changes, Change{Before: Verdict(x), After: Verdict(y), Addrs: part.Addrs, Ports: part.Transports})
				}
				if d == Egress {
					c.Changes[i].From = append(c.Changes[i].From, n)
				} else {
					c.Changes[i].To = append(c.Changes[i].To, n)
				}
			}
		}
	}
}

// rules finds what decides about one connection of a change, for all of its ports.
func (c *comparison) rules(x *Change) {
	r := ChangeRule{From: -1, To: -1}
	if x.From == nil || x.To == nil {
		r.Addr = Destination{Addr: c.address(x.Addrs)}
	}
	if x.From != nil {
		r.From = x.From[0]
	}
	if x.To != nil {
		r.To = x.To[0]
	}
	if r.To == r.From && r.To >= 0 { // another pair tells more than what a pod reaches of itself
		switch {
		case len(x.To) > 1:
			r.To = x.To[1]
		case len(x.From) > 1:
			r.From = x.From[1]
		}
	}
	before, after := c.shares(c.a, c.A, r), c.shares(c.b, c.B, r)
	for i := range before {
		for j := range after {
			ports := x.Ports.Intersect(before[i].Transports).Intersect(after[j].Transports)
			if ports.IsEmpty() {
				continue
			}
			r := r
			r.Ports = ports
			if before[i].Protocol != AnyProtocol {
				r.Before = &before[i].Decision
			}
			if after[j].Protocol != AnyProtocol {
				r.After = &after[j].Decision
			}
			x.Rules = append(x.Rules, r)
		}
	}
}

// address is one of some addresses that stands for all: none of a pod, a node or a service, where there is another.
func (c *comparison) address(set flowset.Addrs) netip.Addr {
	const most = 1000 // a range of a pod's addresses has others beside it, but need not
	var first netip.Addr
	for lowest, highest := range set.Ranges() {
		if !first.IsValid() {
			first = lowest
		}
		a := lowest
		for range most {
			if !a.IsUnspecified() && c.a.isOutside(a) && c.b.isOutside(a) {
				return a
			}
			if a == highest {
				break
			}
			a = a.Next()
		}
	}
	return first
}

// isOutside reports whether nothing of the cluster has an address.
func (e *Evaluator) isOutside(a netip.Addr) bool {
	_, service := e.vips[a]
	return !service && e.byAddr[a] == nil && e.nodes[a] == nil
}

// shares are the decisions of one cluster: one for every port, and for no protocol, where a workload is not there.
func (c *comparison) shares(e *Evaluator, work []*Workload, r ChangeRule) []PortShare {
	from, to := Origin{Addr: r.Addr.Addr}, r.Addr
	if r.From >= 0 {
		from = Origin{Workload: work[r.From]}
	}
	if r.To >= 0 {
		to = Destination{Workload: work[r.To]}
	}
	if r.From >= 0 && from.Workload == nil || r.To >= 0 && to.Workload == nil {
		return []PortShare{{Transports: ported, Protocol: AnyProtocol}}
	}
	list := e.DecidePorts(from, to, AnyProtocol)
	if w := to.Workload; w != nil && w == from.Workload && !w.Single() {
		for i := range list { // the pod itself, which is always reached, and the others that the template makes
			if n := len(list[i].Parts); n > 0 {
				list[i].Decision = list[i].Parts[n-1].Decision
			}
		}
	}
	return list
}
