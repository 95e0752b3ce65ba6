package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// child is what this program does as a process that is measured.
var child = map[string]func(file string){"groups": groups, "list": list}

// self runs this program itself.
func (b *bench) self(what string) func(dir string) *exec.Cmd {
	return func(dir string) *exec.Cmd {
		return exec.Command("/proc/self/exe", what, filepath.Join(dir, "cluster.yaml"))
	}
}

// check asks sallyport about one connection.
func (b *bench) check() func(dir string) *exec.Cmd {
	last := fmt.Sprintf("ns%d/pod%d:8080", b.shape.namespaces-1, b.shape.pods-1)
	return func(dir string) *exec.Cmd {
		return exec.Command(b.sallyport, "check", "--from", "ns0/pod0", "--to", last, filepath.Join(dir, "cluster.yaml"))
	}
}

// matrix asks it about all.
func (b *bench) matrix() func(dir string) *exec.Cmd {
	return func(dir string) *exec.Cmd {
		return exec.Command(b.sallyport, "check", "--matrix", "--output", "csv", filepath.Join(dir, "cluster.yaml"))
	}
}

// eval asks np-guard about the same connection.
func (b *bench) eval() func(dir string) *exec.Cmd {
	s := b.shape
	return b.npguard("eval", "-n", "ns0", "-s", "pod0", "--destination-namespace", fmt.Sprint("ns", s.namespaces-1), "-d", fmt.Sprint("pod", s.pods-1), "-p", "8080")
}

func (b *bench) list() func(dir string) *exec.Cmd { return b.npguard("list") }

func (b *bench) npguard(args ...string) func(dir string) *exec.Cmd {
	if b.peer == "" {
		return nil
	}
	return func(dir string) *exec.Cmd { return exec.Command(b.peer, append(args, "-q", "--dirpath", dir)...) }
}

func read(file string) *kube.Evaluator {
	c, problems := kube.Read(kube.Path(file))
	for _, p := range problems {
		if p.Severity == kube.Error {
			check(p)
		}
	}
	return kube.Compile(c, kube.Assumptions{})
}

// groups counts who may reach whom, by groups of pods that are alike.
func groups(file string) {
	e := read(file)
	var rows, pairs, open int
	for row := range e.GroupMatrix() {
		rows++
		for _, r := range row.Reach {
			pairs++
			if !r.Certain.IsEmpty() {
				open++
			}
		}
	}
	fmt.Printf("%d groups, %d pairs, %d open\n", rows, pairs, open)
}

// list writes each pair that may connect, with the ports, as np-guard does.
func list(file string) {
	e := read(file)
	w := bufio.NewWriterSize(os.Stdout, 1<<16)
	defer w.Flush()
	work := e.Workloads()
	names := make([]string, len(work))
	for i, x := range work {
		names[i] = x.Namespace + "/" + x.Name + "[" + x.Kind + "]"
	}
	words := map[flowset.Transports]string{}
	for row := range e.Matrix() {
		from := row.From.Namespace + "/" + row.From.Name + "[" + row.From.Kind + "]"
		for i, r := range row.Reach {
			if r.Certain.IsEmpty() || row.From == work[i] {
				continue
			}
			s, there := words[r.Certain]
			if !there {
				s = inWords(r.Certain)
				words[r.Certain] = s
			}
			w.WriteString(from)
			w.WriteString(" => ")
			w.WriteString(names[i])
			w.WriteString(" : ")
			w.WriteString(s)
			w.WriteByte('\n')
		}
	}
}

// inWords is "SCTP 1-65535,TCP 80,UDP 53", as np-guard has it: it counts ports from 1.
func inWords(t flowset.Transports) string {
	parts := []string{}
	full := 0
	for p, ports := range t.All() {
		ports = ports.Subtract(flowset.Port(0))
		if ports == flowset.PortRange(1, 65535) {
			full++
		}
		parts = append(parts, strings.ToUpper(p.String())+" "+ports.String())
	}
	if full == 3 {
		return "All Connections"
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// same compares the two lists that were kept, of pods alone: np-guard's has ranges of addresses too.
func (b *bench) same() {
	if b.peer == "" {
		return
	}
	address := regexp.MustCompile(`^[0-9.]+-|=> [0-9.]+-`)
	lines := func(name string) []string {
		out, err := os.ReadFile(filepath.Join(b.dir, name))
		check(err)
		var list []string
		for l := range bytes.Lines(out) {
			if !address.Match(l) && len(bytes.TrimSpace(l)) > 0 {
				list = append(list, string(bytes.TrimSpace(l)))
			}
		}
		slices.Sort(list)
		return list
	}
	ours, theirs := lines("out-1"), lines("out-2")
	if slices.Equal(ours, theirs) {
		fmt.Printf("  both list the same %d pairs, with the same ports\n", len(ours))
		return
	}
	b.status = 1
	fmt.Printf("  the lists differ: %d lines, and %d of np-guard's\n", len(ours), len(theirs))
}
