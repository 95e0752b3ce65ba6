// Command policy measures sallyport on clusters that it makes, as whole processes that read YAML: one connection, the matrix of all
// workloads; what package kube takes for a list of what may connect; and np-guard's netpol-analyzer on the same files.
// scripts/bench-policy builds all of them and runs it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// The budgets, and the clusters that they are for: namespaces, pods and policies of each.
var (
	large  = shape{240, 10, 20, 0}
	larger = shape{1000, 10, 10, 0}
	lists  = []shape{{10, 10, 20, 0}, {20, 10, 20, 0}, {40, 10, 20, 0}}
	growth = []shape{{100, 10, 10, 0}, {1000, 10, 10, 0}, {1000, 10, 10, 10}}
)

func main() {
	if len(os.Args) == 3 && child[os.Args[1]] != nil {
		child[os.Args[1]](os.Args[2])
		return
	}
	rounds := flag.Int("rounds", 5, "turns for each contender")
	sallyport := flag.String("sallyport", "", "the sallyport to measure")
	peer := flag.String("peer", "", "np-guard's netpolicy; left out where empty")
	long := flag.Bool("long", false, "once also what takes very long: np-guard's list of the large cluster, and all pairs of 100,000 pods")
	flag.Parse()
	if *sallyport == "" {
		check(errors.New("-sallyport is missing: scripts/bench-policy builds it and runs this"))
	}

	dir, err := os.MkdirTemp("", "sallyport-policy-")
	check(err)
	defer os.RemoveAll(dir)
	b := &bench{dir: dir, rounds: *rounds, sallyport: *sallyport, peer: *peer}
	b.machine()

	b.table("one decision", large)
	b.measure("check --from --to", 0.300, 0, b.check())
	b.measure("np-guard eval", 0, 0, b.eval())

	b.table("the matrix", large)
	b.measure("check --matrix", 1, 200, b.matrix())
	b.table("the matrix", larger)
	b.measure("check --matrix", 6, 0, b.matrix())

	if *long {
		lists = append(lists, large)
	}
	for _, s := range lists {
		b.table("the list of what may connect", s)
		b.rounds = min(*rounds, 3) // np-guard takes minutes
		if s == large {
			b.rounds = 1
		}
		b.keep("package kube", b.self("list"))
		b.keep("np-guard list", b.list())
		b.end()
		b.same()
	}
	b.rounds = *rounds
	for _, s := range growth {
		b.table("growth", s)
		b.measure("check --from --to", 0, 0, b.check())
		b.measure("the matrix by groups", 0, 0, b.self("groups"))
		if s.count() < 100_000 {
			b.measure("check --matrix", 0, 0, b.matrix())
		}
	}
	if *long {
		b.table("once", growth[len(growth)-1])
		b.rounds = 1
		b.measure("check --matrix", 0, 0, b.matrix())
	}
	b.end()
	os.Exit(b.status)
}

// generate writes a cluster into a directory of its own, once.
func (b *bench) generate(s shape) string {
	dir := filepath.Join(b.dir, fmt.Sprintf("%dx%dx%dx%d", s.namespaces, s.pods, s.policies, s.replicas))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	check(os.Mkdir(dir, 0o755))
	f, err := os.Create(filepath.Join(dir, "cluster.yaml"))
	check(err)
	check(s.write(f))
	check(f.Close())
	return dir
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(2)
	}
}
