package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// namer puts sets of workloads into few words.
type namer struct {
	names []string         // NAMESPACE/NAME
	space []string         // of each
	of    map[string][]int // by namespace
	made  map[string][]int // by the name of what made pods
	maker []string         // of each: "" where the name would not tell
	all   bool             // nothing is left out
}

// named is how many workloads of a namespace are named before the rest is counted, and excepted how many that are not of it.
const (
	named    = 8
	excepted = 3
)

// newNamer takes names as [kube.Evaluator.Names] has them, and those of [kube.Evaluator.Makers], or nil.
func newNamer(names, makers []string, all bool) *namer {
	n := &namer{names: names, of: map[string][]int{}, made: map[string][]int{}, maker: make([]string, len(names)), all: all}
	for i, m := range makers {
		if m != "" {
			n.maker[i] = m
			n.made[m] = append(n.made[m], i)
		}
	}
	for i, name := range names {
		space, _, _ := strings.Cut(name, "/")
		n.space = append(n.space, space)
		n.of[space] = append(n.of[space], i)
	}
	return n
}

// words is "shop/web, db; office/* (12)". Numbers are sorted.
func (n *namer) words(set []int) string {
	if len(set) == len(n.names) && len(set) > 1 {
		return fmt.Sprintf("every workload (%d)", len(set))
	}
	in := map[string][]int{}
	for _, i := range set {
		in[n.space[i]] = append(in[n.space[i]], i)
	}
	spaces := slices.Sorted(maps.Keys(in))
	var parts, whole []string
	for _, space := range spaces {
		switch {
		case len(in[space]) == len(n.of[space]) && len(in[space]) > 1:
			whole = append(whole, fmt.Sprintf("%s/* (%d)", space, len(in[space])))
		default:
			parts = append(parts, n.some(space, in[space]))
		}
	}
	if len(whole) > named && !n.all {
		rest := 0
		for _, space := range spaces {
			if len(in[space]) == len(n.of[space]) && len(in[space]) > 1 {
				rest += len(in[space])
			}
		}
		whole = []string{fmt.Sprintf("all %d workloads of %d namespaces, %s, ...", rest, len(whole), strings.Join(whole[:2], ", "))}
	}
	if len(parts) > named && !n.all {
		parts = append(parts[:2:2], fmt.Sprintf("some of %d more namespaces", len(parts)-2))
	}
	return strings.Join(append(whole, parts...), "; ")
}

// some is workloads of a namespace, and not all of them.
func (n *namer) some(space string, set []int) string {
	all := n.of[space]
	if missing := len(all) - len(set); missing <= excepted && len(set) > 2*excepted {
		var rest []int
		for _, i := range all {
			if _, there := slices.BinarySearch(set, i); !there {
				rest = append(rest, i)
			}
		}
		return fmt.Sprintf("%s/* (%d) but %s", space, len(set), strings.Join(n.short(rest), ", "))
	}
	list := n.short(set)
	if len(list) > named && !n.all {
		list = append(list[:named-2:named-2], fmt.Sprintf("%d more of %d", len(list)-named+2, len(all)))
	}
	return space + "/" + strings.Join(list, ", ")
}

// short is workloads of a namespace without it. Pods that one object made are called by its name where all of them are meant.
func (n *namer) short(set []int) []string {
	count := map[string]int{}
	for _, i := range set {
		count[n.maker[i]]++
	}
	var out []string
	for _, i := range set {
		name := n.names[i]
		if m := n.maker[i]; m != "" && count[m] == len(n.made[m]) {
			if i != n.made[m][0] {
				continue
			}
			if name = m; count[m] > 1 {
				name += fmt.Sprintf(" (%d)", count[m])
			}
		}
		out = append(out, strings.TrimPrefix(name, n.space[i]+"/"))
	}
	slices.Sort(out)
	return out
}
