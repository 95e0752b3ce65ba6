package main

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// startBudget is what starting a program may take over starting it bare, in milliseconds.
const startBudget = 8

// start measures the start and end of a program that does nothing.
func (b *bench) start() (Table, error) {
	starts := func(argv ...string) func() (sample, error) {
		return func() (sample, error) {
			took := make([]float64, b.starts)
			for i := range took {
				begin := time.Now()
				if err := exec.Command(argv[0], argv[1:]...).Run(); err != nil {
					return sample{}, refused(argv, err)
				}
				took[i] = float64(time.Since(begin)) / 1e6
			}
			return sample{value: median(took)}, nil
		}
	}
	series, err := b.interleave(b.rounds, []contender{
		{"bare", "", starts("true")},
		{"run", "bare", starts(append(b.run(), "true")...)},
		{"strace --seccomp-bpf", "bare", starts(append(slices.Clone(strace), "true")...)},
		{"bwrap", "bare", starts("bwrap", "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true")},
	})
	t := Table{What: "true(1), from start to end", Unit: "ms", Base: "bare", Series: series}
	t.judge("run over bare", "ms", startBudget, t.find("run").over(t.find("bare")))
	return t, err
}

// refused makes a peer that fails one that is unavailable: namespaces or ptrace may be forbidden here. true and sallyport
// have to work.
func refused(argv []string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return unavailable(argv[0] + " is not installed")
	case argv[0] == "bwrap" || argv[0] == "strace":
		return unavailable(fmt.Sprintf("%s fails here: %v", argv[0], err))
	}
	return fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
}
