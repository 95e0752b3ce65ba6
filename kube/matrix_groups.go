package kube

import (
	"iter"
	"slices"
)

// Alike divides [Evaluator.Workloads] into those that no rule tells apart: the pods of one ReplicaSet, most often. Groups of a
// namespace follow each other.
func (e *Evaluator) Alike() [][]*Workload {
	g := e.groups()
	members := make([][]*Workload, len(g.classes))
	for _, w := range e.Workloads() {
		c := g.of[e.byObject[w].index]
		members[c] = append(members[c], w)
	}
	return slices.DeleteFunc(members, func(list []*Workload) bool { return len(list) == 0 })
}

// GroupRow is what the workloads of one group may reach.
type GroupRow struct {
	From []*Workload
	// Reach is for each of [Evaluator.Alike], in their order. It is only valid until the next row.
	Reach []*Reach
}

// GroupMatrix is which group may reach which, by policies alone: that a pod always reaches itself, and its own node it, is not in
// it. For large clusters it is as much smaller than [Evaluator.Matrix] as the square of a group's size.
func (e *Evaluator) GroupMatrix() iter.Seq[GroupRow] {
	return func(yield func(GroupRow) bool) {
		g := e.groups()
		groups := e.Alike()
		to := make([]int32, len(groups))
		number := make(map[int32]int, len(groups))
		for i, list := range groups {
			to[i] = g.of[e.byObject[list[0]].index]
			number[to[i]] = i
		}
		row := GroupRow{Reach: make([]*Reach, len(groups))}
		for c, r := range g.rows() {
			i, there := number[c]
			if !there {
				continue
			}
			for k, class := range to {
				row.Reach[k] = r.to(class)
			}
			if row.From = groups[i]; !yield(row) {
				return
			}
		}
	}
}
