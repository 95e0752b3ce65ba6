package kube

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/profile/flowset"
)

// TestDiff compares clusters that are made at random, of which the second has other policies and lacks workloads, connection by
// connection.
func TestDiff(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		g := generator{rand.New(rand.NewPCG(seed, 5))}
		one := g.cluster()
		two := *one
		other := g.cluster()
		two.NetworkPolicies, two.AdminPolicies = other.NetworkPolicies, one.AdminPolicies
		if g.IntN(2) == 0 && len(one.Workloads) > 2 {
			two.Workloads = one.Workloads[1:]
		}
		a, b := Compile(one, Assumptions{}), Compile(&two, Assumptions{})
		d, err := Diff(a, b, "")
		if err != nil {
			t.Fatal(err)
		}
		number := map[*Workload]int{}
		for n := range d.Names {
			for _, w := range []*Workload{d.A[n], d.B[n]} {
				if w != nil {
					number[w] = n
				}
			}
		}
		// What changes by what was found.
		type connection struct{ from, to int }
		found := map[connection]map[[2]Verdict]flowset.Transports{}
		put := func(k connection, c *Change) {
			if found[k] == nil {
				found[k] = map[[2]Verdict]flowset.Transports{}
			}
			v := [2]Verdict{c.Before, c.After}
			if !found[k][v].Intersect(c.Ports).IsEmpty() {
				t.Errorf("seed %d: a change is there twice: %v", seed, k)
			}
			found[k][v] = found[k][v].Union(c.Ports)
		}
		probe := netip.MustParseAddr("203.0.113.7")
		for i := range d.Changes {
			c := &d.Changes[i]
			seen[fmt.Sprint(c.Before, " ", c.After)]++
			for _, r := range c.Rules {
				if r.Before != nil && r.Before.Verdict != c.Before && c.Before != Undecidable || r.After != nil && r.After.Verdict != c.After && c.After != Undecidable { // families apart may decide what is undecidable for both
					if r.Before != nil && r.Before.Verdict == Partly || r.After != nil && r.After.Verdict == Partly {
						continue // families or pods of a template differ
					}
					t.Fatalf("seed %d: %v: the rules say %v and %v", seed, c, r.Before, r.After)
				}
			}
			switch {
			case c.From != nil && c.To != nil:
				for _, from := range c.From {
					for _, to := range c.To {
						put(connection{from, to}, c)
					}
				}
			case c.Addrs.Contains(probe) && c.From != nil:
				for _, from := range c.From {
					put(connection{from, -1}, c)
				}
			case c.Addrs.Contains(probe):
				for _, to := range c.To {
					put(connection{-1, to}, c)
				}
			}
		}
		// And by asking both for each.
		ask := func(e *Evaluator, from, to *Workload, k connection) Reach {
			switch {
			case k.from >= 0 && from == nil || k.to >= 0 && to == nil:
				return Reach{}
			case k.to < 0:
				o := e.Outside(from).To
				return Reach{o.Certain.To(probe), o.Possible.To(probe)}
			case k.from < 0:
				o := e.Outside(to).From
				return Reach{o.Certain.To(probe), o.Possible.To(probe)}
			}
			return e.Allowed(from, to)
		}
		workload := func(list []*Workload, n int) *Workload {
			if n < 0 {
				return nil
			}
			return list[n]
		}
		for from := -1; from < len(d.Names); from++ {
			for to := -1; to < len(d.Names); to++ {
				k := connection{from, to}
				if from < 0 && to < 0 || from == to && (d.A[from] != nil && d.A[from].Single() || d.B[from] != nil && d.B[from].Single()) {
					continue
				}
				before := ask(a, workload(d.A, from), workload(d.A, to), k)
				after := ask(b, workload(d.B, from), workload(d.B, to), k)
				want := map[[2]Verdict]flowset.Transports{}
				for _, x := range transitions(before, after) {
					want[[2]Verdict{x.before, x.after}] = x.ports
				}
				if fmt.Sprint(want) != fmt.Sprint(found[k]) {
					t.Fatalf("seed %d: %v: found %v, want %v", seed, k, found[k], want)
				}
			}
		}
	}
	if len(seen) != 6 {
		t.Errorf("seen %v: want all six ways that a verdict can change", seen)
	}
}

func TestPair(t *testing.T) {
	pod := func(name, kind, owner, hash string) *Workload {
		w := &Workload{Meta: Meta{Kind: "Pod", Namespace: "shop", Name: name, Owner: Owner{kind, owner}}, Replicas: -1}
		if hash != "" {
			w.Pod.Labels = Labels{"pod-template-hash": hash}
		}
		return w
	}
	a := Compile(&Cluster{Workloads: []*Workload{
		pod("web-1-aaa", "ReplicaSet", "web-1", "1"), pod("web-1-bbb", "ReplicaSet", "web-1", "1"),
		pod("db-0", "StatefulSet", "db", ""), pod("db-1", "StatefulSet", "db", ""), pod("gone", "", "", ""),
	}}, Assumptions{})
	b := Compile(&Cluster{Workloads: []*Workload{
		pod("web-2-ccc", "ReplicaSet", "web-2", "2"), pod("db-0", "StatefulSet", "db", ""), pod("new", "", "", ""),
		{Meta: Meta{Kind: "Deployment", Namespace: "shop", Name: "gone-not"}, Replicas: -1},
	}}, Assumptions{})
	p := pair(a, b)
	got := fmt.Sprint(p.names, p.a, p.b)
	want := "[shop/db-0 shop/web shop/db-1 shop/gone shop/new shop/gone-not] [2 0 3 4 -1 -1] [1 0 -1 -1 2 3]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
