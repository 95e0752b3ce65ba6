package diagnose

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// standpoint is where a process stands: what is needed to look from there once it is gone.
type standpoint struct {
	netns  *os.File
	uid    int    // effective; negative where it could not be read
	cgroup string // of the version 2 hierarchy; "" where it could not be read
}

// standpointOf is to be called while the process waits for the answer to its call: it may end right after. nil where the process can't be
// looked at.
func standpointOf(pid int) *standpoint {
	if pid <= 0 {
		return nil
	}
	dir := "/proc/" + strconv.Itoa(pid)
	netns, err := os.Open(dir + "/ns/net")
	if err != nil {
		return nil
	}
	s := &standpoint{netns: netns, uid: -1, cgroup: cgroupOf(strconv.Itoa(pid))}
	if f := strings.Fields(field(read(dir+"/status"), "Uid")); len(f) > 1 { // real, effective, saved, file system
		if n, err := strconv.Atoi(f[1]); err == nil {
			s.uid = n
		}
	}
	return s
}

func (s *standpoint) close() {
	if s != nil {
		_ = s.netns.Close()
	}
}

// look looks at the way out of a failed attempt.
func (s *standpoint) look(ctx context.Context, r attempt.Result) here {
	var h here
	if s == nil || r.Decided || !r.Destination.IsValid() {
		return h
	}
	a := effective(r)
	_ = s.inside(func() {
		if c, err := openRTNetlink(); err == nil {
			defer c.close()
			h.route = c.lookupRoute(a, s.uid)
			if path := "/proc/sys/net/ipv6/conf/all/disable_ipv6"; read(path) == "1" { // of the thread's namespace
				h.route.disabled = "net.ipv6.conf.all.disable_ipv6 is 1"
			}
		}
		if !h.route.asked || h.route.errno != 0 {
			return // no packet was made
		}
		h.filter = readFilter(ctx, s.packet(a, &h.route))
		if r.Protocol == attempt.TCP && r.Outcome.Kind == attempt.TimedOut {
			h.leaves = leaves(ctx, a)
		}
	})
	if h.route.errno == 0 {
		h.confining, h.portDenied = s.readCgroup(r), readLandlock(r)
	}
	return h
}

// packet is the first packet of an attempt.
func (s *standpoint) packet(a attempt.Attempt, r *routing) packet {
	p := packet{
		to: a.Destination.Addr().Unmap(), from: r.source, port: a.Destination.Port(), protocol: a.Protocol, device: r.device, uid: s.uid,
		tracked: a.Protocol.Stream(),
	}
	if a.Source.Kind == attempt.SourceGiven {
		p.from = a.Source.Addr.Addr().Unmap()
	}
	return p
}

// effective is the attempt as it was made: without the bind that was elided.
func effective(r attempt.Result) attempt.Attempt {
	a := r.Attempt
	if r.Elided {
		a.Source = attempt.Source{}
	}
	return a
}

// inside calls f on a thread in the process's network namespace. Where that is another than ours, the thread ends with f.
func (s *standpoint) inside(f func()) error {
	var mine, theirs unix.Stat_t
	if unix.Stat("/proc/self/ns/net", &mine) == nil && unix.Fstat(int(s.netns.Fd()), &theirs) == nil && mine.Ino == theirs.Ino && mine.Dev == theirs.Dev {
		f()
		return nil
	}
	done := make(chan error)
	go func() { // stays locked: its thread is not fit for anything else
		runtime.LockOSThread()
		err := unix.Setns(int(s.netns.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			f()
		} else {
			err = fmt.Errorf("enter the program's network namespace: %w", err)
		}
		done <- err
	}()
	return <-done
}
