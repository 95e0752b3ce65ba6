package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// helperName is the first argument of this program as a helper: a program that makes socket calls, bare or under
// sallyport or a peer. What follows it is the mode, and the mode's arguments.
const helperName = "[bench helper]"

var helpers = map[string]func(args []string) error{
	"cycle":     helpCycle,
	"hold":      helpHold,
	"blackhole": helpBlackhole,
}

// helperInit turns this process into a helper, where it was started as one; else it returns.
func helperInit() {
	if len(os.Args) < 3 || os.Args[1] != helperName {
		return
	}
	// The runtime's own signals would interrupt the calls that are measured. Only the environment can turn them
	// off, and it is this process's alone: sallyport is a Go program as well.
	const quiet = "asyncpreemptoff=1"
	if os.Getenv("GODEBUG") != quiet {
		os.Setenv("GODEBUG", quiet)
		fmt.Fprintln(os.Stderr, "bench helper: execute anew:", syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
		os.Exit(1)
	}
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	help, ok := helpers[os.Args[2]]
	if !ok {
		fmt.Fprintf(os.Stderr, "bench helper: unknown mode %q\n", os.Args[2])
		os.Exit(1)
	}
	if err := help(os.Args[3:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench helper: %s: %v\n", os.Args[2], err)
		os.Exit(1)
	}
	unix.Exit(0) // under the race detector os.Exit takes a second
}

// latencies is what a helper answers: nanoseconds a cycle.
type latencies struct {
	Mean   float64 `json:"mean"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
}

// warmUp is the share of cycles that come before those that count: a tenth more.
const warmUp = 10

// timed makes cycles one after the other and writes what they took to stdout. The clock is read once a cycle.
func timed(count int, cycle func() error) error {
	took := make([]time.Duration, count)
	for range count/warmUp + 1 {
		if err := cycle(); err != nil {
			return err
		}
	}
	begin := time.Now()
	last := begin
	for i := range took {
		if err := cycle(); err != nil {
			return err
		}
		now := time.Now()
		took[i], last = now.Sub(last), now
	}
	mean := float64(last.Sub(begin)) / float64(count)
	slices.Sort(took)
	return json.NewEncoder(os.Stdout).Encode(latencies{
		Mean: mean, Median: float64(took[count/2]), P99: float64(took[count*99/100]),
	})
}

// argument reads a helper's numeric argument, which this program wrote itself.
func argument(args []string, i int) (int, error) {
	if i >= len(args) {
		return 0, fmt.Errorf("argument %d is missing", i+1)
	}
	return strconv.Atoi(args[i])
}
