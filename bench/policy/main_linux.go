// Command policy measures sallyport on clusters that it makes: the matrix of all workloads, and one connection, each as a whole process
// that reads YAML.
//
//	go run ./bench/policy
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	dir, err := os.MkdirTemp("", "sallyport-policy-")
	check(err)
	defer os.RemoveAll(dir)
	sallyport := filepath.Join(dir, "sallyport")
	build := exec.Command("go", "build", "-o", sallyport, "github.com/sallyport/sallyport/cmd/sallyport")
	build.Stderr = os.Stderr
	check(build.Run())
	fmt.Printf("%-30s %10s %10s %10s  %s\n", "cluster", "YAML", "seconds", "memory", "what")
	for _, s := range []shape{{240, 10, 20}, {1000, 10, 10}, {100, 10, 10}, {10_000, 10, 1}} {
		file := filepath.Join(dir, fmt.Sprintf("%dx%dx%d.yaml", s.namespaces, s.pods, s.policies))
		size := generate(s, file)
		if s.namespaces*s.pods < 100_000 { // 10^10 pairs are for nobody to read
			measure(s.String(), size, "check --matrix", exec.Command(sallyport, "check", "--matrix", "--output", "csv", file))
		}
		last := fmt.Sprintf("ns%d/pod%d:8080", s.namespaces-1, s.pods-1)
		measure(s.String(), size, "check --from --to", exec.Command(sallyport, "check", "--from", "ns0/pod0", "--to", last, file))
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

// measure runs a command as a whole process, whose output nobody reads: held in memory here, it would count as the next command's, which
// begins as a copy of this process. Exit status 1 is that a connection is denied.
func measure(name string, size int64, what string, c *exec.Cmd) {
	c.Stderr = os.Stderr
	begin := time.Now()
	err := c.Run()
	took := time.Since(begin)
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		check(err)
	}
	memory := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss / 1024
	fmt.Printf("%-30s %7.1f MB %10.3f %7d MB  %s\n", name, float64(size)/1e6, took.Seconds(), memory, what)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(1)
	}
}
