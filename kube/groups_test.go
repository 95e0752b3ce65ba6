package kube

import (
	"math/rand/v2"
	"testing"
)

// TestGroups takes the groups apart again, and compares them with the rows that they were made of.
func TestGroups(t *testing.T) {
	together := 0
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 3))}
		e := Compile(g.cluster(), Assumptions{})
		work := e.Workloads()
		number := map[*Workload]int{}
		for i, w := range work {
			number[w] = i
		}
		all, err := e.Choose("")
		if err != nil {
			t.Fatal(err)
		}
		got := make([][]Reach, len(work))
		for _, group := range e.Groups(all, all) {
			if len(group.From) > 1 {
				together++
			}
			for _, i := range group.From {
				if got[i] != nil {
					t.Fatalf("seed %d: %v is in two groups", seed, work[i])
				}
				got[i] = make([]Reach, len(work))
				for _, r := range group.Reach {
					for _, j := range r.To() {
						got[i][j] = r.Reach
					}
				}
				out := e.Outside(work[i]).To
				if !out.Certain.Equal(group.Outside.Certain) || !out.Possible.Equal(group.Outside.Possible) {
					t.Fatalf("seed %d: %v: the group sends to %v outside, the workload to %v", seed, work[i], group.Outside, out)
				}
			}
		}
		for row := range e.Matrix() {
			i := number[row.From]
			for j, r := range row.Reach {
				if i == j && row.From.Single() {
					continue
				}
				if got[i] == nil || got[i][j] != *r {
					t.Fatalf("seed %d: %v to %v: the groups say %v, the row %v", seed, row.From, work[j], got[i], *r)
				}
			}
		}
	}
	if together < 100 {
		t.Errorf("%d groups have more than one row: the clusters are too different", together)
	}
}

func TestNamesAreFound(t *testing.T) {
	for seed := range uint64(50) {
		g := generator{rand.New(rand.NewPCG(seed, 4))}
		c := g.cluster()
		for range 2 { // some names twice
			w := *c.Workloads[g.IntN(len(c.Workloads))]
			w.Kind = "StatefulSet"
			c.Workloads = append(c.Workloads, &w)
		}
		e := Compile(c, Assumptions{})
		names := e.Names()
		seen := map[string]bool{}
		for i, w := range e.Workloads() {
			if seen[names[i]] {
				continue // the third of one kind and name is a duplicate, which reading refuses
			}
			seen[names[i]] = true
			f, err := e.Find(names[i])
			if err != nil && w.Kind == "StatefulSet" {
				continue
			}
			if err != nil || f.Workload != w {
				t.Fatalf("seed %d: %s finds %v (%v), want %v", seed, names[i], f.Workload, err, w)
			}
		}
	}
}
