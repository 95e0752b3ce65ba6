package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/kube"
)

// dotNode is workloads of a namespace that no line of the matrix tells apart.
type dotNode struct {
	space string
	of    []int
}

// dotEdge is from one node to another, or to outside (-1).
type dotEdge struct {
	from, to int
	label    string
	unsure   bool
}

// DOT writes a graph for graphviz: workloads that are alike in one node, namespaces as clusters, what is not certain dashed.
func (m *Matrix) DOT(w io.Writer) error {
	b := bufio.NewWriter(w)
	nodes, edges := m.graph()
	// Without newrank, graphviz 2.43 ends in "trouble in init_rank" where many edges with labels cross clusters.
	b.WriteString("digraph matrix {\n  rankdir=LR\n  newrank=true\n  node [shape=box, style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\", fontsize=11]\n" +
		"  edge [fontname=\"Helvetica\", fontsize=9]\n  graph [fontname=\"Helvetica\", fontsize=12, style=\"rounded,filled\", fillcolor=\"#f2f4f7\", color=\"#c0c6d0\"]\n")
	names := newNamer(m.Evaluator.Names(), m.Evaluator.Makers(), true)
	var spaces []string
	for _, n := range nodes {
		if !slices.Contains(spaces, n.space) {
			spaces = append(spaces, n.space)
		}
	}
	slices.Sort(spaces)
	for i, space := range spaces {
		fmt.Fprintf(b, "  subgraph cluster_%d {\n    label=%s\n", i, dotString(space))
		for n, node := range nodes {
			if node.space != space {
				continue
			}
			list := names.short(node.of)
			if len(list) > 2*named {
				list = append(list[:named:named], fmt.Sprintf("and %d more", len(list)-named))
			}
			fmt.Fprintf(b, "    n%d [label=%s]\n", n, dotString(strings.Join(list, "\n")))
		}
		b.WriteString("  }\n")
	}
	outside := slices.ContainsFunc(edges, func(e dotEdge) bool { return e.from < 0 || e.to < 0 })
	if outside {
		fmt.Fprintf(b, "  outside [label=%s, shape=ellipse, fillcolor=\"#fff4d6\"]\n", dotString(kube.OutsideName))
	}
	id := func(n int) string {
		if n < 0 {
			return kube.OutsideName
		}
		return "n" + strconv.Itoa(n)
	}
	for _, e := range bothWays(edges) {
		var attributes []string
		if label := strings.TrimSpace(strings.TrimSuffix(e.label, everyPort)); label != "" { // most are for every port, and say nothing
			attributes = append(attributes, "label="+dotString(label))
		}
		if e.unsure {
			attributes = append(attributes, "style=dashed")
		}
		if e.both {
			attributes = append(attributes, "dir=both")
		}
		fmt.Fprintf(b, "  %s -> %s", id(e.from), id(e.to))
		if attributes != nil {
			fmt.Fprintf(b, " [%s]", strings.Join(attributes, ", "))
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	return b.Flush()
}

func dotString(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		lines = append(lines, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(line)))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

// drawnEdge is one line for two edges that differ in their direction alone.
type drawnEdge struct {
	dotEdge
	both bool
}

func bothWays(edges []dotEdge) []drawnEdge {
	var out []drawnEdge
	at := map[dotEdge]int{}
	for _, e := range edges {
		back := dotEdge{e.to, e.from, e.label, e.unsure}
		if i, there := at[back]; there && e.from != e.to {
			out[i].both = true
			delete(at, back)
			continue
		}
		at[e] = len(out)
		out = append(out, drawnEdge{dotEdge: e})
	}
	return out
}

// graph puts workloads of a namespace together whose rows and columns are equal.
func (m *Matrix) graph() ([]dotNode, []dotEdge) {
	e := m.Evaluator
	work := e.Workloads()
	groups := e.Groups(m.From, m.To)
	signs := make([]strings.Builder, len(work))
	used := make([]bool, len(work))
	for n, g := range groups {
		for _, i := range g.From {
			used[i] = true
			fmt.Fprintf(&signs[i], "row %d,", n)
		}
		for k, r := range g.Reach {
			for _, j := range r.To() {
				used[j] = true
				fmt.Fprintf(&signs[j], "%d.%d,", n, k)
			}
		}
	}
	var inbound []dotEdge
	if m.From.Outside {
		for i, w := range work {
			if !m.To.Workloads[i] {
				continue
			}
			used[i] = true
			for _, p := range outsideParts(e.Outside(w).From) {
				label := outsideLabel(p)
				signs[i].WriteString("\x00" + label)
				inbound = append(inbound, dotEdge{-1, i, label, !p.certain})
			}
		}
	}
	var nodes []dotNode
	known := map[string]int{}
	node := make([]int, len(work))
	for i, w := range work {
		if !used[i] {
			continue
		}
		key := w.Namespace + "\x00" + signs[i].String()
		n, there := known[key]
		if !there {
			n = len(nodes)
			known[key] = n
			nodes = append(nodes, dotNode{space: w.Namespace})
		}
		nodes[n].of = append(nodes[n].of, i)
		node[i] = n
	}
	var edges []dotEdge
	seen := map[dotEdge]bool{}
	add := func(x dotEdge) {
		if !seen[x] {
			seen[x] = true
			edges = append(edges, x)
		}
	}
	for _, g := range groups {
		for _, i := range g.From {
			for _, r := range g.Reach {
				for _, j := range r.To() {
					if i == j && work[i].Single() {
						continue
					}
					for _, words := range reachWords(r.Reach) {
						label, unsure := strings.CutPrefix(words, unsure)
						add(dotEdge{node[i], node[j], label, unsure})
					}
				}
			}
			for _, p := range outsideParts(g.Outside) {
				add(dotEdge{node[i], -1, outsideLabel(p), !p.certain})
			}
		}
	}
	for _, x := range inbound {
		x.to = node[x.to]
		add(x)
	}
	return nodes, edges
}

// outsideLabel is the ports, with the addresses where they are not all.
func outsideLabel(p outsidePart) string {
	label := portWords(p.ports)
	if a := strings.TrimPrefix(outsideWords(p.addrs), kube.OutsideName); a != "" {
		label = strings.ReplaceAll(strings.TrimSpace(a), ", ", ",\n") + "\n" + label
	}
	return label
}
