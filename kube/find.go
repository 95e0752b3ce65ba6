package kube

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/spelling"
)

// Named is a workload that a user named.
type Named struct {
	*Workload
	// Note says which was taken, where the name is that of the object which made it.
	Note string
}

// Find is the workload that a user names by NAMESPACE/NAME or NAMESPACE/KIND/NAME; NAME alone does where one workload has it. The name
// of an object that made pods stands for one of these, which are all made alike, and are known better than their template.
func (e *Evaluator) Find(name string) (Named, error) {
	parts := strings.Split(name, "/")
	var namespace, kind string
	switch len(parts) {
	case 1:
	case 2:
		namespace = parts[0]
	case 3:
		namespace = parts[0]
		if kind = workloadKind(parts[1]); kind == "" {
			return Named{}, fmt.Errorf("%s: no kind of workload is called %q: %s", name, parts[1], wantOneOf(parts[1], workloadKinds))
		}
	default:
		return Named{}, fmt.Errorf("%s: want NAMESPACE/NAME or NAMESPACE/KIND/NAME", name)
	}
	last := parts[len(parts)-1]
	var list []*Workload
	for _, w := range e.cluster.Workloads {
		if w.Name == last && (len(parts) == 1 || w.Namespace == namespace) && (kind == "" || w.Kind == kind) {
			list = append(list, w)
		}
	}
	list = makers(list)
	switch {
	case len(list) == 1:
		return e.standIn(list[0]), nil
	case len(list) > 1:
		return Named{}, ambiguous(name, list)
	case len(parts) > 1:
		if f, ok := e.madeBy(namespace, kind, last); ok {
			return f, nil
		}
	}
	return Named{}, e.notFound(name, namespace, kind, last)
}

// makers leaves out of some workloads of one name those that another of them made: a ReplicaSet of a Deployment may have its name.
func makers(list []*Workload) []*Workload {
	return slices.DeleteFunc(slices.Clone(list), func(w *Workload) bool {
		return slices.ContainsFunc(list, func(x *Workload) bool {
			return x != w && x.Namespace == w.Namespace && w.Owner == Owner{x.Kind, x.Name}
		})
	})
}

// standIn is a pod that a workload made, where there is one that runs, else the workload.
func (e *Evaluator) standIn(w *Workload) Named {
	if w.IsPod() {
		return Named{Workload: w}
	}
	made := map[Owner]bool{{w.Kind, w.Name}: true}
	for range 2 { // a Deployment makes ReplicaSets, a CronJob makes Jobs, and these make pods
		for _, x := range e.cluster.Workloads {
			if x.Namespace == w.Namespace && !x.IsPod() && made[x.Owner] {
				made[Owner{x.Kind, x.Name}] = true
			}
		}
	}
	return oneOf(w.String(), w, func(x *Workload) bool {
		return x.Namespace == w.Namespace && (made[x.Owner] || w.Kind == "Deployment" && x.deployment() == w.Name)
	}, e.cluster.Workloads)
}

// madeBy is a pod that was made by an object of a name that was not given: the ReplicaSet of a Deployment has the Deployment's
// name, and the hash that its pods have for a label (pod-template-hash).
func (e *Evaluator) madeBy(namespace, kind, name string) (Named, bool) {
	words := strings.TrimSpace(kind + " " + namespace + "/" + name)
	f := oneOf(words, nil, func(x *Workload) bool {
		if x.Namespace != namespace || x.Owner.Name == "" {
			return false
		}
		if x.Owner.Name == name && (kind == "" || kind == x.Owner.Kind) {
			return true
		}
		return x.deployment() == name && (kind == "" || kind == "Deployment")
	}, e.cluster.Workloads)
	return f, f.Workload != nil
}

// oneOf is the first pod that runs among those which a test is true of; otherwise what was given.
func oneOf(asked string, otherwise *Workload, made func(*Workload) bool, from []*Workload) Named {
	var first *Workload
	n := 0
	for _, x := range from {
		if x.IsPod() && !x.Ended() && made(x) {
			if n++; first == nil {
				first = x
			}
		}
	}
	switch n {
	case 0:
		return Named{Workload: otherwise}
	case 1:
		return Named{first, fmt.Sprintf("%s is the pod of %s", first, asked)}
	}
	return Named{first, fmt.Sprintf("%s stands for the %d pods of %s", first, n, asked)}
}

