//go:build !linux

package doctor

import "runtime"

// Examine finds out what this machine lets sallyport do: here, nothing that watches a program.
func Examine(Self) *Report {
	const reason = "sallyport run watches a program by a Linux kernel interface, and this is "
	return &Report{
		Because: []string{Kernel + ": " + reason + runtime.GOOS},
		Change:  []string{"run it on Linux, or in a Linux container or virtual machine"},
		Checks: []Check{{
			Name: Kernel, OK: No, Reason: reason + runtime.GOOS, Change: "run it on Linux, or in a Linux container or virtual machine",
		}},
	}
}

// Child makes the trials of an examination; there are none here.
func Child(string) int { return 2 }
