package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// namer puts sets of workloads into few words.
type namer struct {
	names []string // NAMESPACE/NAME
	space []string // of each
	of    map[string][]int
	all   bool // nothing is left out
}

// named is how many workloads of a namespace are named before the rest is counted, and excepted how many that are not of it.
const (
	named    = 8
	excepted = 3
)

func newNamer(names []string, all bool) *namer {
	n := &namer{names: names, of: map[string][]int{}, all: all}
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
			if len(in[space]) == len(n.of[space]) {
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
	short := func(list []int) []string {
		var out []string
		for _, i := range list {
			out = append(out, strings.TrimPrefix(n.names[i], space+"/"))
		}
		slices.Sort(out)
		return out
	}
	if missing := len(all) - len(set); missing <= excepted && len(set) > 2*excepted {
		var rest []int
		for _, i := range all {
			if _, there := slices.BinarySearch(set, i); !there {
				rest = append(rest, i)
			}
		}
		return fmt.Sprintf("%s/* (%d) but %s", space, len(set), strings.Join(short(rest), ", "))
	}
	list := short(set)
	if len(list) > named && !n.all {
		list = append(list[:named-2:named-2], fmt.Sprintf("%d more of %d", len(list)-named+2, len(all)))
	}
	return space + "/" + strings.Join(list, ", ")
}
