package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is where the numbers come from.
type Machine struct {
	Processors int     `json:"processors"`
	Model      string  `json:"model,omitempty"` // /proc/cpuinfo's, where it says
	Kernel     string  `json:"kernel"`
	Go         string  `json:"go"`
	OwnNetwork bool    `json:"own_network"` // a network namespace of its own, not the machine's loopback
	LoadBefore float64 `json:"load_before"` // the load average of the last minute
	LoadAfter  float64 `json:"load_after"`
}

func readMachine(own bool) Machine {
	m := Machine{Processors: runtime.NumCPU(), Go: runtime.Version(), OwnNetwork: own, LoadBefore: load()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		release := unix.ByteSliceToString(u.Release[:])
		m.Kernel, _, _ = strings.Cut(release, "-") // without what names one build, or one provider
	}
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range bytes.Lines(b) {
		if k, v, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(k) == "model name" {
			m.Model = strings.TrimSpace(v)
			break
		}
	}
	return m
}

// load is the load average of the last minute, of proc_loadavg(5).
func load() float64 {
	var l float64
	b, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(b), &l)
	return l
}

func (m *Machine) text(w io.Writer) {
	where := "a network namespace of its own"
	if !m.OwnNetwork {
		where = "the machine's loopback"
	}
	fmt.Fprintf(w, "%d processors (%s), Linux %s, %s, on %s\nload average before: %s\n",
		m.Processors, m.Model, m.Kernel, m.Go, where, number(m.LoadBefore))
	if m.LoadBefore > float64(m.Processors)/2 {
		fmt.Fprintln(w, "noisy: the machine is busy with something else")
	}
}
