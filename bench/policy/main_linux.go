// Command policy measures package kube on clusters that it makes: the matrix of all workloads, as a whole process that reads YAML,
// and one decision.
//
//	go run ./bench/policy
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/kube"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "matrix" {
		matrix(os.Args[2])
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "decide" {
		decide(os.Args[2])
		return
	}
	dir, err := os.MkdirTemp("", "sallyport-policy-")
	check(err)
	defer os.RemoveAll(dir)
	fmt.Printf("%-30s %10s %10s %10s %12s  %s\n", "cluster", "YAML", "seconds", "memory", "pairs", "what")
	for _, s := range []shape{{240, 10, 20}, {1000, 10, 10}, {100, 10, 10}, {10_000, 10, 1}} {
		file := filepath.Join(dir, fmt.Sprintf("%dx%dx%d.yaml", s.namespaces, s.pods, s.policies))
		size := generate(s, file)
		commands := []string{"matrix", "decide"}
		if s.namespaces*s.pods >= 100_000 {
			commands = []string{"decide"} // 10^10 pairs are for nobody to read
		}
		for _, c := range commands {
			measure(s.String(), size, c, exec.Command(os.Args[0], c, file))
		}
	}
}

func generate(s shape, file string) int64 {
	f, err := os.Create(file)
	check(err)
	check(s.write(f))
	at, err := f.Seek(0, 1)
	check(err)
	check(f.Close())
	return at
}

// measure runs a command as a whole process.
func measure(name string, size int64, what string, c *exec.Cmd) {
	c.Stderr = os.Stderr
	begin := time.Now()
	out, err := c.Output()
	took := time.Since(begin)
	check(err)
	memory := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss / 1024
	fmt.Printf("%-30s %7.1f MB %10.3f %7d MB %12s  %s\n", name, float64(size)/1e6, took.Seconds(), memory, firstLine(out), what)
}

func firstLine(out []byte) string {
	for i, c := range out {
		if c == '\n' {
			return string(out[:i])
		}
	}
	return ""
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

// matrix counts the pairs that may connect by any port, having looked at all.
func matrix(file string) {
	e := read(file)
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	var pairs, open, unclear int
	for row := range e.Matrix() {
		for _, r := range row.Reach {
			pairs++
			if !r.Certain.IsEmpty() {
				open++
			}
			if r.Certain != r.Possible {
				unclear++
			}
		}
	}
	fmt.Fprintf(w, "%d\n%d open, %d not certain\n", pairs, open, unclear)
}

// decide asks one question.
func decide(file string) {
	e := read(file)
	work := e.Workloads()
	d := e.Decide(kube.Origin{Workload: work[0]}, kube.Destination{Workload: work[len(work)-1]}, kube.TCP, 8080)
	fmt.Printf("1\n%v\n", d.Verdict)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(1)
	}
}
