package kube

import (
	"fmt"
)

// pairing is the workloads of two clusters, those that are the same in one place.
type pairing struct {
	names []string
	a, b  []int // numbers in the one and the other cluster's Workloads: -1 where it is not there
}

// pair finds which workloads of one cluster are those of another: by namespace and name, whatever the kind; pods whose names are made
// at random by what made them, one after the other. Of these only as many count as both have: how many there are is no policy.
func pair(a, b *Evaluator) *pairing {
	p := &pairing{}
	namesA, namesB := a.Names(), b.Names()
	workA, workB := a.Workloads(), b.Workloads()
	at := make(map[string]int, len(namesB))
	for j, n := range namesB {
		at[n] = j
	}
	takenA, takenB := make([]bool, len(workA)), make([]bool, len(workB))
	add := func(name string, i, j int) {
		p.names, p.a, p.b = append(p.names, name), append(p.a, i), append(p.b, j)
		if i >= 0 {
			takenA[i] = true
		}
		if j >= 0 {
			takenB[j] = true
		}
	}
	for i, n := range namesA {
		if j, there := at[n]; there {
			add(n, i, j)
		}
	}
	makers := map[string][]int{} // those of b that are left
	for j, w := range workB {
		if m := maker(w); !takenB[j] {
			makers[m] = append(makers[m], j)
		}
	}
	known := map[string]bool{}
	for i, w := range workA {
		if takenA[i] {
			known[maker(w)] = true
			continue
		}
		if m := maker(w); len(makers[m]) > 0 {
			add(m, i, makers[m][0])
			makers[m] = makers[m][1:]
			known[m] = true
		}
	}
	for i, w := range workA {
		if !takenA[i] && !known[maker(w)] {
			add(namesA[i], i, -1)
		}
	}
	for j, w := range workB {
		if !takenB[j] && !known[maker(w)] {
			add(namesB[j], -1, j)
		}
	}
	p.unique()
	return p
}

// unique numbers names that are there more than once.
func (p *pairing) unique() {
	count := map[string]int{}
	for i, n := range p.names {
		if count[n]++; count[n] > 1 {
			p.names[i] = fmt.Sprintf("%s (%d)", n, count[n])
		}
	}
}

// maker is NAMESPACE/NAME of what made a pod, as far as the pod tells: a ReplicaSet's name without the hash that its Deployment gave it.
// Of what was not made, and of pods of a StatefulSet, whose names are the same each time, it is its own.
func maker(w *Workload) string {
	name := w.Name
	if w.Owner.Name != "" && w.Owner.Kind != "StatefulSet" && (w.IsPod() || w.Kind == "ReplicaSet" || w.Kind == "Job") {
		if name = w.deployment(); name == "" {
			name = w.Owner.Name
		}
	}
	return w.Namespace + "/" + name
}

// chosen is which of the pairs a user names: those of a namespace, or a workload of either cluster.
func (p *pairing) chosen(a, b *Evaluator, name string) ([]bool, error) {
	out := make([]bool, len(p.names))
	inA, errA := a.Choose(name)
	inB, errB := b.Choose(name)
	if errA != nil && errB != nil {
		return nil, errA
	}
	found := false
	for n := range p.names {
		out[n] = errA == nil && p.a[n] >= 0 && inA.Workloads[p.a[n]] || errB == nil && p.b[n] >= 0 && inB.Workloads[p.b[n]] || p.names[n] == name
		found = found || out[n]
	}
	if !found && name != OutsideName {
		return nil, fmt.Errorf("%s: none of its pods is compared: name one that both have", name)
	}
	return out, nil
}
