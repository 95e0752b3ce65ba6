package kube

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/profile/sheet"
)

// Sheet is the one-page policy of a workload's pods.
func (e *Evaluator) Sheet(w *Workload) (*sheet.Sheet, error) {
	d, err := e.Profile(w)
	if err != nil {
		return nil, err
	}
	return sheet.OfPlace(d.Profile, e.Around(d)), nil
}

// NamespaceSheet is the page of a namespace: that of a new pod in it, which has no labels, and so what holds for all whom no policy
// selects by theirs. The workloads that have another are named.
func (e *Evaluator) NamespaceSheet(namespace string) (*sheet.Sheet, error) {
	if e.cluster.Namespace(namespace) == nil {
		return nil, fmt.Errorf("no object is in, or of, a namespace %s", namespace)
	}
	w := &Workload{Meta: Meta{Kind: "Pod", Name: "new-pod", Namespace: namespace}, Replicas: -1}
	c := *e.cluster
	c.Workloads = append(slices.Clone(c.Workloads), w)
	e = Compile(&c, e.assume)
	d, err := e.Profile(w)
	if err != nil {
		return nil, err
	}
	d.Profile.Name = namespace
	d.Profile.Description = "what sockets of a pod without labels may do there, by its cluster's objects"
	around := e.Around(d)
	around.Title = "namespace " + namespace
	if others := e.unlike(w); len(others) > 0 {
		var names []string
		for _, x := range others {
			names = append(names, x.Namespace+"/"+x.Name)
		}
		more := ""
		if n := len(names) - 4; n > 0 {
			names, more = names[:4], fmt.Sprintf(" and %d more", n)
		}
		around.Notes = append([]string{"of workloads whose labels policies select, the page is another: " + strings.Join(names, ", ") + more}, around.Notes...)
	}
	return sheet.OfPlace(d.Profile, around), nil
}

// unlike are the workloads of a namespace whose egress is another than that of one of them.
func (e *Evaluator) unlike(w *Workload) []*Workload {
	var others []*Workload
	set := e.Egress(w)
	for _, x := range e.Workloads() {
		if x == w || x.Namespace != w.Namespace {
			continue
		}
		if o := e.Egress(x); !o.Certain.Equal(set.Certain) || !o.Possible.Equal(set.Possible) {
			others = append(others, x)
		}
	}
	return others
}
