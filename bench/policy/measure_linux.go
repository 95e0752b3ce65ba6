package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// bench is a run.
type bench struct {
	dir       string
	rounds    int
	sallyport string
	peer      string // "" for none
	status    int    // 1 where a budget was missed, or where the two don't say the same

	shape      shape
	contenders []contender
}

// contender is a command that is run as a whole process, what it may take, and what it took in each round.
type contender struct {
	name           string
	seconds, limit float64 // of the median; 0 for no budget
	command        func(dir string) *exec.Cmd

	out       string    // where its output is kept; "" for nowhere
	took, cpu []float64 // seconds, of the clock and of all processors
	memory    int64     // the most, in MB (10^6 bytes)
}

func (b *bench) machine() {
	fmt.Printf("%d processors, %s; load average before: %s\n", runtime.NumCPU(), runtime.Version(), load())
	if l, err := strconv.ParseFloat(load(), 64); err == nil && l > float64(runtime.NumCPU())/2 {
		fmt.Println("noisy: the machine is busy with something else: CPU tells more than seconds")
	}
}

// load is the load average of the last minute, of proc_loadavg(5).
func load() string {
	var l string
	data, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(data), &l)
	return l
}

// table begins a table, having run the contenders of the one before.
func (b *bench) table(what string, s shape) {
	b.end()
	b.shape = s
	info, err := os.Stat(filepath.Join(b.generate(s), "cluster.yaml"))
	check(err)
	fmt.Printf("\n%s: %v, %.1f MB of YAML\n%-26s %8s %8s %8s %8s %8s %8s %8s  load %s\n",
		what, s, float64(info.Size())/1e6, "", "seconds", "min", "max", "CPU", "MB", "x", "x CPU", load())
}

// measure adds a contender to the table.
func (b *bench) measure(name string, seconds, memory float64, command func(dir string) *exec.Cmd) {
	if command != nil {
		b.contenders = append(b.contenders, contender{name: name, seconds: seconds, limit: memory, command: command})
	}
}

// keep adds a contender whose output is kept.
func (b *bench) keep(name string, command func(dir string) *exec.Cmd) {
	b.measure(name, 0, 0, command)
	if command != nil {
		c := &b.contenders[len(b.contenders)-1]
		c.out = filepath.Join(b.dir, fmt.Sprint("out-", len(b.contenders)))
	}
}

// end lets the contenders of a table take turns, and writes it.
func (b *bench) end() {
	dir := ""
	if len(b.contenders) > 0 {
		dir = b.generate(b.shape)
	}
	for range b.rounds {
		for i := range b.contenders {
			b.contenders[i].run(dir)
		}
	}
	for i := range b.contenders {
		c, first := &b.contenders[i], &b.contenders[0]
		m := median(c.took)
		fmt.Printf("%-26s %8.3f %8.3f %8.3f %8.3f %8d", c.name, m, slices.Min(c.took), slices.Max(c.took), median(c.cpu), c.memory)
		if i > 0 {
			fmt.Printf(" %8.1f %8.1f", times(c.took, first.took), times(c.cpu, first.cpu))
		}
		fmt.Println()
		b.judge(c, m)
	}
	b.contenders = nil
}

// times is the median of the ratios within a round.
func times(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

// judge holds a contender to its budget.
func (b *bench) judge(c *contender, seconds float64) {
	if c.seconds > 0 {
		b.say(seconds <= c.seconds, fmt.Sprintf("%s: %.3f s, at most %.3f s", c.name, seconds, c.seconds))
	}
	if c.limit > 0 {
		b.say(float64(c.memory) <= c.limit, fmt.Sprintf("%s: %d MB, at most %.0f MB", c.name, c.memory, c.limit))
	}
}

func (b *bench) say(met bool, what string) {
	word := "met"
	if !met {
		word, b.status = "missed", 1
	}
	fmt.Printf("  budget %s: %s\n", word, what)
}

// run is one turn.
func (c *contender) run(dir string) {
	cmd := c.command(dir)
	cmd.Stderr = os.Stderr
	if c.out != "" {
		f, err := os.Create(c.out)
		check(err)
		defer f.Close()
		cmd.Stdout = f
	}
	begin := time.Now()
	err := cmd.Run()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 { // 1 is that a connection is denied
		check(err)
	}
	c.took = append(c.took, time.Since(begin).Seconds())
	c.cpu = append(c.cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	c.memory = max(c.memory, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss*1024/1e6)
}

// median is the middle of some numbers.
func median(numbers []float64) float64 {
	s := slices.Sorted(slices.Values(numbers))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
