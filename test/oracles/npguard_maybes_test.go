package oracles

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
)

// maybes are pods that could be in a cluster.
type maybes struct {
	c    *kube.Cluster
	is   map[*kube.Workload]bool
	all  []*kube.Workload            // one for each combination of labels that a rule may look at
	like map[string][]*kube.Workload // for the words of a line
}

// newMaybes adds a pod for each combination of labels that the cluster's selectors ask for: a key is there with one of the values
// that they name, with another, or is not; in namespaces that are there and in new ones, of which the same holds.
func newMaybes(c *kube.Cluster) *maybes {
	m := &maybes{c: c, is: map[*kube.Workload]bool{}, like: map[string][]*kube.Workload{}}
	pods, namespaces := labelsAskedFor(c)
	spaces := []string{}
	for _, n := range c.Namespaces {
		spaces = append(spaces, n.Name)
	}
	for _, l := range combinations(namespaces) {
		spaces = append(spaces, m.namespace("", l))
	}
	for _, s := range spaces {
		for _, l := range combinations(pods) {
			m.all = append(m.all, m.pod(s, l))
		}
	}
	return m
}

func (m *maybes) namespace(name string, l kube.Labels) string {
	if name == "" {
		name = fmt.Sprint("maybe-", len(m.c.Namespaces))
	}
	labels := kube.Labels{kube.NamespaceNameLabel: name}
	for k, v := range l {
		if k != kube.NamespaceNameLabel {
			labels[k] = v
		}
	}
	m.c.Namespaces = append(m.c.Namespaces, &kube.Namespace{Meta: kube.Meta{Kind: "Namespace", Name: name, Labels: labels}, Declared: true})
	return name
}

func (m *maybes) pod(namespace string, l kube.Labels) *kube.Workload {
	w := &kube.Workload{Meta: kube.Meta{Kind: "Pod", Namespace: namespace, Name: fmt.Sprint("maybe-", len(m.c.Workloads))}, Replicas: -1}
	w.Pod.Labels = l
	m.c.Workloads = append(m.c.Workloads, w)
	m.is[w] = true
	return w
}

// labelsAskedFor is the values that the selectors of peers name for each key, of pods and of namespaces.
func labelsAskedFor(c *kube.Cluster) (pods, namespaces map[string][]string) {
	pods, namespaces = map[string][]string{}, map[string][]string{}
	add := func(to map[string][]string, s *kube.LabelSelector) {
		if s == nil {
			return
		}
		for _, r := range s.Requirements {
			if r.Key == kube.NamespaceNameLabel {
				continue // a namespace that is there, or one that needs no pod of its own
			}
			for _, v := range append([]string{""}, r.Values...) {
				if !slices.Contains(to[r.Key], v) {
					to[r.Key] = append(to[r.Key], v)
				}
			}
		}
	}
	for _, p := range c.NetworkPolicies {
		for _, r := range append(p.Ingress[:len(p.Ingress):len(p.Ingress)], p.Egress...) {
			for _, x := range r.Peers {
				add(pods, x.PodSelector)
				add(namespaces, x.NamespaceSelector)
			}
		}
	}
	for _, p := range c.AdminPolicies {
		for _, r := range append(p.Ingress[:len(p.Ingress):len(p.Ingress)], p.Egress...) {
			for _, x := range r.Peers {
				add(namespaces, x.Namespaces)
				if x.Pods != nil {
					add(pods, &x.Pods.PodSelector)
					add(namespaces, &x.Pods.NamespaceSelector)
				}
			}
		}
	}
	return pods, namespaces
}

// combinations is each choice of a value, or none, for each key. The value "" stands for one that no selector names.
func combinations(keys map[string][]string) []kube.Labels {
	list := []kube.Labels{{}}
	for k, values := range keys {
		for _, l := range list[:len(list):len(list)] {
			for _, v := range values {
				more := kube.Labels{k: v}
				for key, value := range l {
					more[key] = value
				}
				if v == "" {
					more[k] = "another"
				}
				list = append(list, more)
			}
		}
	}
	return list
}

// selected is the pods that a line means, by its selectors.
type selected struct {
	namespace        string // "" for those that the selector selects
	namespaces, pods kube.LabelSelector
}

var words = regexp.MustCompile(`^(?:\[all namespaces\]|\[namespace with \{(.*)\}\]|([^/\[]+))/(?:\[all pods\]|\[pod with \{(.*)\}\])$`)

// selectedBy reads "[namespace with {a=b}]/[all pods]" and the like.
func selectedBy(line string) (selected, error) {
	x := words.FindStringSubmatch(line)
	if x == nil {
		return selected{}, fmt.Errorf("not known which pods are meant: %q", line)
	}
	return selected{x[2], selectorFrom(x[1]), selectorFrom(x[3])}, nil
}

// selectorFrom reads "a=b,{Key:c,Operator:In,Values:[d e],}".
func selectorFrom(s string) (sel kube.LabelSelector) {
	expression := regexp.MustCompile(`\{Key:([^,]+),Operator:(\w+),Values:\[([^\]]*)\],\}`)
	for _, x := range expression.FindAllStringSubmatch(s, -1) {
		op := map[string]kube.Operator{"In": kube.In, "NotIn": kube.NotIn, "Exists": kube.Exists, "DoesNotExist": kube.DoesNotExist}[x[2]]
		sel.Requirements = append(sel.Requirements, kube.Requirement{Key: x[1], Op: op, Values: strings.Fields(x[3])})
	}
	for _, pair := range strings.Split(expression.ReplaceAllString(s, ""), ",") {
		if k, v, ok := strings.Cut(pair, "="); ok {
			sel.Requirements = append(sel.Requirements, kube.Requirement{Key: k, Op: kube.In, Values: []string{v}})
		}
	}
	return sel
}

// selects reports whether a line means a pod.
func (m *maybes) selects(line string, p *kube.Workload) bool {
	s, err := selectedBy(line)
	if err != nil || s.namespace != "" && s.namespace != p.Namespace {
		return false
	}
	return s.namespaces.Matches(m.c.Namespace(p.Namespace).Labels) && s.pods.Matches(p.Pod.Labels)
}

// listed reports whether any line of a workload's means a pod.
func (m *maybes) listed(p *kube.Workload, of side, lines []exposed) bool {
	return slices.ContainsFunc(lines, func(l exposed) bool { return l.side == of && m.selects(l.to, p) })
}

// addLike adds pods that are as a line says, and have no other labels.
func (m *maybes) addLike(line string) error {
	if m.like[line] != nil {
		return nil
	}
	s, err := selectedBy(line)
	if err != nil {
		return err
	}
	for _, space := range labelsLike(s.namespaces) {
		name := s.namespace
		if name == "" {
			name = m.namespace("", space)
		} else if m.c.Namespace(name) == nil {
			m.namespace(name, nil)
		}
		for _, l := range labelsLike(s.pods) {
			m.like[line] = append(m.like[line], m.pod(name, l))
		}
	}
	return nil
}

// labelsLike is the least labels that meet a selector: one choice for each value.
func labelsLike(s kube.LabelSelector) []kube.Labels {
	asked := map[string][]string{}
	for _, r := range s.Requirements {
		switch {
		case r.Op == kube.In:
			asked[r.Key] = r.Values
		case r.Op == kube.Exists && asked[r.Key] == nil:
			asked[r.Key] = []string{""}
		}
	}
	return slices.DeleteFunc(combinations(asked), func(l kube.Labels) bool { return len(l) < len(asked) })
}
