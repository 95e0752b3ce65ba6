package kube

import (
	"fmt"
	"slices"
	"strings"
)

// OutsideName is what users call the addresses that no pod has.
const OutsideName = "outside"

// Choice is some of the rows or columns of a matrix.
type Choice struct {
	Workloads []bool // for each of [Evaluator.Workloads]
	Outside   bool
}

// Choose is the rows or columns that a user names: a namespace, a workload as [Evaluator.Find] takes it, or "outside". All where
// nothing is named.
func (e *Evaluator) Choose(name string) (Choice, error) {
	work := e.Workloads()
	c := Choice{Workloads: make([]bool, len(work))}
	found := false
	for i, w := range work {
		c.Workloads[i] = name == "" || w.Namespace == name
		found = found || c.Workloads[i]
	}
	if c.Outside = name == "" || name == OutsideName && !found; c.Outside || found {
		return c, nil
	}
	f, err := e.Find(name)
	if err != nil {
		var spaces []string
		for _, w := range work {
			if !slices.Contains(spaces, w.Namespace) {
				spaces = append(spaces, w.Namespace)
			}
		}
		if len(spaces) > 0 && !strings.Contains(name, "/") {
			err = fmt.Errorf("%s is neither a namespace with a workload nor %s: %s", name, OutsideName, nearestOr(name, spaces, nil))
		}
		return c, err
	}
	i := slices.Index(work, f.Workload)
	if i < 0 {
		return c, fmt.Errorf("%s: %s has no pod that runs, and no row in the matrix", name, f.Workload)
	}
	c.Workloads[i] = true
	return c, nil
}

// Names are short names for [Evaluator.Workloads], by which [Evaluator.Find] finds them: NAMESPACE/NAME, or NAMESPACE/KIND/NAME
// where several have that name.
func (e *Evaluator) Names() []string {
	work := e.Workloads()
	names := make([]string, len(work))
	count := make(map[string]int, len(work))
	for i, w := range work {
		names[i] = w.Namespace + "/" + w.Name
		count[names[i]]++
	}
	for i, w := range work {
		if count[names[i]] > 1 {
			names[i] = w.Namespace + "/" + strings.ToLower(w.Kind) + "/" + w.Name
		}
	}
	return names
}

// Single reports whether a workload is one pod, which always reaches itself. What the matrix says of another in its own column is of
// the other pods that it makes.
func (w *Workload) Single() bool { return w.IsPod() || w.Replicas == 1 }

// Makers are, for each of [Evaluator.Workloads], the name of what made it, NAMESPACE/NAME, by which [Evaluator.Find] finds one of its
// pods. It is empty for what was not made by another, and where a workload that it did not make has that name.
func (e *Evaluator) Makers() []string {
	work := e.Workloads()
	makers := make([]string, len(work))
	taken := make(map[string]bool, len(work))
	for i, w := range work {
		makers[i] = maker(w)
		if own := w.Namespace + "/" + w.Name; makers[i] == own {
			taken[own] = true
		}
	}
	for i, m := range makers {
		if taken[m] {
			makers[i] = ""
		}
	}
	return makers
}
