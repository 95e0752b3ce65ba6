package kube

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/kube/internal/tree"
)

// Read reads objects from any mixture of sources: YAML of one or more documents, JSON, and the lists that kubectl get
// writes. Objects that name no namespace are put into the namespace "default". The problems are in the order of
// sources and lines.
func Read(sources ...Source) (*Cluster, []Problem) {
	return Reader{Namespace: "default"}.Read(sources...)
}

// Reader reads like [Read].
type Reader struct {
	// Namespace is that of objects which name none, as kubectl's --namespace.
	Namespace string
}

// part is what was read from some pieces of the input, or in the end from all of it.
type part struct {
	cluster  Cluster
	problems []Problem
	objects  []object
}

// object is one that was read, to find those that are there twice.
type object struct {
	key  string
	hash uint64
	at   Pos
	meta []*Meta // more than one where an object became several
	// known tells that its kind is read.
	known bool
}

// unit is a piece of a file.
type unit struct {
	file  *file
	piece tree.Piece
}

// Read reads objects.
func (rd Reader) Read(sources ...Source) (*Cluster, []Problem) {
	all := &part{}
	var units []unit
	order := map[string]int{}
	for _, s := range sources {
		files := s.files()
		for i := range files {
			f := &files[i]
			if _, ok := order[f.name]; !ok {
				order[f.name] = len(order)
			}
			if f.problem != nil {
				all.unread(*f.problem)
				continue
			}
			for _, p := range tree.Split(f.text) {
				units = append(units, unit{f, p})
			}
		}
	}
	for _, p := range rd.readUnits(units) {
		all.add(p)
	}
	all.empty(units)
	all.duplicates()
	all.nameNamespaces()
	all.gather()
	slices.SortStableFunc(all.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
	return &all.cluster, all.problems
}

// chunk is how many bytes one goroutine reads at a time: enough that what each costs does not count.
const chunk = 64 << 10

// readUnits reads units on all processors. The parts are in the order of the units.
func (rd Reader) readUnits(units []unit) []*part {
	var chunks [][]unit
	for size, from, i := 0, 0, 0; i < len(units); i++ {
		if size += units[i].piece.Len(); size >= chunk || i == len(units)-1 {
			chunks = append(chunks, units[from:i+1])
			size, from = 0, i+1
		}
	}
	parts := make([]*part, len(chunks))
	next := make(chan int, len(chunks))
	for i := range chunks {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(chunks)) {
		wg.Go(func() {
			var parser tree.Parser
			for i := range next {
				parts[i] = rd.readChunk(&parser, chunks[i])
			}
		})
	}
	wg.Wait()
	return parts
}

func (rd Reader) readChunk(parser *tree.Parser, units []unit) *part {
	out := &part{}
	for _, u := range units {
		r := &reader{file: u.file.name, namespace: rd.Namespace, out: out}
		nodes, err := parser.Parse(u.piece)
		if err != nil {
			out.unread(Problem{Pos: Pos{r.file, err.Line}, Severity: Error, What: err.What + hint(u.piece, err)})
			continue
		}
		for i := range nodes {
			r.document(&nodes[i], u.file.direct)
		}
	}
	return out
}

// hint is what to do about a document that is not YAML.
func hint(piece tree.Piece, err *tree.SyntaxError) string {
	if line := piece.TextLine(err.Line); strings.Contains(line, "{{") {
		return ": this looks like a template, render it first (helm template)"
	}
	return ""
}

// unread reports what may have held any object.
func (p *part) unread(problem Problem) {
	p.problems = append(p.problems, problem)
	if problem.Severity == Error {
		p.cluster.Unread = append(p.cluster.Unread, problem)
	}
}

// add appends what another part read.
func (p *part) add(o *part) {
	p.problems = append(p.problems, o.problems...)
	p.objects = append(p.objects, o.objects...)
	c, d := &p.cluster, &o.cluster
	c.Namespaces = append(c.Namespaces, d.Namespaces...)
	c.Workloads = append(c.Workloads, d.Workloads...)
	c.Services = append(c.Services, d.Services...)
	c.Endpoints = append(c.Endpoints, d.Endpoints...)
	c.Nodes = append(c.Nodes, d.Nodes...)
	c.NetworkPolicies = append(c.NetworkPolicies, d.NetworkPolicies...)
	c.AdminPolicies = append(c.AdminPolicies, d.AdminPolicies...)
	c.CiliumPolicies = append(c.CiliumPolicies, d.CiliumPolicies...)
	c.CIDRGroups = append(c.CIDRGroups, d.CIDRGroups...)
	c.EgressFirewalls = append(c.EgressFirewalls, d.EgressFirewalls...)
	c.EgressIPs = append(c.EgressIPs, d.EgressIPs...)
	c.Proxies = append(c.Proxies, d.Proxies...)
	c.Networks = append(c.Networks, d.Networks...)
	c.SCCs = append(c.SCCs, d.SCCs...)
	c.Mesh.add(&d.Mesh)
	c.CalicoPolicies = append(c.CalicoPolicies, d.CalicoPolicies...)
	c.CalicoTiers = append(c.CalicoTiers, d.CalicoTiers...)
	c.NetworkSets = append(c.NetworkSets, d.NetworkSets...)
	c.HostEndpoints = append(c.HostEndpoints, d.HostEndpoints...)
	c.FelixConfigurations = append(c.FelixConfigurations, d.FelixConfigurations...)
	c.ServiceAccounts = append(c.ServiceAccounts, d.ServiceAccounts...)
	c.Data = append(c.Data, d.Data...)
	c.Others = append(c.Others, d.Others...)
	c.Unread = append(c.Unread, d.Unread...)
}

// empty reports files that hold no object and no problem.
func (p *part) empty(units []unit) {
	holds := map[string]bool{}
	for _, o := range p.objects {
		holds[o.at.File] = true
	}
	for _, q := range p.problems {
		holds[q.File] = true
	}
	for _, u := range units {
		if !holds[u.file.name] {
			holds[u.file.name] = true
			p.problems = append(p.problems, Problem{Pos: Pos{File: u.file.name}, Severity: Warning, What: "holds no object"})
		}
	}
}

// gather makes one warning of those for objects of one kind in one file that is not known.
func (p *part) gather() {
	count := map[Problem]int{}
	key := func(q Problem) Problem { return Problem{Pos: Pos{File: q.File}, What: q.What} }
	p.problems = slices.DeleteFunc(p.problems, func(q Problem) bool {
		if q.Severity != Warning || !strings.HasPrefix(q.What, unknownKind) {
			return false
		}
		count[key(q)]++
		return count[key(q)] > 1
	})
	for i := range p.problems {
		if n := count[key(p.problems[i])]; n > 1 {
			p.problems[i].What += fmt.Sprintf(" (%d objects in this file)", n)
		}
	}
}

// duplicates finds objects that are there twice. Where they are the same, one is left out; where they differ, neither
// can be said to be in force.
func (p *part) duplicates() {
	first := make(map[string]*object, len(p.objects))
	drop := map[*Meta]bool{}
	for i := range p.objects {
		o := &p.objects[i]
		f := first[o.key]
		if f == nil {
			first[o.key] = o
			continue
		}
		name := o.meta[0].String()
		if f.hash == o.hash {
			p.problems = append(p.problems, Problem{o.at, Warning, name, fmt.Sprintf("is given twice, first in %s: read once", f.at)})
			for _, m := range o.meta {
				drop[m] = true
			}
			continue
		}
		if !o.known {
			p.problems = append(p.problems, Problem{o.at, Warning, name, fmt.Sprintf("is given twice, and differs in %s", f.at)})
			continue
		}
		for _, pair := range [][2]*object{{f, o}, {o, f}} {
			q := Problem{pair[0].at, Error, name, fmt.Sprintf("is given twice, and differs in %s: want it once", pair[1].at)}
			if pair[0] == o || !f.reported() {
				p.problems = append(p.problems, q)
			}
			for _, m := range pair[0].meta {
				m.Errors = append(m.Errors, q)
			}
		}
	}
	if len(drop) > 0 {
		p.cluster.drop(drop)
	}
}

// reported tells that a duplicate of the object was found before.
func (o *object) reported() bool {
	for _, e := range o.meta[0].Errors {
		if strings.HasPrefix(e.What, "is given twice") {
			return true
		}
	}
	return false
}

// drop takes objects out of the cluster.
func (c *Cluster) drop(which map[*Meta]bool) {
	c.Namespaces = slices.DeleteFunc(c.Namespaces, func(o *Namespace) bool { return which[&o.Meta] })
	c.Workloads = slices.DeleteFunc(c.Workloads, func(o *Workload) bool { return which[&o.Meta] })
	c.Services = slices.DeleteFunc(c.Services, func(o *Service) bool { return which[&o.Meta] })
	c.Endpoints = slices.DeleteFunc(c.Endpoints, func(o *EndpointSlice) bool { return which[&o.Meta] })
	c.Nodes = slices.DeleteFunc(c.Nodes, func(o *Node) bool { return which[&o.Meta] })
	c.NetworkPolicies = slices.DeleteFunc(c.NetworkPolicies, func(o *NetworkPolicy) bool { return which[&o.Meta] })
	c.AdminPolicies = slices.DeleteFunc(c.AdminPolicies, func(o *AdminPolicy) bool { return which[&o.Meta] })
	c.CiliumPolicies = slices.DeleteFunc(c.CiliumPolicies, func(o *CiliumPolicy) bool { return which[&o.Meta] })
	c.CIDRGroups = slices.DeleteFunc(c.CIDRGroups, func(o *CiliumCIDRGroup) bool { return which[&o.Meta] })
	c.EgressFirewalls = slices.DeleteFunc(c.EgressFirewalls, func(o *EgressFirewall) bool { return which[&o.Meta] })
	c.EgressIPs = slices.DeleteFunc(c.EgressIPs, func(o *EgressIP) bool { return which[&o.Meta] })
	c.Proxies = slices.DeleteFunc(c.Proxies, func(o *Proxy) bool { return which[&o.Meta] })
	c.Networks = slices.DeleteFunc(c.Networks, func(o *ClusterNetwork) bool { return which[&o.Meta] })
	c.SCCs = slices.DeleteFunc(c.SCCs, func(o *SecurityContextConstraints) bool { return which[&o.Meta] })
	c.Mesh.drop(which)
	c.CalicoPolicies = slices.DeleteFunc(c.CalicoPolicies, func(o *CalicoPolicy) bool { return which[&o.Meta] })
	c.CalicoTiers = slices.DeleteFunc(c.CalicoTiers, func(o *CalicoTier) bool { return which[&o.Meta] })
	c.NetworkSets = slices.DeleteFunc(c.NetworkSets, func(o *NetworkSet) bool { return which[&o.Meta] })
	c.HostEndpoints = slices.DeleteFunc(c.HostEndpoints, func(o *HostEndpoint) bool { return which[&o.Meta] })
	c.FelixConfigurations = slices.DeleteFunc(c.FelixConfigurations, func(o *FelixConfiguration) bool { return which[&o.Meta] })
	c.ServiceAccounts = slices.DeleteFunc(c.ServiceAccounts, func(o *ServiceAccount) bool { return which[&o.Meta] })
	c.Others = slices.DeleteFunc(c.Others, func(o *Meta) bool { return which[o] })
}

// nameNamespaces adds the namespaces that only other objects name.
func (p *part) nameNamespaces() {
	c := &p.cluster
	have := make(map[string]bool, len(c.Namespaces))
	for _, n := range c.Namespaces {
		have[n.Name] = true
	}
	for _, o := range p.objects {
		m := o.meta[0]
		if m.Namespace == "" || have[m.Namespace] {
			continue
		}
		have[m.Namespace] = true
		c.Namespaces = append(c.Namespaces, &Namespace{Meta: Meta{
			Pos: m.Pos, APIVersion: "v1", Kind: "Namespace", Name: m.Namespace,
			Labels: Labels{NamespaceNameLabel: m.Namespace},
		}})
	}
}
