package diagnose

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// How a counter of the network namespace is asked whether an attempt moves it. Others may move it too, so it has to stand still before, and
// rise by each SYN of several, twice. It has to be over before anything is retransmitted, 1 s after the counterfactuals began.
const (
	stirSettle = 150 * time.Millisecond // for the answers to the counterfactuals, which begin at the same time
	stirQuiet  = 100 * time.Millisecond
	stirAnswer = 250 * time.Millisecond // for the answers to the SYNs
	stirPoll   = 5 * time.Millisecond
)

// stirs reports whether each TCP connect of an attempt moves a counter. between is called before and after each row of SYNs, with how
// many they were.
func stirs(ctx context.Context, a attempt.Attempt, counter func() (uint64, bool), between func(syns int)) bool {
	pause(ctx, stirSettle)
	for _, syns := range []int{4, 5} {
		before, ok := counter()
		pause(ctx, stirQuiet)
		if quiet, _ := counter(); !ok || quiet != before || ctx.Err() != nil {
			return false
		}
		between(0)
		rose := stir(ctx, a, syns, before, counter)
		between(syns)
		if !rose {
			return false
		}
	}
	return true
}

// stir sends SYNs, and reports whether the counter rose by as many.
func stir(ctx context.Context, a attempt.Attempt, syns int, before uint64, counter func() (uint64, bool)) bool {
	var open []int
	defer func() {
		for _, fd := range open {
			_ = unix.Close(fd)
		}
	}()
	for range syns {
		fd := startConnect(a)
		if fd < 0 {
			return false
		}
		open = append(open, fd)
	}
	for end := time.Now().Add(stirAnswer); ; pause(ctx, stirPoll) {
		if n, ok := counter(); !ok || n >= before+uint64(syns) {
			return ok
		}
		if ctx.Err() != nil || time.Now().After(end) {
			return false
		}
	}
}
