// Command probe measures sallyport-probe in network namespaces that it makes: all ports of a host beside nmap, many hosts of which some are silent, and the
// memory for a million attempts. scripts/bench-probe builds both and runs it.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The budgets.
const (
	maxMemory  = 100.0 // MB, for a million attempts
	silence    = 3.0   // seconds, the probe's timeout
	overhead   = 3.0   // seconds, on top of what silence takes
	concurrent = 1000  // attempts at a time with --rate 0
)

type bench struct {
	*network
	probe  string
	rounds int
	status int
}

// series is what a command took in each round.
type series struct {
	took, cpu []float64
	memory    float64 // MB, the most
	out       string  // of the last round
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "listen" {
		check(listen())
		return
	}
	rounds := flag.Int("rounds", 5, "turns for each contender")
	program := flag.String("probe", "", "the sallyport-probe to measure")
	quick := flag.Bool("quick", false, "all ports alone, and no judgement: whether it runs")
	flag.Parse()
	if *program == "" {
		check(errors.New("-probe is missing: scripts/bench-probe builds it and runs this"))
	}
	n, err := newNetwork()
	check(err)
	b := &bench{network: n, probe: *program, rounds: *rounds}
	err = b.run(*quick)
	n.close()
	check(err)
	if !*quick {
		os.Exit(b.status)
	}
}

func (b *bench) run(quick bool) error {
	var load string
	data, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(data), &load)
	fmt.Printf("%d processors, %s; load average before: %s\n", runtime.NumCPU(), runtime.Version(), load)
	if err := b.allPorts(); err != nil || quick {
		return err
	}
	if err := b.silentHosts(); err != nil {
		return err
	}
	return b.memories()
}

// turn runs a command once.
func (b *bench) turn(s *series, argv ...string) error {
	cmd := b.command(argv...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, errs.String())
	}
	s.took = append(s.took, time.Since(begin).Seconds())
	s.cpu = append(s.cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	s.memory = max(s.memory, float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)*1024/1e6)
	s.out = out.String()
	return nil
}

func head(what string) {
	fmt.Printf("\n%s\n%-34s %8s %8s %8s %8s %8s\n", what, "", "seconds", "min", "max", "CPU", "MB")
}

func (s *series) print(name string) {
	fmt.Printf("%-34s %8.3f %8.3f %8.3f %8.3f %8.0f\n", name, median(s.took), slices.Min(s.took), slices.Max(s.took), median(s.cpu), s.memory)
}

func (b *bench) say(met bool, format string, args ...any) {
	word := "met"
	if !met {
		word, b.status = "missed", 1
	}
	fmt.Printf("  budget %s: %s\n", word, fmt.Sprintf(format, args...))
}

// allPorts is one host, beside nmap, whose answers have to be the same.
func (b *bench) allPorts() error {
	var ours, peer series
	_, missing := exec.LookPath("nmap")
	for range b.rounds {
		if err := b.turn(&ours, b.probe, "--rate", "0", "--output", "json", farAddr+":1-65535"); err != nil {
			return err
		}
		if missing == nil {
			if err := b.turn(&peer, "nmap", "-sT", "-Pn", "-n", "-p-", "-T5", "--min-rate", "50000", "-oG", "-", farAddr); err != nil {
				return err
			}
		}
	}
	head("65535 TCP ports of one host")
	ours.print("sallyport-probe --rate 0")
	got, err := count(ours.out)
	if err != nil {
		return err
	}
	right := got["connected"] == len(openPorts) && got["refused"] == 65535-len(openPorts)
	b.say(right, "no false answer: %d open, %d closed", got["connected"], got["refused"])
	if missing != nil {
		fmt.Println("not measured: nmap is not installed")
		return nil
	}
	peer.print("nmap -sT -T5 --min-rate 50000")
	open := len(regexp.MustCompile(`/open/tcp/`).FindAllString(peer.out, -1))
	b.say(open == got["connected"], "both found as many open ports: %d and %d", got["connected"], open)
	var times, cpu []float64
	for i := range ours.took {
		times, cpu = append(times, ours.took[i]/peer.took[i]), append(cpu, ours.cpu[i]/peer.cpu[i])
	}
	b.say(median(times) < 1, "faster than nmap: %.2f x its time, %.2f x its CPU", median(times), median(cpu))
	return nil
}

// silentHosts are a thousand hosts, of which some are silent: what that takes is the silence divided by how many may wait at a time.
func (b *bench) silentHosts() error {
	head("1000 hosts, 22 ports of each, 30% silent")
	list := writeTargets(1000, func(i int) string { return fmt.Sprintf("10.91.%d.%d:common", (i+1)>>8, (i+1)&255) })
	defer os.Remove(list)
	for _, c := range []int{concurrent, 8 * concurrent} {
		var s series
		if err := b.turn(&s, b.probe, "--rate", "0", "--concurrency", fmt.Sprint(c), "--sources", "none", "--output", "json", "--targets", list); err != nil {
			return err
		}
		s.print(fmt.Sprintf("--rate 0 --concurrency %d", c))
		got, err := count(s.out)
		if err != nil {
			return err
		}
		b.say(got["timed out"] == dropped*22 && got["refused"] == (1000-dropped)*22, "no false answer: %d silent, %d closed", got["timed out"], got["refused"])
		most := max(silence, silence*dropped*22/float64(c)) + overhead
		b.say(s.took[0] <= most, "%.1f s, at most %.1f s", s.took[0], most)
	}
	return nil
}

// memories are a million attempts, at few hosts and at many.
func (b *bench) memories() error {
	head("a million attempts")
	list := writeTargets(1_000_000, func(i int) string { return fmt.Sprintf("10.%d.%d.%d:80", 112+i>>16, i>>8&255, i&255) })
	defer os.Remove(list)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"1024 hosts, 1000 ports of each", []string{"10.112.0.0/22:1-1000"}},
		{"1000000 hosts, a port of each", []string{"--targets", list}},
		{"the same, --output json", []string{"--output", "json", "--targets", list}},
	} {
		var s series
		if err := b.turn(&s, append([]string{b.probe, "--rate", "0", "--sources", "none"}, c.args...)...); err != nil {
			return err
		}
		s.print(c.name)
		b.say(s.memory <= maxMemory, "%.0f MB, at most %.0f MB", s.memory, maxMemory)
	}
	return nil
}

func writeTargets(n int, target func(i int) string) string {
	f, err := os.CreateTemp("", "bench-probe-")
	check(err)
	// Not at once: what this process has in memory counts for its children, until they execute something (getrusage(2), ru_maxrss).
	w := bufio.NewWriter(f)
	for i := range n {
		_, _ = w.WriteString(target(i) + "\n")
	}
	check(errors.Join(w.Flush(), f.Close()))
	return f.Name()
}

// count is how many ports came to each end, of what --output json writes.
func count(out string) (map[string]int, error) {
	var doc struct {
		Rows []struct {
			Ends []struct {
				Ports   [][2]int
				Outcome string
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		return nil, fmt.Errorf("read the probe's JSON: %w", err)
	}
	n := map[string]int{}
	for _, r := range doc.Rows {
		for _, e := range r.Ends {
			for _, p := range e.Ports {
				n[e.Outcome] += p[1] - p[0] + 1
			}
		}
	}
	return n, nil
}

// median is the middle of some numbers.
func median(numbers []float64) float64 {
	s := slices.Sorted(slices.Values(numbers))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/probe:", err)
		os.Exit(2)
	}
}
