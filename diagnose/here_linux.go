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

// standpointOf is to be called while the process waits for the answer to its call, where it does: it may end right after. A process that
// is gone by now, as one that gave up waiting may be, still stood in our own network namespace if its socket was in that. nil where
// the process can't be looked at.
func standpointOf(l *attempt.Life) *standpoint {
	if l.Process == nil || l.Process.PID <= 0 {
		return nil
	}
	pid := strconv.Itoa(l.Process.PID)
	s := &standpoint{uid: -1, cgroup: cgroupOf(pid)}
	var err error
	if s.netns, err = os.Open("/proc/" + pid + "/ns/net"); err != nil {
		if l.Netns == 0 || l.Netns != ownNetns() {
			return nil
		}
		if s.netns, err = os.Open("/proc/self/ns/net"); err != nil {
			return nil
		}
	}
	if f := strings.Fields(field(read("/proc/"+pid+"/status"), "Uid")); len(f) > 1 { // real, effective, saved, file system
		if n, err := strconv.Atoi(f[1]); err == nil {
			s.uid = n
		}
	}
	return s
}

// elsewhere reports whether a socket is of another network namespace than sallyport's own, as far as is known.
func elsewhere(l *attempt.Life) bool { return l.Netns != 0 && l.Netns != ownNetns() }

// ownNetns is the cookie of our own network namespace, SO_NETNS_COOKIE; 0 where the kernel would not tell.
func ownNetns() uint64 {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	n, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0
	}
	return n
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
			if a.Source.Kind == attempt.SourceGiven || a.Device != "" {
				h.plain = c.lookupRoute(attempt.Attempt{Protocol: a.Protocol, Destination: a.Destination}, s.uid)
			}
			if path := "/proc/sys/net/ipv6/conf/all/disable_ipv6"; read(path) == "1" { // of the thread's namespace
				h.route.disabled = "net.ipv6.conf.all.disable_ipv6 is 1"
			}
		}
		if !h.route.asked || h.route.errno != 0 {
			return // no packet was made
		}
		h.filter = readFilter(ctx, s.packet(a, &h.route))
		h.conntrack = readConnTable(ctx, r, a)
		if r.Protocol == attempt.TCP && r.Outcome.Kind == attempt.TimedOut && h.route.kind != routeLocal {
			h.reverse = readReversePath(ctx, a)
		}
		if r.Protocol == attempt.TCP && r.Outcome.Kind == attempt.TimedOut && !h.reverse.drops && !h.conntrack.drops {
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

// stands reports whether a life's network namespace can be looked at by its process: it lives, or was in our own.
func stands(l *attempt.Life) bool {
	if l.Netns != 0 && l.Netns == ownNetns() {
		return true
	}
	if l.Process == nil || l.Process.PID <= 0 {
		return false
	}
	_, err := os.Readlink("/proc/" + strconv.Itoa(l.Process.PID) + "/ns/net")
	return err == nil
}