var workloadKinds = []string{
	"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController", "DeploymentConfig",
}

// workloadKind is the kind that a word names as kubectl takes it: in any case, in the plural, or short.
func workloadKind(word string) string {
	word = strings.ToLower(word)
	short := map[string]string{
		"po": "Pod", "deploy": "Deployment", "rs": "ReplicaSet", "sts": "StatefulSet", "ds": "DaemonSet", "cj": "CronJob",
		"rc": "ReplicationController", "dc": "DeploymentConfig",
	}
	if k := short[word]; k != "" {
		return k
	}
	for _, k := range workloadKinds {
		if l := strings.ToLower(k); word == l || word == l+"s" {
			return k
		}
	}
	return ""
}

func ambiguous(name string, list []*Workload) error {
	var names []string
	for _, w := range list {
		names = append(names, w.Namespace+"/"+strings.ToLower(w.Kind)+"/"+w.Name)
	}
	slices.Sort(names)
	return fmt.Errorf("%s: several workloads have that name: want %s", name, orList(some(slices.Compact(names))))
}

// some is the first of a list that may be long, for errors.
func some(list []string) []string {
	const most = 4
	if len(list) > most {
		return append(slices.Clone(list[:most]), fmt.Sprintf("another of %d", len(list)-most))
	}
	return list
}

// notFound says what there is, the nearest first.
func (e *Evaluator) notFound(name, namespace, kind, last string) error {
	if len(e.cluster.Workloads) == 0 {
		return fmt.Errorf("%s: no workload was read: want the objects of pods, or of what makes them, beside the policies", name)
	}
	var spaces, here, all []string
	for _, w := range e.Workloads() {
		label := w.Namespace + "/" + w.Name
		all = append(all, label)
		if !slices.Contains(spaces, w.Namespace) {
			spaces = append(spaces, w.Namespace)
		}
		if w.Namespace == namespace && (kind == "" || w.Kind == kind) {
			here = append(here, label)
		}
	}
	what := "workload"
	if kind != "" {
		what = kind
	}
	switch {
	case namespace == "" && !strings.Contains(name, "/"):
		return fmt.Errorf("no workload is called %s: %s", name, nearestOr(name, all, func(s string) string { return s[strings.IndexByte(s, '/')+1:] }))
	case !slices.Contains(spaces, namespace):
		return fmt.Errorf("%s: namespace %s has no workload: %s", name, namespace, nearestOr(name, all, nil))
	}
	return fmt.Errorf("%s: namespace %s has no %s %s: %s", name, namespace, what, last, nearestOr(namespace+"/"+last, here, nil))
}

// nearestOr is what to want of a misspelt name: the nearest, or some. Compared is the part of each that a user wrote; nil is all.
func nearestOr(s string, words []string, part func(string) string) string {
	best, distance := "", 3
	for _, w := range words {
		compared := w
		if part != nil {
			compared = part(w)
		}
		if d := spelling.Distance(s, compared); d < distance {
			best, distance = w, d
		}
	}
	if best != "" {
		return "did you mean " + best
	}
	if len(words) == 0 {
		return "it has none of that kind"
	}
	words = slices.Clone(words)
	slices.Sort(words)
	last := s[strings.LastIndexByte(s, '/')+1:]
	if like := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return last == "" || !strings.Contains(w, last) }); len(like) > 0 {
		words = like
	}
	return "want one such as " + orList(some(slices.Compact(words)))
}

// Origin is where a connection comes from, as a user names it: an address, or what [Evaluator.Find] takes.
func (e *Evaluator) Origin(name string) (Origin, string, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return Origin{Addr: a.Unmap().WithZone("")}, "", nil
	}
	if name == "" {
		return Origin{}, "", fmt.Errorf("the name of the source is empty: want NAMESPACE/NAME or an address")
	}
	f, err := e.Find(name)
	return Origin{Workload: f.Workload}, f.Note, err
}
