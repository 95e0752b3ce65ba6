package supervise

import (
	"context"
	"net/netip"
	"os"
	"runtime"
	"strconv"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/sound"
)

// Sound sends probes, all at the same time, from the network namespace of a process of the program, and reports what came back of
// each, as sound.Sound does. A profile's word is asked first: what it denies is not sent, and Cancelled.
func (s *Supervisor) Sound(ctx context.Context, pid int, probes []attempt.Probe) ([]attempt.Echo, error) {
	all := make([]attempt.Echo, len(probes))
	var allowed []attempt.Probe
	var at []int
	for i, p := range probes {
		if s.enforcing() {
			if _, denied := s.decide(attempt.Attempt{Protocol: p.Protocol, Destination: p.To}); denied {
				all[i].Outcome = attempt.Outcome{Kind: attempt.Cancelled}
				continue
			}
		}
		allowed, at = append(allowed, p), append(at, i)
	}
	err := inNamespaceOf(pid, func() error {
		echoes, err := sound.Sound(ctx, allowed)
		for i, e := range echoes {
			all[at[i]] = e
		}
		return err
	})
	return all, err
}

// NextHop asks the kernel, in the network namespace of a process of the program, where it sends packets for an address, and whether
// the neighbour there answers.
func (s *Supervisor) NextHop(pid int, to netip.Addr) (attempt.NextHop, error) {
	var hop attempt.NextHop
	err := inNamespaceOf(pid, func() error {
		var err error
		hop, err = sound.NextHop(to)
		return err
	})
	return hop, err
}

// inNamespaceOf calls f on a thread that is in the process's network namespace; in sallyport's own where the process is gone.
func inNamespaceOf(pid int, f func() error) error {
	ns := "/proc/" + strconv.Itoa(pid) + "/ns/net"
	if _, err := os.Readlink(ns); err != nil || sameLink(ns, "/proc/self/ns/net") {
		return f()
	}
	ch := make(chan error)
	go func() { // the thread is not unlocked: it ends with the goroutine, and its network namespace with it
		runtime.LockOSThread()
		err := enterNamespace(ns)
		if err == nil {
			err = f()
		}
		ch <- err
	}()
	return <-ch
}
